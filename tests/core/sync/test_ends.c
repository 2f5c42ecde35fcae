/*
 * tests/core/sync/test_ends.c - how waits end: granted, deadline, interrupted, killed; the same for
 * whatever can be waited for.
 *
 * The waiter is a real-time thread of CPU 0, as this test's thread is. That one is less urgent, so
 * the waiter waits as soon as it is started, or more urgent, so nothing that happens to the waiter
 * lets it run before the test says so.
 */
#include <stdatomic.h>

#include "exo/hal/test.h"
#include "exo/sched/sched.h"
#include "exo/sched/thread.h"
#include "exo/sync/address.h"
#include "exo/sync/condition.h"
#include "exo/sync/once.h"
#include "exo/sync/rwlock.h"
#include "exo/sync/semaphore.h"
#include "exo/time/clock.h"
#include "exo_check.h"
#include "exo_test.h"

#include "workers.h"

#define MEAN      10u
#define WAITER    50u
#define URGENT    90u
#define WAITS_MAX 3u

static struct mutex g_mutex = MUTEX_INIT(g_mutex);
static struct mutex g_guard = MUTEX_INIT(g_guard); /* the condition's */
static struct rwlock g_rwlock = RWLOCK_INIT(g_rwlock);
static struct semaphore g_semaphore = SEMAPHORE_INIT(g_semaphore, 0);
static struct condition g_condition = CONDITION_INIT(g_condition);
static struct completion g_completion = COMPLETION_INIT(g_completion);
static const struct address_key g_key = { .object = &g_mutex, .offset = 0 };

/* Something to wait for. `deny` makes a waiter wait, by this test's thread; `wait` waits and, if it
 * was granted, gives back; `grant` grants it to a waiter if there is one, and ends `deny`. */
struct kind {
    void (*deny)(void);
    exo_status_t (*wait)(uint64_t deadline_ns);
    void (*grant)(void);
    bool (*is_unused)(void); /* nobody waits for it, nobody has it */
};

static bool is_empty(struct wait_queue *queue)
{
    return queued(queue) == 0;
}

static void mutex_deny(void)
{
    mutex_lock(&g_mutex);
}

static exo_status_t mutex_wait(uint64_t deadline_ns)
{
    const exo_status_t status = mutex_lock_until(&g_mutex, deadline_ns);

    if (status == EXO_OK) {
        mutex_unlock(&g_mutex);
    }
    return status;
}

static void mutex_grant(void)
{
    mutex_unlock(&g_mutex);
}

static bool mutex_is_unused(void)
{
    return is_empty(&g_mutex.queue) && atomic_load(&g_mutex.word) == 0;
}

static void rw_deny(void)
{
    rwlock_write_lock(&g_rwlock);
}

static exo_status_t rw_read_wait(uint64_t deadline_ns)
{
    const exo_status_t status = rwlock_read_lock_until(&g_rwlock, deadline_ns);

    if (status == EXO_OK) {
        rwlock_read_unlock(&g_rwlock);
    }
    return status;
}

static exo_status_t rw_write_wait(uint64_t deadline_ns)
{
    const exo_status_t status = rwlock_write_lock_until(&g_rwlock, deadline_ns);

    if (status == EXO_OK) {
        rwlock_write_unlock(&g_rwlock);
    }
    return status;
}

static void rw_grant(void)
{
    rwlock_write_unlock(&g_rwlock);
}

static bool rw_is_unused(void)
{
    return is_empty(&g_rwlock.queue) && atomic_load(&g_rwlock.word) == 0;
}

static void deny_nothing(void)
{
}

static exo_status_t semaphore_wait(uint64_t deadline_ns)
{
    return semaphore_down(&g_semaphore, deadline_ns);
}

static void semaphore_grant(void)
{
    ck_assert_int_eq(semaphore_up(&g_semaphore), EXO_OK);
    (void)semaphore_try_down(&g_semaphore); /* nobody waited */
}

static bool semaphore_is_unused(void)
{
    return is_empty(&g_semaphore.queue) && g_semaphore.count == 0;
}

static exo_status_t condition_test_wait(uint64_t deadline_ns)
{
    mutex_lock(&g_guard);
    const exo_status_t status = condition_wait(&g_condition, &g_guard, deadline_ns);

    ck_assert(mutex_is_mine(&g_guard));
    mutex_unlock(&g_guard);
    return status;
}

static void condition_grant(void)
{
    condition_signal(&g_condition);
}

static bool condition_is_unused(void)
{
    return is_empty(&g_condition.queue) && atomic_load(&g_guard.word) == 0;
}

static void completion_deny(void)
{
    completion_init(&g_completion);
}

static exo_status_t completion_test_wait(uint64_t deadline_ns)
{
    return completion_wait(&g_completion, deadline_ns);
}

static void completion_grant(void)
{
    completion_complete(&g_completion);
}

static bool completion_is_unused(void)
{
    return is_empty(&g_completion.queue);
}

