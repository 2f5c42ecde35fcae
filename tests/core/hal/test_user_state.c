/*
 * test_user_state.c - what of a user thread lives longer in a CPU than its general registers: wide
 * vector registers and the GS base, apart for each thread, over calls, preemption and CPUs.
 */
#include "exo/debug/boot.h"
#include "exo/hal.h"
#include "exo/lib/string.h"
#include "exo/sched/thread.h"
#include "exo_check.h"
#include "user_box.h"

#define NR_PLAIN 39u
#define THREADS  3u
#define ROUNDS   60u

BOX_PROGRAM(wide);
BOX_PROGRAM(gs);
BOX_PROGRAM(wrgs);

/* A visit to user mode by a thread that may sit on another CPU than the last. */
struct visit {
    struct hal_user *user;
    struct hal_user_event event;
};

static void visit_thread(void *arg)
{
    struct visit *visit = arg;

    box_run(visit->user, &visit->event);
}

static struct hal_user_event visit_on(uint32_t cpu, struct hal_user *user)
{
    struct visit visit = { .user = user };
    const struct thread_spec spec = {
        .name = "visitor", .entry = visit_thread, .arg = &visit, .cpu = cpu
    };
    struct thread *thread = NULL;

    ck_assert_int_eq(thread_create(&spec, &thread), EXO_OK);
    thread_join(thread, NULL);
    return visit.event;
}

static uint32_t cpu_of_round(uint32_t round)
{
    const uint32_t cpus = boot_info_get()->cpu_count;

    return (round / 4) % (cpus < 4 ? cpus : 4);
}

/* Make THREADS threads of the box's space, the box's own first, that start at the same code. */
static void threads_open(struct box *box, struct hal_user *user[THREADS])
{
    user[0] = box->user;
    for (uint32_t i = 1; i < THREADS; i++) {
        ck_assert_int_eq(hal_user_create(box->space, &user[i]), EXO_OK);
        hal_user_start(user[i], USER_CODE, STACK_TOP - 512 * i);
    }
}

static void threads_close(struct box *box, struct hal_user *user[THREADS])
{
    for (uint32_t i = 1; i < THREADS; i++) {
        hal_user_destroy(user[i]);
    }
    box_close(box);
}

/* All 16 registers of each thread, their upper halves, stay its own while others use them on the
 * same CPU and while it moves. */
START_TEST(user_wide_registers_are_per_thread)
{
    struct hal_user *user[THREADS];
    struct box box;

    box_open(&box);
    BOX_START(&box, wide);
    threads_open(&box, user);
    for (uint32_t i = 0; i < THREADS; i++) {
        const uint64_t seed = 0x0101010101010101ull * (i + 1);

        memcpy(box.data + 8 * i, &seed, sizeof(seed));
        box_arguments(user[i], USER_DATA + 8 * i, 0);
    }
    for (uint32_t round = 0; round < ROUNDS; round++) {
        for (uint32_t i = 0; i < THREADS; i++) {
            const struct hal_user_event event = visit_on(cpu_of_round(round + i), user[i]);

            ck_assert_uint_eq(event.reason, HAL_USER_SYSCALL);
            ck_assert_msg(event.arg[0] == 0, "thread %u lost register %u in round %u", i,
                          (unsigned)event.arg[0] - 1, round);
        }
    }
    threads_close(&box, user);
}
END_TEST

/* The base that was set from outside, per thread. */
START_TEST(user_gs_base_is_kept)
{
    struct hal_user_regs regs;
    struct hal_user *user[THREADS];
    struct box box;

    box_open(&box);
    BOX_START(&box, gs);
    threads_open(&box, user);
    for (uint32_t i = 0; i < THREADS; i++) {
        const uint64_t word = 0xaa00 + i;

        memcpy(box.data + 8 * i, &word, sizeof(word));
        hal_user_regs_get(user[i], &regs);
        regs.gs_base = USER_DATA + 8 * i;
        ck_assert_int_eq(hal_user_regs_set(user[i], &regs), EXO_OK);
    }
    for (uint32_t round = 0; round < ROUNDS; round++) {
        for (uint32_t i = 0; i < THREADS; i++) {
            const struct hal_user_event event = visit_on(cpu_of_round(round + i), user[i]);

            ck_assert_uint_eq(event.reason, HAL_USER_SYSCALL);
            ck_assert_uint_eq(event.arg[0], 0xaa00 + i);
        }
    }
    hal_user_regs_get(user[2], &regs);
    ck_assert_uint_eq(regs.gs_base, USER_DATA + 16);
    threads_close(&box, user);
}
END_TEST

#define VECTOR_UNDEFINED 6u

/* The base that user code set itself, where the processor lets it; it is told when asked for. */
START_TEST(user_gs_base_of_its_own_is_kept)
{
    struct hal_user_regs regs;
    struct hal_user *user[THREADS];
    struct box box;

    box_open(&box);
    BOX_START(&box, wrgs);
    threads_open(&box, user);
    for (uint32_t i = 0; i < THREADS; i++) {
        const uint64_t word = 0xbb00 + i;

        memcpy(box.data + 8 * i, &word, sizeof(word));
        box_arguments(user[i], USER_DATA + 8 * i, 0);
    }
    for (uint32_t round = 0; round < ROUNDS; round++) {
        for (uint32_t i = 0; i < THREADS; i++) {
            const struct hal_user_event event = visit_on(cpu_of_round(round + i), user[i]);

            if (event.reason == HAL_USER_EXCEPTION && event.vector == VECTOR_UNDEFINED) {
                threads_close(&box, user); /* no FSGSBASE */
                return;
            }
            ck_assert_uint_eq(event.reason, HAL_USER_SYSCALL);
            ck_assert_uint_eq(event.arg[0], 0xbb00 + i);
        }
    }
    hal_user_regs_get(user[1], &regs);
    ck_assert_uint_eq(regs.gs_base, USER_DATA + 8);
    threads_close(&box, user);
}
END_TEST

EXO_SUITE(hal_user_state, EXO_TEST(user_wide_registers_are_per_thread),
          EXO_TEST(user_gs_base_is_kept), EXO_TEST(user_gs_base_of_its_own_is_kept))
