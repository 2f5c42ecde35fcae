/*
 * tests/core/sync/test_mutex.c - mutexes and condition variables.
 */
#include <stdatomic.h>

#include "exo/hal/test.h"
#include "exo/sched/thread.h"
#include "exo/sync/condition.h"
#include "exo/sync/mutex.h"
#include "exo/time/clock.h"
#include "exo_check.h"
#include "exo_panic.h"
#include "exo_test.h"

#include "workers.h"

static struct mutex g_mutex = MUTEX_INIT(g_mutex);
static uint64_t g_sum; /* [g_mutex] */

static void mutex_worker(void *arg)
{
    (void)arg;
    for (unsigned i = 0; i < 200; i++) {
        mutex_lock(&g_mutex);
        const uint64_t was = g_sum;

        if (i % 16 == 0) {
            thread_yield(); /* held across blocking */
        }
        g_sum = was + 1;
        mutex_unlock(&g_mutex);
    }
}

START_TEST(mutex_excludes_across_blocking)
{
    struct thread *thread[6];

    g_sum = 0;
    start_all(thread, ARRAY_COUNT(thread), mutex_worker, NULL);
    join_all(thread, ARRAY_COUNT(thread));
    ck_assert_uint_eq(g_sum, 200 * ARRAY_COUNT(thread));
    ck_assert(!mutex_is_mine(&g_mutex));
    ck_assert(mutex_try_lock(&g_mutex));
    ck_assert(mutex_is_mine(&g_mutex));
    ck_assert(!mutex_try_lock(&g_mutex));
    mutex_unlock(&g_mutex);
}
END_TEST

static struct mutex g_other_mutex = MUTEX_INIT(g_other_mutex);

static void lock_twice(void *arg)
{
    (void)arg;
    mutex_lock(&g_other_mutex);
    mutex_lock(&g_other_mutex);
}

static void unlock_foreign(void *arg)
{
    (void)arg;
    mutex_unlock(&g_mutex);
}

START_TEST(mutex_panics_on_recursion_and_foreign_unlock)
{
    mutex_init(&g_other_mutex);
    ck_assert(panic_is_caught(lock_twice, NULL, "locked again by its owner"));
    mutex_lock(&g_mutex);
    ck_assert(panic_is_caught(unlock_foreign, NULL, "not its owner"));
    mutex_unlock(&g_mutex);
}
END_TEST

/* Wait until somebody queues for `mutex`. */
static void wait_queued(struct mutex *mutex)
{
    while ((atomic_load(&mutex->word) & MUTEX_WAITERS) == 0) {
        thread_yield();
    }
}

static exo_status_t g_status;
static _Atomic uint32_t g_turn;

static void lock_until_hour(void *arg)
{
    (void)arg;
    g_status = mutex_lock_until(&g_mutex, clock_deadline_ns(3600 * NS_PER_S));
    if (g_status == EXO_OK) {
        mutex_unlock(&g_mutex);
    }
}

/* A waiter whose deadline passes goes and leaves nothing behind: the owner unlocks the short
 * way. */
START_TEST(mutex_lock_times_out_and_leaves_no_trace)
{
    struct thread *thread = NULL;

    mutex_lock(&g_mutex);
    start(&thread, lock_until_hour, NULL);
    wait_queued(&g_mutex);
    hal_test_clock_advance(3601 * NS_PER_S);
    thread_join(thread, NULL);
    ck_assert_int_eq(g_status, EXO_ERR_TIMED_OUT);
    ck_assert(mutex_is_mine(&g_mutex));
    ck_assert_uint_eq(atomic_load(&g_mutex.word), (uintptr_t)thread_current());
    mutex_unlock(&g_mutex);
    ck_assert_uint_eq(atomic_load(&g_mutex.word), 0);
    ck_assert_int_eq(mutex_lock_until(&g_mutex, 0), EXO_OK); /* free: the deadline says nothing */
    mutex_unlock(&g_mutex);
}
END_TEST

/* With two queued and the first gone by its deadline, the second is still found by the unlock. */
START_TEST(mutex_is_handed_to_who_still_waits)
{
    struct thread *thread[2];

    mutex_lock(&g_mutex);
    start(&thread[0], lock_until_hour, NULL);
    wait_queued(&g_mutex);
    g_sum = 0;
    start(&thread[1], mutex_worker, NULL);
    for (unsigned i = 0; i < 1000; i++) {
        thread_yield();
    }
    thread_sleep_ns(NS_PER_MS);
    hal_test_clock_advance(3601 * NS_PER_S);
    thread_join(thread[0], NULL);
    mutex_unlock(&g_mutex);
    thread_join(thread[1], NULL);
    ck_assert_uint_eq(g_sum, 200);
}
END_TEST

static void lock_in_turn(void *arg)
{
    mutex_lock(&g_mutex);
    if (atomic_load(&g_turn) == (uint32_t)(uintptr_t)arg) {
        atomic_fetch_add(&g_turn, 1);
    }
    mutex_unlock(&g_mutex);
}

/* Equals that queue get it in the order of their coming, though the owner wants it again. */
START_TEST(mutex_serves_in_order_of_arrival)
{
    struct thread *thread[5];

    atomic_store(&g_turn, 0);
    mutex_lock(&g_mutex);
    for (uint32_t i = 0; i < ARRAY_COUNT(thread); i++) {
        start(&thread[i], lock_in_turn, (void *)(uintptr_t)i);
        while (queued(&g_mutex.queue) <= i) {
            thread_yield();
        }
    }
    mutex_unlock(&g_mutex);
    mutex_lock(&g_mutex); /* behind all of them */
    ck_assert_uint_eq(atomic_load(&g_turn), ARRAY_COUNT(thread));
    mutex_unlock(&g_mutex);
    join_all(thread, ARRAY_COUNT(thread));
}
END_TEST