static exo_status_t address_test_wait(uint64_t deadline_ns)
{
    static const struct address_check none = { .fn = NULL };

    return address_wait(&g_key, &none, deadline_ns);
}

static void address_grant(void)
{
    (void)address_wake(&g_key, 1);
}

static bool address_is_unused(void)
{
    return address_wake(&g_key, ADDRESS_ALL) == 0;
}

static const struct kind g_kind[] = {
    { mutex_deny, mutex_wait, mutex_grant, mutex_is_unused },
    { rw_deny, rw_read_wait, rw_grant, rw_is_unused },
    { rw_deny, rw_write_wait, rw_grant, rw_is_unused },
    { deny_nothing, semaphore_wait, semaphore_grant, semaphore_is_unused },
    { deny_nothing, condition_test_wait, condition_grant, condition_is_unused },
    { completion_deny, completion_test_wait, completion_grant, completion_is_unused },
    { deny_nothing, address_test_wait, address_grant, address_is_unused },
};

/* A thread that waits several times in a row. */
struct waiter {
    const struct kind *kind;
    uint64_t deadline_ns;
    uint32_t waits;
    exo_status_t status[WAITS_MAX];
    _Atomic uint32_t done; /* waits that are over */
    struct thread *thread;
};

static void wait_in_a_row(void *arg)
{
    struct waiter *const waiter = arg;

    for (uint32_t i = 0; i < waiter->waits; i++) {
        waiter->status[i] = waiter->kind->wait(waiter->deadline_ns);
        atomic_fetch_add(&waiter->done, 1);
    }
}

/* This thread is less urgent, so the waiter waits at return. */
static void waiter_start(struct waiter *waiter, const struct kind *kind, uint64_t deadline_ns,
                         uint32_t waits)
{
    *waiter = (struct waiter){ .kind = kind, .deadline_ns = deadline_ns, .waits = waits };
    one_cpu(MEAN);
    kind->deny();
    start_on_one_cpu(&waiter->thread, wait_in_a_row, waiter, WAITER);
    ck_assert_uint_eq(atomic_load(&waiter->done), 0);
}

static void waiter_join(struct waiter *waiter)
{
    thread_join(waiter->thread, NULL);
    ck_assert(waiter->kind->is_unused());
    all_cpus();
}

/* The deadline passes while the thread waits, and had passed before it came. */
START_TEST(waits_end_at_their_deadline)
{
    if (!sched_heeds_classes()) {
        return; /* who runs when is decided by priorities here */
    }
    for (uint32_t i = 0; i < ARRAY_COUNT(g_kind); i++) {
        struct waiter waiter;

        waiter_start(&waiter, &g_kind[i], clock_deadline_ns(3600 * NS_PER_S), 2);
        hal_test_clock_advance(3599 * NS_PER_S);
        ck_assert_uint_eq(atomic_load(&waiter.done), 0);
        hal_test_clock_advance(2 * NS_PER_S);
        ck_assert(test_wait_for(&waiter.done, 2, 5 * NS_PER_S));
        ck_assert_int_eq(waiter.status[0], EXO_ERR_TIMED_OUT);
        ck_assert_int_eq(waiter.status[1], EXO_ERR_TIMED_OUT);
        g_kind[i].grant();
        waiter_join(&waiter);
    }
}
END_TEST

/* An interruption ends one wait; the next is granted. */
START_TEST(waits_end_by_interruption)
{
    if (!sched_heeds_classes()) {
        return; /* who runs when is decided by priorities here */
    }
    for (uint32_t i = 0; i < ARRAY_COUNT(g_kind); i++) {
        struct waiter waiter;

        waiter_start(&waiter, &g_kind[i], WAIT_FOREVER, 2);
        thread_interrupt(waiter.thread);
        ck_assert(test_wait_for(&waiter.done, 1, 5 * NS_PER_S));
        g_kind[i].grant();
        ck_assert(test_wait_for(&waiter.done, 2, 5 * NS_PER_S));
        ck_assert_int_eq(waiter.status[0], EXO_ERR_INTERRUPTED);
        ck_assert_int_eq(waiter.status[1], EXO_OK);
        waiter_join(&waiter);
    }
}
END_TEST

/* A kill ends all waits from now on. */
START_TEST(waits_end_by_kill)
{
    if (!sched_heeds_classes()) {
        return; /* who runs when is decided by priorities here */
    }
    for (uint32_t i = 0; i < ARRAY_COUNT(g_kind); i++) {
        struct waiter waiter;

        waiter_start(&waiter, &g_kind[i], WAIT_FOREVER, 3);
        thread_kill(waiter.thread);
        ck_assert(test_wait_for(&waiter.done, 3, 5 * NS_PER_S));
        for (uint32_t j = 0; j < 3; j++) {
            ck_assert_int_eq(waiter.status[j], EXO_ERR_INTERRUPTED);
        }
        g_kind[i].grant();
        waiter_join(&waiter);
    }
}
END_TEST

/* What was granted is not lost to a deadline and an interruption that come before the waiter runs;
 * the interruption is there for the next wait. */
