/*
 * test_user_mode.c - what only this back end can get wrong about user mode: state left behind in a
 * CPU's registers, doors that interrupt doors, return addresses and flags that hardware refuses.
 */
#include <stdatomic.h>

#include "exo/debug/boot.h"
#include "exo/hal.h"
#include "exo/hal/user.h"
#include "exo/lib/string.h"
#include "exo/mem/phys.h"
#include "exo/mem/pt.h"
#include "exo/sched/thread.h"
#include "exo_check.h"
#include "platform/x86_64/apic.h"
#include "platform/x86_64/features.h"
#include "platform/x86_64/percpu.h"

#define CODE_AT   0x400000ull
#define DATA_AT   0x600000ull
#define MAGIC     0x1122334455667788ull
#define WORD      0x99aabbccddeeff00ull
#define NMI_TURNS 2000u

/* Code at CODE_AT, position-independent. */
#define BLOB(name, text)                                                                           \
    __asm__(".pushsection .rodata\n.globl blob_" #name ", blob_" #name "_end\nblob_" #name         \
            ":\n" text "\nblob_" #name "_end:\n.popsection\n");                                    \
    extern const uint8_t blob_##name[], blob_##name##_end[]

/* Keep a value in a vector register and one behind the thread pointer across a call. */
BLOB(state, "movq %rdi, %xmm9\n movl $1, %eax\n syscall\n"
            "movq %xmm9, %rdi\n movq %fs:0, %rsi\n movl $2, %eax\n syscall");
/* Clear the register that blob_state uses, as another thread would. */
BLOB(spoil, "pxor %xmm9, %xmm9\n movl $3, %eax\n syscall");
/* Call without end; rdi not 0: after giving GS a base that looks like the kernel's. */
BLOB(storm, "testq %rdi, %rdi\n jz 1f\n wrgsbase %rdi\n 1: movl $4, %eax\n syscall\n jmp 1b");
BLOB(leap, "movabsq $0x800000000000, %rax\n jmp *%rax");

struct cage {
    paddr_t root;
    paddr_t code;
    paddr_t data;
    struct hal_space *space;
    struct hal_user *user;
};

static void cage_open(struct cage *cage, const uint8_t *code, const uint8_t *end)
{
    ck_assert_int_eq(pt_create(&cage->root), EXO_OK);
    ck_assert_int_eq(hal_space_create(cage->root, &cage->space), EXO_OK);
    ck_assert_int_eq(phys_alloc_zeroed(&cage->code), EXO_OK);
    ck_assert_int_eq(phys_alloc_zeroed(&cage->data), EXO_OK);
    ck_assert_int_eq(pt_map(cage->root, CODE_AT, cage->code, 1, PT_READ | PT_EXEC | PT_USER),
                     EXO_OK);
    ck_assert_int_eq(pt_map(cage->root, DATA_AT, cage->data, 1, PT_READ | PT_WRITE | PT_USER),
                     EXO_OK);
    ck_assert_int_eq(hal_user_create(cage->space, &cage->user), EXO_OK);
    memcpy(hal_phys_to_virt(cage->code), code, (size_t)(end - code));
    *(uint64_t *)hal_phys_to_virt(cage->data) = WORD;
    hal_user_start(cage->user, CODE_AT, DATA_AT + PAGE_SIZE);
}

static void cage_argument(const struct cage *cage, uint64_t rdi)
{
    struct hal_user_regs regs;

    hal_user_regs_get(cage->user, &regs);
    regs.rdi = rdi;
    ck_assert_int_eq(hal_user_regs_set(cage->user, &regs), EXO_OK);
}

static void cage_close(struct cage *cage)
{
    hal_user_destroy(cage->user);
    hal_space_destroy(cage->space);
    pt_destroy(cage->root, HAL_USER_MAX);
    phys_free(cage->root, 1);
    phys_free(cage->code, 1);
    phys_free(cage->data, 1);
}

/* One run until an event that the program made, in a thread of a given CPU. */
struct errand {
    struct hal_user *user;
    struct hal_user_event event;
};

static void errand_thread(void *arg)
{
    struct errand *errand = arg;

    do {
        hal_user_run(errand->user, &errand->event);
    } while (errand->event.reason == HAL_USER_QUANTUM);
}

static struct hal_user_event run_on(uint32_t cpu, struct hal_user *user)
{
    struct errand errand = { .user = user };
    const struct thread_spec spec = {
        .name = "errand", .entry = errand_thread, .arg = &errand, .cpu = cpu
    };
    struct thread *thread = NULL;

    ck_assert_int_eq(thread_create(&spec, &thread), EXO_OK);
    thread_join(thread, NULL);
    return errand.event;
}

static uint32_t other_cpu(void)
{
    return boot_info_get()->cpu_count > 1 && g_percpu[1] != NULL ? 1 : 0;
}

/* The state stays in the registers of CPU 0 when user code is left there; another CPU has to fetch
 * it, and a second user thread on CPU 0 must not be able to spoil it, in either order. */
START_TEST(user_state_follows_its_thread_to_another_cpu)
{
    for (uint32_t spoil_first = 0; spoil_first < 2; spoil_first++) {
        struct cage cage;
        struct cage other;

        cage_open(&cage, blob_state, blob_state_end);
        cage_open(&other, blob_spoil, blob_spoil_end);
        cage_argument(&cage, MAGIC);
        ck_assert_int_eq(hal_user_tls_set(cage.user, DATA_AT), EXO_OK);
        ck_assert_uint_eq(run_on(0, cage.user).nr, 1);
        if (spoil_first != 0) {
            ck_assert_uint_eq(run_on(0, other.user).nr, 3);
        }
        const struct hal_user_event event = run_on(other_cpu(), cage.user);

        ck_assert_uint_eq(event.nr, 2);
        ck_assert_uint_eq(event.arg[0], MAGIC);
        ck_assert_uint_eq(event.arg[1], WORD);
        cage_close(&other);
        cage_close(&cage);
    }
}
END_TEST

struct storm {
    struct hal_user *user;
    _Atomic bool stop;
    _Atomic uint32_t calls;
};

static void storm_thread(void *arg)
{
    struct storm *storm = arg;
    struct hal_user_event event;

    while (!atomic_load_explicit(&storm->stop, memory_order_acquire)) {
        hal_user_run(storm->user, &event);
        if (event.reason == HAL_USER_SYSCALL && event.nr == 4) {
            atomic_fetch_add(&storm->calls, 1);
        } else if (event.reason != HAL_USER_QUANTUM) {
            break;
        }
    }
}

/* Interrupts that cannot be masked strike user code, the kernel and the few instructions between
 * SYSCALL and SWAPGS, while GS holds what user code put there, an address in the kernel's half
 * among others. The kernel must find its own block each time, or it dies. */
static void storm_run(uint64_t gs_base)
{
    struct cage cage;
    struct storm storm = { .calls = 0 };
    const struct thread_spec spec = {
        .name = "storm", .entry = storm_thread, .arg = &storm, .cpu = 1
    };
    struct thread *thread = NULL;

    cage_open(&cage, blob_storm, blob_storm_end);
    cage_argument(&cage, gs_base);
    storm.user = cage.user;
    const uint64_t before = atomic_load(&g_percpu[1]->nmi_count);

    ck_assert_int_eq(thread_create(&spec, &thread), EXO_OK);
    for (uint32_t i = 0; i < NMI_TURNS || atomic_load(&storm.calls) < NMI_TURNS; i++) {
        apic_send_nmi(g_percpu[1]->apic_id);
        for (uint32_t k = 0; k < 50; k++) {
            hal_pause();
        }
    }
    atomic_store_explicit(&storm.stop, true, memory_order_release);
    thread_join(thread, NULL);
    ck_assert_uint_ge(atomic_load(&storm.calls), NMI_TURNS);
    ck_assert_uint_gt(atomic_load(&g_percpu[1]->nmi_count), before);
    cage_close(&cage);
}

START_TEST(user_calls_survive_interrupts_that_cannot_be_masked)
{
    if (other_cpu() == 0) {
        return; /* nobody there to send them */
    }
    storm_run(0);
    if (features()->fsgsbase) {
        storm_run(0xffff900000000000ull); /* canonical, the kernel's half, not mapped */
    }
}
END_TEST

/* A jump to an address that is none is told as user code's fault, as often as it is tried; the way
 * back to user mode must not fault on it in the kernel. */
START_TEST(user_pc_that_is_no_address_is_a_protection_fault)
{
    struct cage cage;

    cage_open(&cage, blob_leap, blob_leap_end);
    for (uint32_t i = 0; i < 3; i++) {
        const struct hal_user_event event = run_on(0, cage.user);

        ck_assert_int_eq((int)event.reason, HAL_USER_EXCEPTION);
        ck_assert_uint_eq(event.vector, 13);
    }
    cage_close(&cage);
}
END_TEST

START_TEST(user_flags_that_are_not_the_users_are_dropped)
{
    struct cage cage;
    struct hal_user_regs regs;

    cage_open(&cage, blob_spoil, blob_spoil_end);
    hal_user_regs_get(cage.user, &regs);
    regs.rflags = UINT64_MAX & ~0x10100ull; /* all but single step, with interrupts "on" */
    ck_assert_int_eq(hal_user_regs_set(cage.user, &regs), EXO_OK);
    hal_user_regs_get(cage.user, &regs);
    ck_assert_uint_eq(regs.rflags & 0x200u, 0x200u); /* interrupts stay on */
    ck_assert_uint_eq(regs.rflags & 0x3000u, 0);     /* no I/O privilege */
    ck_assert_uint_eq(regs.rflags & 0x4000u, 0);     /* no nested task */
    ck_assert_uint_eq(regs.rflags & 0x20000u, 0);    /* no virtual 8086 mode */
    ck_assert_uint_eq(run_on(0, cage.user).nr, 3);

    regs.rflags = 0; /* interrupts "off" */
    regs.rip = CODE_AT;
    ck_assert_int_eq(hal_user_regs_set(cage.user, &regs), EXO_OK);
    hal_user_regs_get(cage.user, &regs);
    ck_assert_uint_eq(regs.rflags, 0x202u);
    cage_close(&cage);
}
END_TEST

EXO_SUITE(x86_user_mode, EXO_TEST(user_state_follows_its_thread_to_another_cpu),
          EXO_TEST(user_calls_survive_interrupts_that_cannot_be_masked),
          EXO_TEST(user_pc_that_is_no_address_is_a_protection_fault),
          EXO_TEST(user_flags_that_are_not_the_users_are_dropped))
