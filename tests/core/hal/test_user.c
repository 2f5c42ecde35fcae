/*
 * test_user.c - user mode as a call, and address spaces: every reason to come back, registers kept
 * and replaced, tables and what user code sees of them, copies with bad pointers.
 */
#include <stdatomic.h>

#include "exo/hal.h"
#include "exo/hal/user.h"
#include "exo/lib/string.h"
#include "exo/mem/phys.h"
#include "exo/mem/pt.h"
#include "exo/sched/thread.h"
#include "exo/time/timer.h"
#include "exo_check.h"
#include "exo_test.h"
#include "user_box.h"

#define NR_PLAIN  39u /* calls of user_code.S */
#define NR_FRAME  56u
#define NR_NATIVE 0x40000005u
#define NR_BROKEN 99u

BOX_PROGRAM(calls);
BOX_PROGRAM(canary);
BOX_PROGRAM(fresh);
BOX_PROGRAM(touch);
BOX_PROGRAM(store);
BOX_PROGRAM(jump);
BOX_PROGRAM(divide);
BOX_PROGRAM(break);
BOX_PROGRAM(undefined);
BOX_PROGRAM(privileged);
BOX_PROGRAM(int80);
BOX_PROGRAM(spin);
BOX_PROGRAM(tls);
BOX_PROGRAM(null);

static void expect_call(struct hal_user *user, uint64_t nr, struct hal_user_event *event)
{
    box_run(user, event);
    ck_assert_uint_eq(event->reason, HAL_USER_SYSCALL);
    ck_assert_uint_eq(event->nr, nr);
}

static void expect_fault(struct hal_user *user, vaddr_t addr, uint32_t access)
{
    struct hal_user_event event;

    box_run(user, &event);
    ck_assert_uint_eq(event.reason, HAL_USER_FAULT);
    ck_assert_uint_eq(event.addr, addr);
    ck_assert_uint_eq(event.access, access);
}

/* ---- system calls
 * ------------------------------------------------------------------------------ */

/* Number, all six arguments and results, for each kind of call that a platform may tell apart. */
START_TEST(user_call_carries_arguments_and_result)
{
    struct hal_user_event event;
    struct box box;

    box_open(&box);
    BOX_START(&box, calls);
    expect_call(box.user, NR_PLAIN, &event);
    for (uint64_t i = 0; i < 6; i++) {
        ck_assert_uint_eq(event.arg[i], 101 + i);
    }
    hal_user_result(box.user, 1234567890123ll);
    expect_call(box.user, NR_NATIVE, &event);
    ck_assert_uint_eq(event.arg[0], 1234567890123ull);
    hal_user_result(box.user, -14);
    expect_call(box.user, NR_FRAME, &event);
    ck_assert_int_eq((int64_t)event.arg[0], -14);
    hal_user_result(box.user, 77);
    expect_call(box.user, NR_PLAIN, &event);
    ck_assert_uint_eq(event.arg[0], 77);
    box_close(&box);
}
END_TEST

/* Run the canary program for `rounds` calls of `nr`. */
static void canary_rounds(struct box *box, uint64_t nr, uint64_t rounds)
{
    struct hal_user_event event;
    const uint64_t seed = 0x0123456789abcdefull;

    memcpy(box->data, &seed, sizeof(seed));
    memcpy(box->data + 8, &nr, sizeof(nr));
    BOX_START(box, canary);
    for (uint64_t i = 0; i < rounds; i++) {
        box_run(box->user, &event);
        ck_assert_uint_eq(event.reason, HAL_USER_SYSCALL);
        ck_assert_msg(event.nr == nr, "register %u was lost in call %u", (unsigned)event.arg[1],
                      (unsigned)i);
        ck_assert_uint_eq(event.arg[0], i);
        hal_user_result(box->user, (int64_t)i + 1);
    }
}