START_TEST(grants_win_over_deadlines_and_interruptions)
{
    if (!sched_heeds_classes()) {
        return; /* who runs when is decided by priorities here */
    }
    for (uint32_t i = 0; i < ARRAY_COUNT(g_kind); i++) {
        struct waiter waiter;

        waiter_start(&waiter, &g_kind[i], clock_deadline_ns(3600 * NS_PER_S), 1);
        ck_assert_int_eq(thread_class_set(thread_current(), THREAD_CLASS_FIFO, URGENT), EXO_OK);
        g_kind[i].grant();
        hal_test_clock_advance(3601 * NS_PER_S);
        thread_interrupt(waiter.thread);
        ck_assert_uint_eq(atomic_load(&waiter.done), 0);
        waiter_join(&waiter);
        ck_assert_int_eq(waiter.status[0], EXO_OK);
    }
}
END_TEST

/* The other way round: deadline and interruption came first, and the waiter has not run since; it
 * takes what is there all the same, so that nothing given to it goes astray. */
START_TEST(grants_win_even_if_they_come_last)
{
    if (!sched_heeds_classes()) {
        return; /* who runs when is decided by priorities here */
    }
    for (uint32_t i = 0; i < ARRAY_COUNT(g_kind); i++) {
        struct waiter waiter;

        waiter_start(&waiter, &g_kind[i], clock_deadline_ns(3600 * NS_PER_S), 1);
        ck_assert_int_eq(thread_class_set(thread_current(), THREAD_CLASS_FIFO, URGENT), EXO_OK);
        hal_test_clock_advance(3601 * NS_PER_S);
        thread_interrupt(waiter.thread);
        g_kind[i].grant();
        ck_assert_uint_eq(atomic_load(&waiter.done), 0);
        waiter_join(&waiter);
        ck_assert_int_eq(waiter.status[0], EXO_OK);
    }
}
END_TEST

static exo_status_t count_call(void *arg)
{
    atomic_fetch_add((_Atomic uint32_t *)arg, 1);
    return EXO_OK;
}

static struct once g_once = ONCE_INIT(g_once);
static _Atomic uint32_t g_hold;
static _Atomic uint32_t g_calls;

static exo_status_t hold_on(void *arg)
{
    while (atomic_load(&g_hold) != 0) {
        thread_sleep_ns(NS_PER_MS / 4);
    }
    return count_call(arg);
}

static void run_once(void *arg)
{
    exo_status_t *const status = arg;

    *status = once_run(&g_once, hold_on, (void *)&g_calls);
}

static void lock_for_ever(void *arg)
{
    (void)arg;
    mutex_lock(&g_mutex);
    rwlock_read_lock(&g_rwlock);
    rwlock_read_unlock(&g_rwlock);
    rwlock_write_lock(&g_rwlock);
    rwlock_write_unlock(&g_rwlock);
    mutex_unlock(&g_mutex);
}

/* Waits that cannot fail go on through interruption and kill: once, and the locks without
 * deadline. */
START_TEST(waits_without_status_go_on_when_killed)
{
    struct thread *thread[3];
    exo_status_t status[2] = { EXO_ERR_BUSY, EXO_ERR_BUSY };

    if (!sched_heeds_classes()) {
        return; /* who runs when is decided by priorities here */
    }
    one_cpu(MEAN);
    atomic_store(&g_hold, 1);
    atomic_store(&g_calls, 0);
    once_init(&g_once);
    mutex_lock(&g_mutex);
    rwlock_write_lock(&g_rwlock);
    start_on_one_cpu(&thread[0], run_once, &status[0], WAITER);
    start_on_one_cpu(&thread[1], run_once, &status[1], WAITER);
    start_on_one_cpu(&thread[2], lock_for_ever, NULL, WAITER);
    for (uint32_t i = 0; i < ARRAY_COUNT(thread); i++) {
        thread_kill(thread[i]);
        thread_interrupt(thread[i]);
    }
    ck_assert_int_eq(status[1], EXO_ERR_BUSY);
    ck_assert(!is_empty(&g_mutex.queue));
    mutex_unlock(&g_mutex);
    ck_assert(!is_empty(&g_rwlock.queue));
    rwlock_write_unlock(&g_rwlock);
    atomic_store(&g_hold, 0);
    join_all(thread, ARRAY_COUNT(thread));
    ck_assert_int_eq(status[0], EXO_OK);
    ck_assert_int_eq(status[1], EXO_OK);
    ck_assert_uint_eq(atomic_load(&g_calls), 1);
    ck_assert(mutex_is_unused() && rw_is_unused());
    all_cpus();
}
END_TEST

EXO_SUITE(sync_ends, EXO_TEST(waits_end_at_their_deadline), EXO_TEST(waits_end_by_interruption),
          EXO_TEST(waits_end_by_kill), EXO_TEST(grants_win_over_deadlines_and_interruptions),
          EXO_TEST(grants_win_even_if_they_come_last),
          EXO_TEST(waits_without_status_go_on_when_killed))
