/*
 * tests/core/sync/test_rwlock.c - read-write locks, semaphores, once.
 */
#include <stdatomic.h>

#include "exo/hal/test.h"
#include "exo/sched/sched.h"
#include "exo/sched/thread.h"
#include "exo/sync/once.h"
#include "exo/sync/rwlock.h"
#include "exo/sync/semaphore.h"
#include "exo/time/clock.h"
#include "exo_check.h"
#include "exo_panic.h"
#include "exo_test.h"

#include "grant.h"
#include "workers.h"

static struct rwlock g_lock = RWLOCK_INIT(g_lock);
static uint64_t g_pair[2];          /* [g_lock] equal */
static _Atomic uint32_t g_inside;   /* readers inside */
static _Atomic uint32_t g_most;     /* at once */
static _Atomic uint32_t g_progress; /* what a worker has done */

static void read_and_write(void *arg)
{
    const uint32_t seed = (uint32_t)(uintptr_t)arg;

    for (uint32_t i = 0; i < 300; i++) {
        if ((i + seed) % 5 == 0) {
            rwlock_write_lock(&g_lock);
            g_pair[0]++;
            if (i % 3 == 0) {
                thread_yield();
            }
            g_pair[1]++;
            rwlock_write_unlock(&g_lock);
        } else {
            rwlock_read_lock(&g_lock);
            if (g_pair[0] != g_pair[1]) {
                atomic_fetch_add(&g_progress, 1);
            }
            rwlock_read_unlock(&g_lock);
        }
    }
}

START_TEST(rwlock_excludes_writers_from_all)
{
    struct thread *thread[6];

    g_pair[0] = 0;
    g_pair[1] = 0;
    atomic_store(&g_progress, 0);
    for (uint32_t i = 0; i < ARRAY_COUNT(thread); i++) {
        start(&thread[i], read_and_write, (void *)(uintptr_t)i);
    }
    join_all(thread, ARRAY_COUNT(thread));
    ck_assert_uint_eq(atomic_load(&g_progress), 0);
    ck_assert_uint_eq(g_pair[0], 60 * ARRAY_COUNT(thread));
    ck_assert_uint_eq(g_pair[1], g_pair[0]);
    ck_assert_uint_eq(atomic_load(&g_lock.word), 0);
}
END_TEST

static void read_together(void *arg)
{
    (void)arg;
    rwlock_read_lock(&g_lock);
    atomic_fetch_add(&g_inside, 1);
    if (test_wait_for(&g_inside, 3, 5 * NS_PER_S)) {
        atomic_fetch_add(&g_most, 1);
    }
    rwlock_read_unlock(&g_lock);
}

START_TEST(rwlock_lets_readers_in_together)
{
    struct thread *thread[3];

    atomic_store(&g_inside, 0);
    atomic_store(&g_most, 0);
    rwlock_write_lock(&g_lock); /* they queue, and are let in by one unlock */
    start_all(thread, ARRAY_COUNT(thread), read_together, NULL);
    thread_sleep_ns(NS_PER_MS);
    rwlock_write_unlock(&g_lock);
    join_all(thread, ARRAY_COUNT(thread));
    ck_assert_uint_eq(atomic_load(&g_most), 3);
}
END_TEST

#define CROWD 40u /* more than two batches */

static uint32_t g_seen_by_first; /* readers that held the lock when the first of them ran */

static void read_in_crowd(void *arg)
{
    (void)arg;
    rwlock_read_lock(&g_lock);
    if (atomic_fetch_add(&g_inside, 1) == 0) {
        g_seen_by_first = atomic_load(&g_lock.word) / RWLOCK_READER;
    }
    while (atomic_load(&g_inside) < CROWD) {
        thread_yield();
    }
    rwlock_read_unlock(&g_lock);
}

/* All readers in a row come in before any leaves, but not under one hold of the queue's lock: the
 * first runs before the last is granted. They are more urgent than who lets them in. */
START_TEST(rwlock_lets_a_crowd_of_readers_in_by_batches)
{
    struct thread *thread[CROWD];

    if (!sched_heeds_classes()) {
        return; /* who runs when is decided by priorities here */
    }
    atomic_store(&g_inside, 0);
    one_cpu(10);
    rwlock_write_lock(&g_lock);
    for (uint32_t i = 0; i < CROWD; i++) {
        start_on_one_cpu(&thread[i], read_in_crowd, NULL, 50);
    }
    ck_assert_uint_eq(queued(&g_lock.queue), CROWD);
    rwlock_write_unlock(&g_lock);
    join_all(thread, CROWD);
    ck_assert_uint_le(g_seen_by_first, 2 * WAKE_BATCH); /* the unlock's, and its own */
    ck_assert_uint_eq(atomic_load(&g_lock.word), 0);
    all_cpus();
}
END_TEST

static void write_once(void *arg)
{
    const exo_status_t status =
        rwlock_write_lock_until(&g_lock, clock_deadline_ns((uint64_t)(uintptr_t)arg));

    if (status == EXO_OK) {
        atomic_fetch_add(&g_progress, 1);
        rwlock_write_unlock(&g_lock);
    }
}

static void wait_queued(void)
{
    while ((atomic_load(&g_lock.word) & RWLOCK_WAITERS) == 0) {
        thread_yield();
    }
}

static void read_once(void *arg)
{
    (void)arg;
    rwlock_read_lock(&g_lock);
    atomic_fetch_add(&g_inside, 1);
    rwlock_read_unlock(&g_lock);
}