/* A system call changes rax, rcx and r11 only: canaries in all others, SSE, x87 and flags. */
START_TEST(user_registers_survive_calls)
{
    struct box box;

    box_open(&box);
    canary_rounds(&box, NR_PLAIN, 200);
    canary_rounds(&box, NR_FRAME, 200);
    box_close(&box);
}
END_TEST

static void resched_fire(struct timer *timer)
{
    hal_resched_set();
    timer_arm(timer, hal_clock_ns() + 40000);
}

/* The same while user code is preempted at arbitrary points. */
START_TEST(user_registers_survive_preemption)
{
    struct timer timer;
    struct box box;

    box_open(&box);
    timer_init(&timer, resched_fire);
    timer_arm(&timer, 0);
    canary_rounds(&box, NR_PLAIN, 2000);
    canary_rounds(&box, NR_FRAME, 2000);
    (void)timer_cancel_sync(&timer);
    box_close(&box);
}
END_TEST

/* Two threads of one space, taking turns, keep their vector state apart. */
START_TEST(user_vector_state_is_per_thread)
{
    struct hal_user_event event;
    struct hal_user *second = NULL;
    struct box box;
    const uint64_t nr = NR_PLAIN;
    uint64_t seed = 0x1111111111111111ull;

    box_open(&box);
    ck_assert_int_eq(hal_user_create(box.space, &second), EXO_OK);
    memcpy(box.data, &seed, sizeof(seed));
    memcpy(box.data + 8, &nr, sizeof(nr));
    BOX_START(&box, canary);
    expect_call(box.user, NR_PLAIN, &event);
    seed = 0x2222222222222222ull;
    memcpy(box.data, &seed, sizeof(seed));
    hal_user_start(second, USER_CODE, STACK_TOP - 512);
    expect_call(second, NR_PLAIN, &event);
    for (int64_t i = 0; i < 50; i++) {
        hal_user_result(box.user, i + 1);
        expect_call(box.user, NR_PLAIN, &event);
        hal_user_result(second, i + 1);
        expect_call(second, NR_PLAIN, &event);
    }
    hal_user_destroy(second);
    box_close(&box);
}
END_TEST

/* ---- faults and exceptions
 * ----------------------------------------------------------------------- */

/* A fault tells address and access, and running again retries. */
START_TEST(user_fault_is_told_and_retried)
{
    struct hal_user_event event;
    struct box box;
    const uint64_t value = 4711;

    box_open(&box);
    BOX_START(&box, touch);
    box_arguments(box.user, USER_ELSE + 0x18, 0);
    expect_fault(box.user, USER_ELSE + 0x18, HAL_ACCESS_READ);
    expect_fault(box.user, USER_ELSE + 0x18, HAL_ACCESS_READ);
    uint8_t *page = box_page(&box, USER_ELSE, PT_READ | PT_USER);

    memcpy(page + 0x18, &value, sizeof(value));
    expect_call(box.user, NR_PLAIN, &event);
    ck_assert_uint_eq(event.arg[1], value);
    BOX_START(&box, store);
    box_arguments(box.user, USER_ELSE + 0x20, 12);
    expect_fault(box.user, USER_ELSE + 0x20, HAL_ACCESS_WRITE | HAL_ACCESS_PRESENT);
    BOX_START(&box, store);
    box_arguments(box.user, USER_ELSE + PAGE_SIZE, 12);
    expect_fault(box.user, USER_ELSE + PAGE_SIZE, HAL_ACCESS_WRITE);
    BOX_START(&box, jump);
    box_arguments(box.user, USER_DATA + 8, 0);
    expect_fault(box.user, USER_DATA + 8, HAL_ACCESS_EXEC | HAL_ACCESS_PRESENT);
    BOX_START(&box, jump);
    box_arguments(box.user, 0, 0);
    expect_fault(box.user, 0, HAL_ACCESS_EXEC);
    box_close(&box);
}
END_TEST