/* Short deadlines among many lockers: every failed lock leaves the mutex usable, none is lost. */
static _Atomic uint32_t g_locked;

static void impatient(void *arg)
{
    (void)arg;
    for (uint32_t i = 0; i < 200; i++) {
        if (mutex_lock_until(&g_mutex, clock_deadline_ns(i % 5 * 20000)) == EXO_OK) {
            g_sum++;
            atomic_fetch_add(&g_locked, 1);
            if (i % 8 == 0) {
                thread_sleep_ns(50000);
            }
            mutex_unlock(&g_mutex);
        }
    }
}

START_TEST(mutex_survives_impatient_lockers)
{
    struct thread *thread[6];

    g_sum = 0;
    atomic_store(&g_locked, 0);
    start_all(thread, ARRAY_COUNT(thread), impatient, NULL);
    join_all(thread, ARRAY_COUNT(thread));
    ck_assert_uint_eq(g_sum, atomic_load(&g_locked));
    ck_assert_uint_eq(atomic_load(&g_mutex.word), 0);
}
END_TEST

static void lock_interruptibly(void *arg)
{
    (void)arg;
    g_status = mutex_lock_until(&g_mutex, WAIT_FOREVER);
}

START_TEST(mutex_lock_can_be_interrupted)
{
    struct thread *thread = NULL;

    mutex_lock(&g_mutex);
    start(&thread, lock_interruptibly, NULL);
    wait_queued(&g_mutex);
    thread_interrupt(thread);
    thread_join(thread, NULL);
    ck_assert_int_eq(g_status, EXO_ERR_INTERRUPTED);
    mutex_unlock(&g_mutex);
    ck_assert_uint_eq(atomic_load(&g_mutex.word), 0);
}
END_TEST

/* ---- condition variables ---- */

static struct condition g_condition = CONDITION_INIT(g_condition);
static uint32_t g_items;    /* [g_mutex] */
static uint32_t g_consumed; /* [g_mutex] */

static void consume(void *arg)
{
    (void)arg;
    for (unsigned i = 0; i < 100; i++) {
        mutex_lock(&g_mutex);
        while (g_items == 0) {
            ck_assert_int_eq(condition_wait(&g_condition, &g_mutex, WAIT_FOREVER), EXO_OK);
        }
        g_items--;
        g_consumed++;
        mutex_unlock(&g_mutex);
    }
}

/* One signal for each item, none more: all are consumed, so no signal was lost. */
START_TEST(condition_loses_no_signal)
{
    struct thread *thread[4];

    g_items = 0;
    g_consumed = 0;
    start_all(thread, ARRAY_COUNT(thread), consume, NULL);
    for (unsigned i = 0; i < 100 * ARRAY_COUNT(thread); i++) {
        mutex_lock(&g_mutex);
        g_items++;
        mutex_unlock(&g_mutex);
        condition_signal(&g_condition);
    }
    join_all(thread, ARRAY_COUNT(thread));
    ck_assert_uint_eq(g_consumed, 100 * ARRAY_COUNT(thread));
}
END_TEST

static void wait_for_items(void *arg)
{
    (void)arg;
    mutex_lock(&g_mutex);
    atomic_fetch_add(&g_turn, 1);
    while (g_items == 0) {
        if (condition_wait(&g_condition, &g_mutex, WAIT_FOREVER) != EXO_OK) {
            break;
        }
    }
    g_consumed++;
    mutex_unlock(&g_mutex);
}

START_TEST(condition_broadcast_wakes_all_and_timeouts_hold_the_mutex)
{
    struct thread *thread[20]; /* more than a batch */

    g_items = 0;
    g_consumed = 0;
    atomic_store(&g_turn, 0);
    mutex_lock(&g_mutex);
    ck_assert_int_eq(condition_wait(&g_condition, &g_mutex, clock_deadline_ns(NS_PER_MS)),
                     EXO_ERR_TIMED_OUT);
    ck_assert(mutex_is_mine(&g_mutex));
    mutex_unlock(&g_mutex);
    start_all(thread, ARRAY_COUNT(thread), wait_for_items, NULL);
    ck_assert(test_wait_for(&g_turn, ARRAY_COUNT(thread), 5 * NS_PER_S));
    mutex_lock(&g_mutex);
    g_items = 1;
    condition_broadcast(&g_condition);
    mutex_unlock(&g_mutex);
    join_all(thread, ARRAY_COUNT(thread));
    ck_assert_uint_eq(g_consumed, ARRAY_COUNT(thread));
}
END_TEST

EXO_SUITE(sync_mutex, EXO_TEST_TIMED(mutex_excludes_across_blocking, 60),
          EXO_TEST(mutex_panics_on_recursion_and_foreign_unlock),
          EXO_TEST(mutex_lock_times_out_and_leaves_no_trace),
          EXO_TEST(mutex_is_handed_to_who_still_waits), EXO_TEST(mutex_serves_in_order_of_arrival),
          EXO_TEST_TIMED(mutex_survives_impatient_lockers, 60),
          EXO_TEST(mutex_lock_can_be_interrupted), EXO_TEST_TIMED(condition_loses_no_signal, 60),
          EXO_TEST(condition_broadcast_wakes_all_and_timeouts_hold_the_mutex))
