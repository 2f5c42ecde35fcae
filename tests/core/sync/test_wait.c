/*
 * tests/core/sync/test_wait.c - wait queues and completions.
 */
#include <stdatomic.h>

#include "exo/hal/test.h"
#include "exo/sched/sched.h"
#include "exo/sched/thread.h"
#include "exo/sync/wait.h"
#include "exo/time/clock.h"
#include "exo_check.h"
#include "exo_test.h"

#include "grant.h"
#include "workers.h"

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

/* ---- more waiters than are woken at a time, on one CPU and more urgent than their waker ---- */

#define CROWD 40u

static uint32_t g_woken; /* times that a wait was left */
static uint32_t g_ready; /* others that were woken when the first ran */
static _Atomic uint32_t g_open;

static bool is_open(void)
{
    return atomic_load(&g_open) != 0;
}

/* Each look but the first at the condition is after a wake-up. */
static bool look(bool *has_looked)
{
    if (*has_looked && !is_open()) {
        if (g_woken == 0) {
            g_ready = ready_count();
        }
        g_woken++;
    }
    *has_looked = true;
    return is_open();
}

static void wait_until_open(void *arg)
{
    exo_status_t status = EXO_OK;
    bool has_looked = false;

    (void)arg;
    WAIT_UNTIL(&g_queue, look(&has_looked), WAIT_FOREVER, &status);
}

/* Those that find their condition false wait again, and are left alone by the wake-up under way;
 * the first looks before the last is woken. */
START_TEST(wait_wake_all_lets_go_between_batches_and_ends)
{
    struct thread *thread[CROWD];

    if (!sched_heeds_classes()) {
        return; /* who runs when is decided by priorities here */
    }
    atomic_store(&g_open, 0);
    g_woken = 0;
    one_cpu(10);
    for (uint32_t i = 0; i < CROWD; i++) {
        start_on_one_cpu(&thread[i], wait_until_open, NULL, 50);
    }
    ck_assert_uint_eq(queued(&g_queue), CROWD);
    wait_wake_all(&g_queue);
    ck_assert_uint_eq(g_woken, CROWD);
    ck_assert_uint_le(g_ready, 2 * WAKE_BATCH); /* fewer than CROWD - 1, whoever else is ready */
    ck_assert_uint_eq(queued(&g_queue), CROWD);
    atomic_store(&g_open, 1);
    wait_wake_all(&g_queue);
    join_all(thread, CROWD);
    all_cpus();
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

/* More waiters than one batch: the completer wakes the first, each that leaves the next. */
static void completion_waiter(void *arg)
{
    (void)arg;
    atomic_fetch_add(&g_waiting, 1);
    if (completion_wait(&g_completion, WAIT_FOREVER) == EXO_OK) {
        atomic_fetch_add(&g_served, 1);
    }
}

START_TEST(completion_reaches_more_than_a_batch)
{
    struct thread *thread[WAITERS];

    completion_init(&g_completion);
    atomic_store(&g_waiting, 0);
    atomic_store(&g_served, 0);
    start_all(thread, WAITERS, completion_waiter, NULL);
    ck_assert(test_wait_for(&g_waiting, WAITERS, 5 * NS_PER_S));
    thread_sleep_ns(NS_PER_MS);
    completion_complete(&g_completion);
    join_all(thread, WAITERS);
    ck_assert_uint_eq(atomic_load(&g_served), WAITERS);
}
END_TEST

static void complete_in_crowd(void *arg)
{
    (void)arg;
    if (completion_wait(&g_completion, WAIT_FOREVER) == EXO_OK && g_woken++ == 0) {
        g_ready = ready_count();
    }
}

static void complete_by_an_hour(void *arg)
{
    (void)arg;
    if (completion_wait(&g_completion, clock_deadline_ns(3600 * NS_PER_S)) == EXO_OK) {
        g_woken++;
    }
}

/* Those whose turn to be woken has not come when their deadline passes see all the same that it is
 * done. */
START_TEST(completion_wins_over_deadlines_of_those_not_yet_woken)
{
    struct thread *thread[CROWD];

    if (!sched_heeds_classes()) {
        return; /* who runs when is decided by priorities here */
    }
    completion_init(&g_completion);
    g_woken = 0;
    one_cpu(10);
    for (uint32_t i = 0; i < CROWD; i++) {
        /* The last to be woken are the first to run. */
        start_on_one_cpu(&thread[i], complete_by_an_hour, NULL, i < 2 * WAKE_BATCH ? 50 : 60);
    }
    ck_assert_int_eq(thread_class_set(thread_current(), THREAD_CLASS_FIFO, 90), EXO_OK);
    completion_complete(&g_completion);
    hal_test_clock_advance(3601 * NS_PER_S);
    for (uint32_t i = 0; i < CROWD; i++) {
        thread_interrupt(thread[i]);
    }
    join_all(thread, CROWD);
    ck_assert_uint_eq(g_woken, CROWD);
    all_cpus();
}
END_TEST

/* The completer wakes one batch, and the first that leaves one more before it returns. */
START_TEST(completion_lets_go_between_batches)
{
    struct thread *thread[CROWD];

    if (!sched_heeds_classes()) {
        return; /* who runs when is decided by priorities here */
    }
    completion_init(&g_completion);
    g_woken = 0;
    one_cpu(10);
    for (uint32_t i = 0; i < CROWD; i++) {
        start_on_one_cpu(&thread[i], complete_in_crowd, NULL, 50);
    }
    completion_complete(&g_completion);
    join_all(thread, CROWD);
    ck_assert_uint_eq(g_woken, CROWD);
    ck_assert_uint_lt(g_ready, CROWD - 4);
    all_cpus();
}
END_TEST

EXO_SUITE(sync_wait, EXO_TEST_TIMED(wait_wake_one_loses_nobody, 60),
          EXO_TEST_TIMED(wait_wake_all_wakes_all, 60), EXO_TEST(wait_until_times_out_not_early),
          EXO_TEST(wait_wake_all_lets_go_between_batches_and_ends),
          EXO_TEST(completion_lets_go_between_batches),
          EXO_TEST(completion_wins_over_deadlines_of_those_not_yet_woken),
          EXO_TEST(completion_waits_until_done_then_never_again),
          EXO_TEST_TIMED(completion_reaches_more_than_a_batch, 60))