#define ERROR_IDT 2u /* the error code's low bits when an IDT entry is to blame */

/* Of the error code only the low bits: for `int 0x80` emulators disagree with hardware on the
 * rest. */
static void expect_exception(struct box *box, uint32_t vector, uint32_t error, vaddr_t pc)
{
    struct hal_user_event event;

    box_run(box->user, &event);
    ck_assert_uint_eq(event.reason, HAL_USER_EXCEPTION);
    ck_assert_uint_eq(event.vector, vector);
    ck_assert_uint_eq(event.error & 7, error);
    ck_assert_uint_eq(event.addr, pc);
}

/* Each exception comes as itself; the system goes on. */
START_TEST(user_exceptions_are_told)
{
    struct box box;

    box_open(&box);
    BOX_START(&box, divide);
    expect_exception(&box, 0, 0, USER_CODE + 2);
    BOX_START(&box, break);
    expect_exception(&box, 3, 0, USER_CODE + 1);
    BOX_START(&box, undefined);
    expect_exception(&box, 6, 0, USER_CODE);
    BOX_START(&box, privileged);
    expect_exception(&box, 13, 0, USER_CODE);
    BOX_START(&box, int80);
    expect_exception(&box, 13, ERROR_IDT, USER_CODE + 5);
    BOX_START(&box, touch);
    box_arguments(box.user, 0x8000000000000000ull, 0);
    expect_exception(&box, 13, 0, USER_CODE);
    box_close(&box);
}
END_TEST

/* ---- registers
 * ------------------------------------------------------------------------------------ */

/* A start leaves nothing of the past: all registers zero, vector state initial. */
START_TEST(user_start_is_fresh)
{
    struct hal_user_event event;
    struct box box;
    const uint64_t seed_nr[2] = { ~0ull, NR_PLAIN };

    box_open(&box);
    memcpy(box.data, seed_nr, sizeof(seed_nr));
    BOX_START(&box, canary);
    expect_call(box.user, NR_PLAIN, &event);
    BOX_START(&box, fresh);
    expect_call(box.user, NR_PLAIN, &event);
    ck_assert_uint_eq(event.arg[0], 0);
    ck_assert_uint_eq(event.arg[1], 0);
    ck_assert_uint_eq(event.arg[2], 0x1f80);
    ck_assert_uint_eq(event.arg[3], 0x37f);
    box_close(&box);
}
END_TEST

/* Registers can be read and replaced in the middle of a call of either kind, and then win over its
 * result. */
START_TEST(user_registers_can_be_replaced)
{
    const uint64_t nr[2] = { NR_PLAIN, NR_FRAME };
    struct hal_user_event event;
    struct hal_user_regs regs;
    struct box box;

    box_open(&box);
    for (uint32_t i = 0; i < 2; i++) {
        const uint64_t seed_nr[2] = { 0x1000, nr[i] };

        memcpy(box.data, seed_nr, sizeof(seed_nr));
        BOX_START(&box, canary);
        expect_call(box.user, nr[i], &event);
        hal_user_regs_get(box.user, &regs);
        ck_assert_uint_eq(regs.rbx, 0x1000);
        ck_assert_uint_eq(regs.r15, 0x1007);
        ck_assert_uint_eq(regs.rdx, 0x1008);
        ck_assert_uint_eq(regs.rsp, STACK_TOP);
        ck_assert_uint_gt(regs.rip, USER_CODE);
        ck_assert_uint_lt(regs.rip, USER_CODE + PAGE_SIZE);
        memcpy(box.code + 0x800, user_calls, (size_t)(user_calls_end - user_calls));
        regs.rip = USER_CODE + 0x800;
        regs.rflags |= 0x3000; /* I/O privilege: not the user's to have */
        ck_assert_int_eq(hal_user_regs_set(box.user, &regs), EXO_OK);
        hal_user_regs_get(box.user, &regs);
        ck_assert_uint_eq(regs.rflags & 0x3000, 0);
        hal_user_result(box.user, 55);
        hal_user_regs_get(box.user, &regs);
        ck_assert_uint_ne(regs.rax, 55);
        expect_call(box.user, NR_PLAIN, &event);
        ck_assert_uint_eq(event.arg[0], 101);
    }
    box_close(&box);
}
END_TEST