/* A writer that waits keeps later readers out, so it comes next; one that gives up lets them in. */
START_TEST(rwlock_writer_is_not_starved_and_may_give_up)
{
    struct thread *writer = NULL;
    struct thread *reader = NULL;

    atomic_store(&g_progress, 0);
    atomic_store(&g_inside, 0);
    rwlock_read_lock(&g_lock);
    start(&writer, write_once, (void *)(uintptr_t)(3600 * NS_PER_S));
    wait_queued();
    ck_assert(!rwlock_try_read_lock(&g_lock));
    ck_assert_int_eq(rwlock_read_lock_until(&g_lock, clock_deadline_ns(1000)), EXO_ERR_TIMED_OUT);
    start(&reader, read_once, NULL);
    thread_sleep_ns(NS_PER_MS);
    ck_assert_uint_eq(atomic_load(&g_inside), 0);
    hal_test_clock_advance(3601 * NS_PER_S); /* the writer gives up */
    thread_join(writer, NULL);
    thread_join(reader, NULL); /* in beside us */
    ck_assert_uint_eq(atomic_load(&g_progress), 0);
    start(&writer, write_once, (void *)(uintptr_t)(3600 * NS_PER_S));
    wait_queued();
    rwlock_read_unlock(&g_lock);
    thread_join(writer, NULL);
    ck_assert_uint_eq(atomic_load(&g_progress), 1);
    ck_assert(rwlock_try_write_lock(&g_lock));
    ck_assert(!rwlock_try_write_lock(&g_lock));
    ck_assert(!rwlock_try_read_lock(&g_lock));
    rwlock_write_unlock(&g_lock);
}
END_TEST

static void write_unlock_foreign(void *arg)
{
    (void)arg;
    rwlock_write_unlock(&g_lock);
}

START_TEST(rwlock_panics_on_foreign_unlock)
{
    rwlock_write_lock(&g_lock);
    ck_assert(panic_is_caught(write_unlock_foreign, NULL, "not its writer"));
    rwlock_write_unlock(&g_lock);
}
END_TEST

/* ---- semaphores ---- */

static struct semaphore g_semaphore = SEMAPHORE_INIT(g_semaphore, 0);

static void down_many(void *arg)
{
    (void)arg;
    for (uint32_t i = 0; i < 100; i++) {
        if (semaphore_down(&g_semaphore, WAIT_FOREVER) == EXO_OK) {
            atomic_fetch_add(&g_progress, 1);
        }
    }
}

START_TEST(semaphore_serves_every_up)
{
    struct thread *thread[4];

    semaphore_init(&g_semaphore, 2);
    atomic_store(&g_progress, 0);
    start_all(thread, ARRAY_COUNT(thread), down_many, NULL);
    for (uint32_t i = 0; i < 100 * ARRAY_COUNT(thread) - 2; i++) {
        ck_assert_int_eq(semaphore_up(&g_semaphore), EXO_OK);
        if (i % 7 == 0) {
            thread_yield();
        }
    }
    join_all(thread, ARRAY_COUNT(thread));
    ck_assert_uint_eq(atomic_load(&g_progress), 400);
    ck_assert(!semaphore_try_down(&g_semaphore));
}
END_TEST

START_TEST(semaphore_times_out_and_has_a_limit)
{
    semaphore_init(&g_semaphore, 1);
    ck_assert(semaphore_try_down(&g_semaphore));
    ck_assert_int_eq(semaphore_down(&g_semaphore, clock_deadline_ns(NS_PER_MS)), EXO_ERR_TIMED_OUT);
    ck_assert_int_eq(semaphore_up(&g_semaphore), EXO_OK);
    ck_assert_int_eq(semaphore_down(&g_semaphore, 0), EXO_OK);
    semaphore_init(&g_semaphore, UINT32_MAX);
    ck_assert_int_eq(semaphore_up(&g_semaphore), EXO_ERR_NO_RESOURCES);
}
END_TEST

/* ---- once ---- */

static struct once g_once = ONCE_INIT(g_once);
static _Atomic uint32_t g_calls;

static exo_status_t fail_first(void *arg)
{
    (void)arg;
    thread_sleep_ns(NS_PER_MS);
    return atomic_fetch_add(&g_calls, 1) == 0 ? EXO_ERR_NO_MEMORY : EXO_OK;
}

static void run_once(void *arg)
{
    (void)arg;
    if (once_run(&g_once, fail_first, NULL) == EXO_OK) {
        atomic_fetch_add(&g_progress, 1);
    }
}

/* Of many that come at once one calls and fails, the next succeeds, and the others only wait. */
START_TEST(once_runs_until_it_succeeds_then_never)
{
    struct thread *thread[5];

    once_init(&g_once);
    atomic_store(&g_calls, 0);
    atomic_store(&g_progress, 0);
    start_all(thread, ARRAY_COUNT(thread), run_once, NULL);
    join_all(thread, ARRAY_COUNT(thread));
    ck_assert_uint_eq(atomic_load(&g_calls), 2);
    ck_assert_uint_eq(atomic_load(&g_progress), ARRAY_COUNT(thread) - 1);
    ck_assert_int_eq(once_run(&g_once, fail_first, NULL), EXO_OK);
    ck_assert_uint_eq(atomic_load(&g_calls), 2);
}
END_TEST

EXO_SUITE(sync_rwlock, EXO_TEST_TIMED(rwlock_excludes_writers_from_all, 60),
          EXO_TEST_TIMED(rwlock_lets_readers_in_together, 60),
          EXO_TEST(rwlock_lets_a_crowd_of_readers_in_by_batches),
          EXO_TEST(rwlock_writer_is_not_starved_and_may_give_up),
          EXO_TEST(rwlock_panics_on_foreign_unlock), EXO_TEST_TIMED(semaphore_serves_every_up, 60),
          EXO_TEST(semaphore_times_out_and_has_a_limit),
          EXO_TEST(once_runs_until_it_succeeds_then_never))
