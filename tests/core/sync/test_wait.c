/*
 * tests/core/sync/test_wait.c - wait queues, completions, mutexes.
 */
#include <stdatomic.h>

#include "exo/sched/thread.h"
#include "exo/sync/wait.h"
#include "exo/time/clock.h"
#include "exo_check.h"
#include "exo_panic.h"
#include "exo_test.h"

#define WAITERS 20u /* more than a batch of wait_wake_all() */

static struct wait_queue g_queue = WAIT_QUEUE_INIT(g_queue);
static _Atomic uint32_t g_tokens;
static _Atomic uint32_t g_waiting;
static _Atomic uint32_t g_served;

static bool take_token(void)
{
    uint32_t tokens = atomic_load(&g_tokens);

    while (tokens > 0) {
        if (atomic_compare_exchange_weak(&g_tokens, &tokens, tokens - 1)) {
            return true;
        }
    }
    return false;
}

static void waiter(void *arg)
{
    exo_status_t status = EXO_OK;

    (void)arg;
    atomic_fetch_add(&g_waiting, 1);
    WAIT_UNTIL(&g_queue, take_token(), WAIT_FOREVER, &status);
    if (status == EXO_OK) {
        atomic_fetch_add(&g_served, 1);
    }
}

static void start_all(struct thread *thread[], uint32_t count, void (*entry)(void *), void *arg)
{
    const struct thread_spec spec = {
        .name = "worker", .entry = entry, .arg = arg, .cpu = THREAD_ANY_CPU
    };

    for (uint32_t i = 0; i < count; i++) {
        ck_assert_int_eq(thread_create(&spec, &thread[i]), EXO_OK);
    }
}

static void join_all(struct thread *thread[], uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        thread_join(thread[i], NULL);
    }
}

/* Tokens given one by one, each with one wake-up, serve every waiter: none is lost. */
START_TEST(wait_wake_one_loses_nobody)
{
    struct thread *thread[WAITERS];

    atomic_store(&g_tokens, 0);
    atomic_store(&g_waiting, 0);
    atomic_store(&g_served, 0);
    start_all(thread, WAITERS, waiter, NULL);
    for (uint32_t i = 0; i < WAITERS; i++) {
        atomic_fetch_add(&g_tokens, 1);
        wait_wake_one(&g_queue);
        if (i % 3 == 0) {
            thread_yield();
        }
    }
    join_all(thread, WAITERS);
    ck_assert_uint_eq(atomic_load(&g_served), WAITERS);
}
END_TEST

START_TEST(wait_wake_all_wakes_all)
{
    struct thread *thread[WAITERS];

    atomic_store(&g_tokens, 0);
    atomic_store(&g_waiting, 0);
    atomic_store(&g_served, 0);
    start_all(thread, WAITERS, waiter, NULL);
    ck_assert(test_wait_for(&g_waiting, WAITERS, 5 * NS_PER_S));
    atomic_store(&g_tokens, WAITERS);
    wait_wake_all(&g_queue);
    join_all(thread, WAITERS);
    ck_assert_uint_eq(atomic_load(&g_served), WAITERS);
    ck_assert_uint_eq(atomic_load(&g_tokens), 0);
    wait_wake_all(&g_queue); /* nobody */
    wait_wake_one(&g_queue);
}
END_TEST

START_TEST(wait_until_times_out_not_early)
{
    exo_status_t status = EXO_OK;
    const uint64_t deadline_ns = clock_deadline_ns(5 * NS_PER_MS);

    WAIT_UNTIL(&g_queue, false, deadline_ns, &status);
    ck_assert_int_eq(status, EXO_ERR_TIMED_OUT);
    ck_assert_uint_ge(clock_now_ns(), deadline_ns);
    ck_assert(list_is_empty(&g_queue.waiters));
    /* A condition that holds wins over a deadline in the past. */
    WAIT_UNTIL(&g_queue, true, 1, &status);
    ck_assert_int_eq(status, EXO_OK);
}
END_TEST

static struct completion g_completion = COMPLETION_INIT(g_completion);

static void complete(void *arg)
{
    (void)arg;
    thread_sleep_ns(NS_PER_MS);
    atomic_store(&g_served, 1);
    completion_complete(&g_completion);
}

START_TEST(completion_waits_until_done_then_never_again)
{
    struct thread *thread[1];

    completion_init(&g_completion);
    atomic_store(&g_served, 0);
    ck_assert_int_eq(completion_wait(&g_completion, clock_deadline_ns(NS_PER_MS)),
                     EXO_ERR_TIMED_OUT);
    start_all(thread, 1, complete, NULL);
    ck_assert_int_eq(completion_wait(&g_completion, WAIT_FOREVER), EXO_OK);
    ck_assert_uint_eq(atomic_load(&g_served), 1);
    ck_assert_int_eq(completion_wait(&g_completion, WAIT_FOREVER), EXO_OK);
    join_all(thread, 1);
}
END_TEST

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
    ck_assert(panic_is_caught(lock_twice, NULL, "mutex_is_mine"));
    mutex_lock(&g_mutex);
    ck_assert(panic_is_caught(unlock_foreign, NULL, "mutex_is_mine"));
    mutex_unlock(&g_mutex);
}
END_TEST

EXO_SUITE(sync_wait, EXO_TEST_TIMED(wait_wake_one_loses_nobody, 60),
          EXO_TEST_TIMED(wait_wake_all_wakes_all, 60), EXO_TEST(wait_until_times_out_not_early),
          EXO_TEST(completion_waits_until_done_then_never_again),
          EXO_TEST_TIMED(mutex_excludes_across_blocking, 60),
          EXO_TEST(mutex_panics_on_recursion_and_foreign_unlock))