/* Addresses outside the user range are refused, and nothing has changed then. */
START_TEST(user_registers_outside_the_range_are_refused)
{
    struct hal_user_regs regs, bad;
    struct box box;

    box_open(&box);
    BOX_START(&box, calls);
    hal_user_regs_get(box.user, &regs);
    bad = regs;
    bad.rip = HAL_USER_MAX;
    ck_assert_int_eq(hal_user_regs_set(box.user, &bad), EXO_ERR_INVALID);
    bad = regs;
    bad.fs_base = 1ull << 63;
    ck_assert_int_eq(hal_user_regs_set(box.user, &bad), EXO_ERR_INVALID);
    bad = regs;
    bad.gs_base = HAL_USER_MAX;
    ck_assert_int_eq(hal_user_regs_set(box.user, &bad), EXO_ERR_INVALID);
    ck_assert_int_eq(hal_user_tls_set(box.user, HAL_USER_MAX), EXO_ERR_INVALID);
    hal_user_regs_get(box.user, &bad);
    ck_assert_mem_eq(&regs, &bad, sizeof(regs));
    box_close(&box);
}
END_TEST

/* The thread pointer is kept over calls, and per thread. */
START_TEST(user_tls_is_kept)
{
    const uint64_t words[2] = { 0xaaaa, 0xbbbb };
    struct hal_user_event event;
    struct hal_user *second = NULL;
    struct box box;

    box_open(&box);
    ck_assert_int_eq(hal_user_create(box.space, &second), EXO_OK);
    memcpy(box.data, words, sizeof(words));
    BOX_START(&box, tls);
    hal_user_start(second, USER_CODE, STACK_TOP - 512);
    ck_assert_int_eq(hal_user_tls_set(box.user, USER_DATA), EXO_OK);
    ck_assert_int_eq(hal_user_tls_set(second, USER_DATA + 8), EXO_OK);
    for (int i = 0; i < 3; i++) {
        expect_call(box.user, NR_PLAIN, &event);
        ck_assert_uint_eq(event.arg[0], 0xaaaa);
        expect_call(second, NR_PLAIN, &event);
        ck_assert_uint_eq(event.arg[0], 0xbbbb);
    }
    ck_assert_int_eq(hal_user_tls_set(box.user, USER_DATA + 8), EXO_OK);
    expect_call(box.user, NR_PLAIN, &event);
    ck_assert_uint_eq(event.arg[0], 0xbbbb);
    hal_user_destroy(second);
    box_close(&box);
}
END_TEST

/* ---- preemption and interruption
 * ---------------------------------------------------------------- */

static void counted_fire(struct timer *timer)
{
    hal_resched_set();
    timer_arm(timer, hal_clock_ns() + 1000000);
}

/* A loop without calls is stopped when a reschedule is due, keeps its registers and goes on. */
START_TEST(user_loop_is_preempted)
{
    struct hal_user_event event;
    struct hal_user_regs regs;
    struct timer timer;
    struct box box;
    uint64_t before = 0;
    uint32_t grown = 0;

    box_open(&box);
    BOX_START(&box, spin);
    timer_init(&timer, counted_fire);
    timer_arm(&timer, 0);
    for (uint32_t i = 0; i < 30; i++) {
        hal_user_run(box.user, &event);
        ck_assert_uint_eq(event.reason, HAL_USER_QUANTUM);
        thread_yield();
        hal_user_regs_get(box.user, &regs);
        ck_assert_uint_ge(regs.rbx, before);
        ck_assert_uint_ge(regs.rip, USER_CODE);
        ck_assert_uint_lt(regs.rip, USER_CODE + 64);
        grown += regs.rbx > before ? 1 : 0;
        before = regs.rbx;
    }
    (void)timer_cancel_sync(&timer);
    ck_assert_uint_gt(grown, 10);
    box_close(&box);
}
END_TEST

