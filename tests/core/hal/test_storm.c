/*
 * test_storm.c - timer interrupts at arbitrary points on every CPU, with a canary in every
 * register.
 *
 * Two kernel threads on each CPU run hal_test_canary() (canary.S), and two user threads the like
 * with all vector registers that there are (user_storm), each with canaries of its own, while a
 * timer fires at pseudo-random distances and asks for a switch between them each time. A register
 * that an interrupt, a preemption or a switch loses, or that arrives in another thread, is seen at
 * once. 20 000 interrupts in check, 1 000 000 in check-long.
 */
#include <stdatomic.h>

#include "exo/debug/panic.h"
#include "exo/hal.h"
#include "exo/lib/string.h"
#include "exo/sched/thread.h"
#include "exo/time/timer.h"
#include "exo_check.h"
#include "exo_test.h"
#include "user_box.h"

#define STORM_SHORT     20000u
#define STORM_LONG      1000000u
#define STORM_NEAR_NS   4000u /* least distance of two interrupts on a CPU */
#define STORM_SPREAD    16384u
#define CANARY_ROUNDS   2000u
#define STACK_WORDS     64u
#define THREADS_PER_CPU 4u /* two in user mode, two in the kernel */
#define USERS_PER_CPU   2u
#define USER_ROUNDS     2000u
#define USER_ROUNDS_AT  128u /* layout of the page: canary.S */
#define USER_SSE_AT     256u
#define USER_VECTORS_AT 1024u
#define VECTOR_BYTES    64u
#define SSE_BYTES       16u
#define SSE_COUNT       16u

uint64_t hal_test_canary(const uint64_t expected[15], uint64_t rounds, uint64_t tear);

struct storm {
    struct timer timer;
    uint64_t random;
    _Atomic uint64_t fired;
    uint64_t wanted;
};

struct victim {
    uint32_t id;
    struct storm *storm; /* of its CPU; the first victim of a CPU starts it */
    bool starts;
    struct box box; /* of a victim in user mode */
};

static struct storm g_storm[CPUS_MAX];
static _Atomic uint32_t g_torn;
static _Atomic uint32_t g_offered; /* what user threads found beside SSE: AVX 1, AVX-512 2 */

static uint64_t next_random(uint64_t *state)
{
    uint64_t x = *state;

    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    *state = x;
    return x;
}

static void storm_fire(struct timer *timer)
{
    struct storm *storm = container_of(timer, struct storm, timer);
    const uint64_t fired = atomic_load_explicit(&storm->fired, memory_order_relaxed) + 1;

    atomic_store_explicit(&storm->fired, fired, memory_order_release);
    hal_resched_set(); /* the other victim of this CPU goes on */
    if (fired < storm->wanted) {
        timer_arm(timer,
                  hal_clock_ns() + STORM_NEAR_NS + next_random(&storm->random) % STORM_SPREAD);
    }
}

static bool storm_is_over(struct storm *storm)
{
    return atomic_load_explicit(&storm->fired, memory_order_acquire) >= storm->wanted;
}

static void victim_thread(void *arg)
{
    const struct victim *victim = arg;
    volatile uint64_t pattern[STACK_WORDS];
    uint64_t expected[15];
    uint64_t random = 0x9e3779b97f4a7c15ull * (victim->id + 1);
    bool torn = false;

    for (uint32_t i = 0; i < STACK_WORDS; i++) {
        pattern[i] = (uint64_t)victim->id << 32 | i;
    }
    if (victim->starts) {
        timer_arm(&victim->storm->timer, 0);
    }
    while (!storm_is_over(victim->storm)) {
        for (uint32_t i = 0; i < ARRAY_COUNT(expected); i++) {
            expected[i] = next_random(&random);
        }
        torn |= hal_test_canary(expected, CANARY_ROUNDS, 0) != 0;
        for (uint32_t i = 0; i < STACK_WORDS; i++) {
            torn |= pattern[i] != ((uint64_t)victim->id << 32 | i);
        }
    }
    if (torn) {
        atomic_fetch_add_explicit(&g_torn, 1, memory_order_release);
    }
}

BOX_PROGRAM(storm);

/* Give the user victim a page of canaries and let it start. */
static void user_victim_open(struct victim *victim)
{
    uint64_t random = 0xd1342543de82ef95ull * (victim->id + 1);
    const uint64_t rounds = USER_ROUNDS;

    box_open(&victim->box);
    for (uint32_t at = 0; at < PAGE_SIZE; at += sizeof(random)) {
        (void)next_random(&random);
        memcpy(victim->box.data + at, &random, sizeof(random));
    }
    memcpy(victim->box.data + USER_ROUNDS_AT, &rounds, sizeof(rounds));
    for (uint32_t i = 0; i < SSE_COUNT; i++) { /* the low part of a register is one canary */
        memcpy(victim->box.data + USER_VECTORS_AT + i * VECTOR_BYTES,
               victim->box.data + USER_SSE_AT + i * SSE_BYTES, SSE_BYTES);
    }
    BOX_START(&victim->box, storm);
}

static void user_victim_thread(void *arg)
{
    struct victim *victim = arg;
    struct hal_user_event event;
    bool torn = false;

    while (!torn && !storm_is_over(victim->storm)) {
        box_run(victim->box.user, &event);
        torn = event.reason != HAL_USER_SYSCALL || event.arg[0] != 0;
        atomic_store_explicit(&g_offered, (uint32_t)event.arg[1], memory_order_relaxed);
        if (!torn) {
            hal_user_result(victim->box.user, 0);
        }
    }
    if (torn) {
        atomic_fetch_add_explicit(&g_torn, 1, memory_order_release);
    }
}