/* Asked for beforehand, an interruption comes before any user code, and once. */
START_TEST(user_interrupt_is_kept_until_run)
{
    struct hal_user_event event;
    struct box box;

    box_open(&box);
    BOX_START(&box, calls);
    hal_user_interrupt(box.user);
    hal_user_interrupt(box.user);
    box_run(box.user, &event);
    ck_assert_uint_eq(event.reason, HAL_USER_INTERRUPT);
    expect_call(box.user, NR_PLAIN, &event);
    box_close(&box);
}
END_TEST

static void interrupt_later(void *arg)
{
    thread_sleep_ns(3000000);
    hal_user_interrupt(arg);
}

/* Another thread can get user code out of a loop. */
START_TEST(user_interrupt_ends_a_loop)
{
    struct hal_user_event event;
    struct thread *other = NULL;
    struct box box;

    box_open(&box);
    BOX_START(&box, spin);
    const struct thread_spec spec = {
        .name = "interrupter", .entry = interrupt_later, .arg = box.user, .cpu = THREAD_ANY_CPU
    };

    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(thread_create(&spec, &other), EXO_OK);
        box_run(box.user, &event);
        ck_assert_uint_eq(event.reason, HAL_USER_INTERRUPT);
        thread_join(other, NULL);
    }
    box_close(&box);
}
END_TEST

/* ---- tables
 * ------------------------------------------------------------------------------------------ */

/* User code sees what the tables say after a flush: removed, protected, replaced pages. */
START_TEST(space_flush_changes_what_user_code_sees)
{
    const uint64_t first = 1, second = 2;
    struct hal_user_event event;
    struct box box;

    box_open(&box);
    memcpy(box_page(&box, USER_ELSE, DATA_RIGHTS), &first, sizeof(first));
    BOX_START(&box, touch);
    box_arguments(box.user, USER_ELSE, 0);
    expect_call(box.user, NR_PLAIN, &event);
    ck_assert_uint_eq(event.arg[1], first);
    pt_unmap(box.root, USER_ELSE, 1);
    box_flush(&box, USER_ELSE, false);
    BOX_START(&box, touch);
    box_arguments(box.user, USER_ELSE, 0);
    expect_fault(box.user, USER_ELSE, HAL_ACCESS_READ);
    memcpy(box_page(&box, USER_ELSE, DATA_RIGHTS), &second, sizeof(second));
    expect_call(box.user, NR_PLAIN, &event);
    ck_assert_uint_eq(event.arg[1], second);
    ck_assert_int_eq(pt_map(box.root, USER_ELSE, box.frame[3], 1, PT_READ | PT_USER), EXO_OK);
    box_flush(&box, USER_ELSE, false);
    BOX_START(&box, touch);
    box_arguments(box.user, USER_ELSE, 0);
    expect_call(box.user, NR_PLAIN, &event);
    ck_assert_uint_eq(event.arg[1], first);
    BOX_START(&box, store);
    box_arguments(box.user, USER_ELSE, 9);
    expect_fault(box.user, USER_ELSE, HAL_ACCESS_WRITE | HAL_ACCESS_PRESENT);
    box_close(&box);
}
END_TEST

/* ---- copies
 * ------------------------------------------------------------------------------------------ */

/* Copies stop exactly at the first byte that user code could not access. */
START_TEST(user_copy_stops_at_the_page_edge)
{
    uint8_t bytes[64];
    struct box box;

    box_open(&box);
    memset(box.data, 0x5a, PAGE_SIZE);
    for (size_t inside = 0; inside <= sizeof(bytes); inside++) {
        const vaddr_t at = USER_DATA + PAGE_SIZE - inside;

        memset(bytes, 0, sizeof(bytes));
        ck_assert_uint_eq(hal_user_copy_in(box.space, bytes, at, sizeof(bytes)),
                          sizeof(bytes) - inside);
        ck_assert_uint_eq(inside == 0 ? 0x5a : bytes[inside - 1], 0x5a);
        ck_assert_uint_eq(inside == sizeof(bytes) ? 0 : bytes[inside], 0);
        memset(bytes, 0xc3, sizeof(bytes));
        ck_assert_uint_eq(hal_user_copy_out(box.space, at, bytes, sizeof(bytes)),
                          sizeof(bytes) - inside);
        ck_assert_uint_eq(box.data[PAGE_SIZE - inside - 1], 0x5a);
        memset(box.data, 0x5a, PAGE_SIZE);
    }
    box_close(&box);
}
END_TEST

/* Copies go over page edges where both pages are there, whatever their frames. */
START_TEST(user_copy_crosses_pages)
{
    uint8_t bytes[200];
    struct box box;

    box_open(&box);
    uint8_t *last = box_page(&box, USER_ELSE + PAGE_SIZE, DATA_RIGHTS);
    uint8_t *first = box_page(&box, USER_ELSE, DATA_RIGHTS);

    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (uint8_t)(i + 1);
    }
    ck_assert_uint_eq(hal_user_copy_out(box.space, USER_ELSE + PAGE_SIZE - 100, bytes, 200), 0);
    ck_assert_mem_eq(first + PAGE_SIZE - 100, bytes, 100);
    ck_assert_mem_eq(last, bytes + 100, 100);
    memset(bytes, 0, sizeof(bytes));
    ck_assert_uint_eq(hal_user_copy_in(box.space, bytes, USER_ELSE + PAGE_SIZE - 100, 200), 0);
    ck_assert_mem_eq(first + PAGE_SIZE - 100, bytes, 100);
    ck_assert_mem_eq(last, bytes + 100, 100);
    box_close(&box);
}
END_TEST

/* No pointer that user code could make up gets a copy anywhere but into its own pages. */
START_TEST(user_copy_refuses_bad_pointers)
{
    static const uint64_t bad[] = { 0,
                                    1,
                                    USER_ELSE,
                                    HAL_USER_MAX - 8,
                                    HAL_USER_MAX,
                                    0x7fffffffeff8ull,
                                    0x7ffffffffff8ull,
                                    0x800000000000ull,
                                    0xffff800000000000ull,
                                    0xffffffff80000000ull,
                                    0xffffffffff600000ull,
                                    UINT64_MAX - 7,
                                    UINT64_MAX };
    uint8_t bytes[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };
    const uint8_t same[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };
    struct box box;

    box_open(&box);
    for (uint32_t i = 0; i < ARRAY_COUNT(bad); i++) {
        ck_assert_uint_eq(hal_user_copy_in(box.space, bytes, bad[i], sizeof(bytes)), sizeof(bytes));
        ck_assert_uint_eq(hal_user_copy_out(box.space, bad[i], bytes, sizeof(bytes)),
                          sizeof(bytes));
        ck_assert_uint_eq(hal_user_copy_in(box.space, bytes, bad[i], 0), 0);
    }
    ck_assert_mem_eq(bytes, same, sizeof(bytes));
    ck_assert_uint_eq(hal_user_copy_out(box.space, USER_CODE, bytes, sizeof(bytes)), sizeof(bytes));
    ck_assert_uint_eq(hal_user_copy_in(box.space, bytes, USER_CODE, sizeof(bytes)), 0);
    box_close(&box);
}
END_TEST

/* ---- several at once
 * ----------------------------------------------------------------------------- */

#define PAIR 2u