static void storm_init(uint32_t cpu, uint64_t wanted)
{
    g_storm[cpu].random = 0x2545f4914f6cdd1dull + cpu;
    g_storm[cpu].wanted = wanted;
    atomic_store_explicit(&g_storm[cpu].fired, 0, memory_order_release);
    timer_init(&g_storm[cpu].timer, storm_fire);
}

/* Run `wanted` interrupts on each CPU with all victims; returns how many there were. */
static uint64_t storm_run(uint32_t cpus, uint64_t wanted)
{
    static struct victim victim[THREADS_PER_CPU * CPUS_MAX];
    static struct thread *thread[THREADS_PER_CPU * CPUS_MAX];
    uint64_t fired = 0;

    for (uint32_t cpu = 0; cpu < cpus; cpu++) {
        storm_init(cpu, wanted);
    }
    for (uint32_t i = 0; i < THREADS_PER_CPU * cpus; i++) {
        victim[i] = (struct victim){ .id = i, .storm = &g_storm[i % cpus] };
        if (i < USERS_PER_CPU * cpus) {
            user_victim_open(&victim[i]);
        }
    }
    for (uint32_t i = 0; i < THREADS_PER_CPU * cpus; i++) {
        const bool is_user = i < USERS_PER_CPU * cpus;
        const struct thread_spec spec = { .name = "victim",
                                          .entry = is_user ? user_victim_thread : victim_thread,
                                          .arg = &victim[i],
                                          .cpu = i % cpus };

        victim[i].starts = i / cpus == USERS_PER_CPU;
        ck_assert_int_eq(thread_create(&spec, &thread[i]), EXO_OK);
    }
    for (uint32_t i = 0; i < THREADS_PER_CPU * cpus; i++) {
        thread_join(thread[i], NULL);
        if (i < USERS_PER_CPU * cpus) {
            box_close(&victim[i].box);
        }
    }
    for (uint32_t cpu = 0; cpu < cpus; cpu++) {
        (void)timer_cancel_sync(&g_storm[cpu].timer);
        fired += atomic_load_explicit(&g_storm[cpu].fired, memory_order_acquire);
    }
    return fired;
}

START_TEST(interrupts_keep_every_register)
{
    const uint32_t cpus = (uint32_t)max_u64(hal_caps()->cpus, 1);
    const uint32_t wanted = test_is_long() ? STORM_LONG : STORM_SHORT;

    atomic_store_explicit(&g_torn, 0, memory_order_release);
    const uint64_t fired = storm_run(cpus, wanted / cpus);

    const uint32_t offered = atomic_load_explicit(&g_offered, memory_order_acquire);

    kprintf("# storm: %llu timer interrupts on %u CPUs, vector state up to %s\n",
            (unsigned long long)fired, cpus,
            (offered & 2) != 0   ? "AVX-512"
            : (offered & 1) != 0 ? "AVX"
                                 : "SSE");
    ck_assert_uint_ge(fired, wanted / cpus * cpus);
    ck_assert_uint_eq(atomic_load_explicit(&g_torn, memory_order_acquire), 0);
}
END_TEST

/* The detector detects: one bit torn in one register is seen, none is not. */
START_TEST(canary_loop_sees_a_torn_register)
{
    const uint64_t expected[15] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 };

    ck_assert_uint_eq(hal_test_canary(expected, 100, 0), 0);
    ck_assert_uint_eq(hal_test_canary(expected, 100, 1ull << 63), 1);
}
END_TEST

static void resched_once(struct timer *timer)
{
    (void)timer;
    hal_resched_set();
}

/* One bit of the canaries at `byte` is changed while a user victim runs: what it reports then. */
static void expect_torn(uint32_t byte)
{
    static struct victim victim;
    const uint64_t rounds = 1ull << 40; /* it does not end by itself */
    struct hal_user_event event;
    struct timer timer;

    victim = (struct victim){ .id = 1 };
    user_victim_open(&victim);
    memcpy(victim.box.data + USER_ROUNDS_AT, &rounds, sizeof(rounds));
    timer_init(&timer, resched_once);
    timer_arm(&timer, hal_clock_ns() + 20 * NS_PER_MS);
    do { /* page faults of a platform that maps late come first */
        hal_user_run(victim.box.user, &event);
    } while (event.reason != HAL_USER_QUANTUM && event.reason != HAL_USER_SYSCALL);
    ck_assert_uint_eq(event.reason, HAL_USER_QUANTUM);
    victim.box.data[byte] ^= 1;
    box_run(victim.box.user, &event);
    ck_assert_uint_eq(event.reason, HAL_USER_SYSCALL);
    ck_assert_uint_eq(event.arg[0], 1);
    (void)timer_cancel_sync(&timer);
    box_close(&victim.box);
    atomic_store_explicit(&g_offered, (uint32_t)event.arg[1], memory_order_relaxed);
}

/* The same for user mode: a vector register that does not match its canary any more is seen, the
 * highest parts and the mask registers included where there are such. */
START_TEST(user_canary_loop_sees_a_torn_vector)
{
    expect_torn(USER_SSE_AT + 5 * SSE_BYTES + 11);
    const uint32_t offered = atomic_load_explicit(&g_offered, memory_order_acquire);

    if ((offered & 1) != 0) {
        expect_torn(USER_VECTORS_AT + 15 * VECTOR_BYTES + 31);
    }
    if ((offered & 2) != 0) {
        expect_torn(USER_VECTORS_AT + 31 * VECTOR_BYTES + 63);
        expect_torn(3072 + 7 * 8);
    }
}
END_TEST

EXO_SUITE(hal_storm, EXO_TEST_TIMED(interrupts_keep_every_register, 600),
          EXO_TEST(canary_loop_sees_a_torn_register), EXO_TEST(user_canary_loop_sees_a_torn_vector))