struct racer {
    struct hal_user *user;
    _Atomic uint32_t ended;
};

static void racer_thread(void *arg)
{
    struct racer *racer = arg;
    struct hal_user_event event;

    box_run(racer->user, &event);
    atomic_store_explicit(&racer->ended, event.reason == HAL_USER_INTERRUPT ? 1 : 2,
                          memory_order_release);
}

/* Two threads of one space run, each behind a kernel thread of its own, and see the same memory. */
START_TEST(user_threads_share_their_space)
{
    struct thread *thread[PAIR];
    struct racer racer[PAIR] = { { .user = NULL } };
    struct box box;

    box_open(&box);
    racer[0].user = box.user;
    ck_assert_int_eq(hal_user_create(box.space, &racer[1].user), EXO_OK);
    for (uint32_t i = 0; i < PAIR; i++) {
        const struct thread_spec spec = {
            .name = "racer", .entry = racer_thread, .arg = &racer[i], .cpu = THREAD_ANY_CPU
        };

        box_start(&box, racer[i].user, user_spin, user_spin_end);
        box_arguments(racer[i].user, USER_DATA + i * CACHE_LINE, 0);
        ck_assert_int_eq(thread_create(&spec, &thread[i]), EXO_OK);
    }
    volatile uint64_t *count = (volatile uint64_t *)(void *)box.data;
    bool both = false;

    for (uint32_t i = 0; i < 2000 && !both; i++) {
        thread_sleep_ns(1000000);
        both = count[0] > 0 && count[CACHE_LINE / 8] > 0;
    }
    for (uint32_t i = 0; i < PAIR; i++) {
        hal_user_interrupt(racer[i].user);
        thread_join(thread[i], NULL);
    }
    ck_assert(both);
    ck_assert_uint_eq(atomic_load(&racer[0].ended), 1);
    ck_assert_uint_eq(atomic_load(&racer[1].ended), 1);
    hal_user_destroy(racer[1].user);
    box_close(&box);
}
END_TEST

static exo_status_t sweep_body(void *arg)
{
    struct hal_space *space = NULL;
    struct hal_user *user = NULL;
    paddr_t root = 0;
    exo_status_t status = pt_create(&root);

    (void)arg;
    if (status != EXO_OK) {
        return status;
    }
    status = hal_space_create(root, &space);
    if (status == EXO_OK) {
        status = hal_user_create(space, &user);
        hal_user_destroy(user);
    }
    hal_space_destroy(space);
    pt_destroy(root, HAL_USER_MAX);
    phys_free(root, 1);
    return status;
}

/* Every acquisition may fail, and then nothing is kept. */
START_TEST(user_create_survives_exhaustion)
{
    ck_assert_uint_ge(fault_sweep(sweep_body, NULL), 2);
}
END_TEST

EXO_SUITE(hal_user, EXO_TEST(user_call_carries_arguments_and_result),
          EXO_TEST(user_registers_survive_calls), EXO_TEST(user_registers_survive_preemption),
          EXO_TEST(user_vector_state_is_per_thread), EXO_TEST(user_fault_is_told_and_retried),
          EXO_TEST(user_exceptions_are_told), EXO_TEST(user_start_is_fresh),
          EXO_TEST(user_registers_can_be_replaced),
          EXO_TEST(user_registers_outside_the_range_are_refused), EXO_TEST(user_tls_is_kept),
          EXO_TEST(user_loop_is_preempted), EXO_TEST(user_interrupt_is_kept_until_run),
          EXO_TEST(user_interrupt_ends_a_loop), EXO_TEST(space_flush_changes_what_user_code_sees),
          EXO_TEST(user_copy_stops_at_the_page_edge), EXO_TEST(user_copy_crosses_pages),
          EXO_TEST(user_copy_refuses_bad_pointers), EXO_TEST(user_threads_share_their_space),
          EXO_TEST(user_create_survives_exhaustion))
