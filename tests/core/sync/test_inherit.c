/*
 * tests/core/sync/test_inherit.c - whom a mutex goes to, and how urgent its owner is meanwhile.
 *
 * All threads of a test are real-time threads of one CPU, so that who runs is decided by their
 * levels alone; the test's own thread goes before the others where it says so.
 */
#include <stdatomic.h>

#include "exo/hal/test.h"
#include "exo/sched/sched.h"
#include "exo/sched/thread.h"
#include "exo/sync/mutex.h"
#include "exo/time/clock.h"
#include "exo_check.h"
#include "exo_test.h"

#include "workers.h"

#define MAIN_URGENT 95u
#define MAIN_MEAN   10u
#define FACTS_MAX   256u

static struct mutex g_first = MUTEX_INIT(g_first);
static struct mutex g_second = MUTEX_INIT(g_second);
static uint32_t g_order; /* digits: who had its mutex when; all run on one CPU */
static struct thread_info g_facts[FACTS_MAX];

struct waiter {
    uint32_t digit;
    uint32_t priority;
    struct mutex *holds; /* NULL: nothing */
    struct mutex *wants;
    struct thread *thread;
    exo_status_t status;
};

static void wait_for_mutex(void *arg)
{
    struct waiter *const waiter = arg;

    if (waiter->holds != NULL) {
        mutex_lock(waiter->holds);
    }
    waiter->status = mutex_lock_until(waiter->wants, clock_deadline_ns(3600 * NS_PER_S));
    if (waiter->status == EXO_OK) {
        g_order = g_order * 10 + waiter->digit;
        mutex_unlock(waiter->wants);
    }
    if (waiter->holds != NULL) {
        mutex_unlock(waiter->holds);
    }
}

/* Start it and return once it queues. */
static void waiter_start(struct waiter *waiter)
{
    const uint32_t before = queued(&waiter->wants->queue);

    start_on_one_cpu(&waiter->thread, wait_for_mutex, waiter, waiter->priority);
    while (queued(&waiter->wants->queue) == before) {
        thread_sleep_ns(NS_PER_MS / 4);
    }
}

static void waiters_start(struct waiter waiter[], uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        waiter_start(&waiter[i]);
    }
}

static void waiters_join(struct waiter waiter[], uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        thread_join(waiter[i].thread, NULL);
    }
}

/* This thread is on CPU 0 with that priority. */
static void main_begin(uint32_t priority)
{
    g_order = 0;
    one_cpu(priority);
}

static void main_end(void)
{
    all_cpus();
    ck_assert_uint_eq(atomic_load(&g_first.word), 0);
    ck_assert_uint_eq(atomic_load(&g_second.word), 0);
}

/* The real-time priority that the thread has in effect. */
static uint32_t priority_of(const struct thread *thread)
{
    const size_t count = thread_list(g_facts, FACTS_MAX);

    for (size_t i = 0; i < count && i < FACTS_MAX; i++) {
        if (g_facts[i].id == thread_id(thread)) {
            return 100 - g_facts[i].level;
        }
    }
    return UINT32_MAX;
}

START_TEST(mutex_goes_to_the_most_urgent_and_of_equals_to_the_first)
{
    struct waiter waiter[] = { { .digit = 1, .priority = 20, .wants = &g_first },
                               { .digit = 2, .priority = 50, .wants = &g_first },
                               { .digit = 3, .priority = 30, .wants = &g_first },
                               { .digit = 4, .priority = 50, .wants = &g_first },
                               { .digit = 5, .priority = 30, .wants = &g_first } };

    if (!sched_heeds_classes()) {
        return; /* who runs when is decided by priorities here */
    }
    main_begin(MAIN_URGENT);
    mutex_lock(&g_first);
    waiters_start(waiter, ARRAY_COUNT(waiter));
    mutex_unlock(&g_first);
    waiters_join(waiter, ARRAY_COUNT(waiter));
    ck_assert_uint_eq(g_order, 24351);
    main_end();
}
END_TEST

/* What counts is how urgent the waiters are when the mutex is given back: 1 is made more urgent
 * while it waits, and 2, the owner of the second mutex, by 4 that waits for it. */
START_TEST(mutex_goes_by_the_urgency_of_the_moment)
{
    struct waiter waiter[] = {
        { .digit = 1, .priority = 20, .wants = &g_first },
        { .digit = 2, .priority = 30, .holds = &g_second, .wants = &g_first },
        { .digit = 3, .priority = 40, .wants = &g_first },
        { .digit = 4, .priority = 80, .wants = &g_second }
    };

    if (!sched_heeds_classes()) {
        return; /* who runs when is decided by priorities here */
    }
    main_begin(MAIN_URGENT);
    mutex_lock(&g_first);
    waiters_start(waiter, ARRAY_COUNT(waiter));
    ck_assert_int_eq(thread_class_set(waiter[0].thread, THREAD_CLASS_FIFO, 60), EXO_OK);
    mutex_unlock(&g_first);
    waiters_join(waiter, ARRAY_COUNT(waiter));
    ck_assert_uint_eq(g_order, 2413);
    main_end();
}
END_TEST

/* From the unlock on, before the heir has run at all: it is no more urgent than itself and those
 * that wait for it, and those that still wait for the mutex raise it. */
START_TEST(mutex_heir_inherits_at_once_and_not_from_itself)
{
    struct waiter waiter[] = {
        { .digit = 1, .priority = 80, .holds = &g_second, .wants = &g_first },
        { .digit = 2, .priority = 85, .wants = &g_second },
        { .digit = 3, .priority = 70, .wants = &g_first },
    };

    if (!sched_heeds_classes()) {
        return; /* who runs when is decided by priorities here */
    }
    main_begin(MAIN_URGENT);
    mutex_lock(&g_first);
    waiters_start(waiter, ARRAY_COUNT(waiter));
    ck_assert_uint_eq(priority_of(waiter[0].thread), 85);
    mutex_unlock(&g_first);
    ck_assert_uint_eq(priority_of(waiter[0].thread), 85);
    ck_assert_int_eq(thread_class_set(waiter[1].thread, THREAD_CLASS_FIFO, 20), EXO_OK);
    ck_assert_uint_eq(priority_of(waiter[0].thread), 80);
    ck_assert_int_eq(thread_class_set(waiter[2].thread, THREAD_CLASS_FIFO, 90), EXO_OK);
    ck_assert_uint_eq(priority_of(waiter[0].thread), 90);
    ck_assert_uint_eq(priority_of(thread_current()), MAIN_URGENT);
    ck_assert_int_eq(thread_class_set(thread_current(), THREAD_CLASS_FIFO, 5), EXO_OK);
    ck_assert_uint_eq(priority_of(thread_current()), 5); /* nobody waits for it any more */
    waiters_join(waiter, ARRAY_COUNT(waiter));
    ck_assert_uint_eq(g_order, 132);
    main_end();
}
END_TEST

/* An owner is raised along a chain, and falls back as far as those still waiting let it: when it
 * gives the mutex back, and each time that a waiter's deadline passes, or it is interrupted or
 * killed. */
START_TEST(mutex_owner_falls_back_as_waiters_give_up)
{
    struct waiter waiter[] = {
        { .digit = 1, .priority = 30, .holds = &g_second, .wants = &g_first },
        { .digit = 2, .priority = 80, .wants = &g_second },
        { .digit = 3, .priority = 70, .wants = &g_second },
    };

    if (!sched_heeds_classes()) {
        return; /* who runs when is decided by priorities here */
    }
    main_begin(MAIN_MEAN);
    mutex_lock(&g_first);
    waiter_start(&waiter[0]);
    ck_assert_uint_eq(priority_of(thread_current()), 30);
    waiter_start(&waiter[1]);
    waiter_start(&waiter[2]);
    ck_assert_uint_eq(priority_of(thread_current()), 80);
    thread_interrupt(waiter[1].thread);
    thread_join(waiter[1].thread, NULL);
    ck_assert_int_eq(waiter[1].status, EXO_ERR_INTERRUPTED);
    ck_assert_uint_eq(priority_of(waiter[0].thread), 70);
    ck_assert_uint_eq(priority_of(thread_current()), 70);
    thread_kill(waiter[2].thread);
    thread_join(waiter[2].thread, NULL);
    ck_assert_int_eq(waiter[2].status, EXO_ERR_INTERRUPTED);
    ck_assert_uint_eq(priority_of(thread_current()), 30);
    hal_test_clock_advance(3601 * NS_PER_S);
    thread_join(waiter[0].thread, NULL);
    ck_assert_int_eq(waiter[0].status, EXO_ERR_TIMED_OUT);
    ck_assert_uint_eq(priority_of(thread_current()), MAIN_MEAN);
    mutex_unlock(&g_first);
    ck_assert_uint_eq(g_order, 0);
    main_end();
}
END_TEST

/* ---- deadlines ---- */

struct dated {
    struct thread_deadline wish; /* runtime_ns 0: none */
    uint32_t digit;              /* 0: none */
    exo_status_t status;
    struct mutex *holds; /* NULL: nothing */
    struct mutex *wants;
    struct thread *thread;
};

static void wait_with_deadline(void *arg)
{
    struct dated *const dated = arg;

    dated->status = dated->wish.runtime_ns == 0 ? EXO_OK : thread_deadline_set(&dated->wish);
    if (dated->holds != NULL) {
        mutex_lock(dated->holds);
    }
    mutex_lock(dated->wants);
    if (dated->digit != 0) {
        g_order = g_order * 10 + dated->digit;
    }
    mutex_unlock(dated->wants);
    if (dated->holds != NULL) {
        mutex_unlock(dated->holds);
    }
    thread_deadline_clear();
}

/* Start it and return once it queues. */
static void dated_start(struct dated *dated)
{
    const uint32_t before = queued(&dated->wants->queue);

    start(&dated->thread, wait_with_deadline, dated);
    while (queued(&dated->wants->queue) == before) {
        thread_sleep_ns(NS_PER_MS / 4);
    }
    ck_assert_int_eq(dated->status, EXO_OK);
}

/* Of deadline threads the one with the earliest deadline gets the mutex, though it came last. */
START_TEST(mutex_goes_to_the_earliest_deadline)
{
    struct dated dated[3] = {
        { .wish = { 50 * NS_PER_MS, 900 * NS_PER_MS, 1000 * NS_PER_MS }, .digit = 1 },
        { .wish = { 50 * NS_PER_MS, 600 * NS_PER_MS, 1000 * NS_PER_MS }, .digit = 2 },
        { .wish = { 50 * NS_PER_MS, 300 * NS_PER_MS, 1000 * NS_PER_MS }, .digit = 3 },
    };

    g_order = 0;
    mutex_lock(&g_first);
    for (uint32_t i = 0; i < ARRAY_COUNT(dated); i++) {
        dated[i].wants = &g_first;
        dated_start(&dated[i]);
    }
    mutex_unlock(&g_first);
    for (uint32_t i = 0; i < ARRAY_COUNT(dated); i++) {
        thread_join(dated[i].thread, NULL);
    }
    ck_assert_uint_eq(g_order, 321);
}
END_TEST

/* A normal thread for whose mutex an early deadline waits goes before a later deadline. */
START_TEST(mutex_owner_inherits_a_deadline)
{
    struct dated dated[3] = {
        { .digit = 1, .holds = &g_second, .wants = &g_first },
        { .wish = { 50 * NS_PER_MS, 600 * NS_PER_MS, 1000 * NS_PER_MS },
          .digit = 2,
          .wants = &g_first },
        { .wish = { 50 * NS_PER_MS, 300 * NS_PER_MS, 1000 * NS_PER_MS }, .wants = &g_second },
    };

    g_order = 0;
    mutex_lock(&g_first);
    for (uint32_t i = 0; i < ARRAY_COUNT(dated); i++) {
        dated_start(&dated[i]);
    }
    mutex_unlock(&g_first);
    for (uint32_t i = 0; i < ARRAY_COUNT(dated); i++) {
        thread_join(dated[i].thread, NULL);
    }
    ck_assert_uint_eq(g_order, 12);
}
END_TEST

/* ---- a chain at work: low holds the first, middle the second and waits for the first ---- */

static _Atomic uint32_t g_turn;
static _Atomic uint32_t g_go;

static void note(uint32_t who)
{
    g_order = g_order * 10 + who;
}

static void low(void *arg)
{
    (void)arg;
    mutex_lock(&g_first);
    atomic_store(&g_turn, 1);
    while (atomic_load(&g_go) == 0) {
        thread_yield();
    }
    note(1);
    mutex_unlock(&g_first);
    note(5); /* lowered again: after everybody else */
}

static void bystander(void *arg)
{
    (void)arg;
    note(3);
}

/* High waits for middle, which waits for low: low runs before a bystander more urgent than itself,
 * and falls back when it has unlocked. */
START_TEST(mutex_owner_runs_before_bystanders)
{
    struct waiter waiter[] = {
        { .digit = 2, .priority = 20, .holds = &g_second, .wants = &g_first },
        { .digit = 4, .priority = 80, .wants = &g_second },
    };
    struct thread *thread[2];

    if (!sched_heeds_classes()) {
        return; /* who runs when is decided by priorities here */
    }
    atomic_store(&g_turn, 0);
    atomic_store(&g_go, 0);
    main_begin(MAIN_URGENT);
    start_on_one_cpu(&thread[0], low, NULL, 10);
    while (atomic_load(&g_turn) == 0) {
        thread_sleep_ns(NS_PER_MS / 4);
    }
    waiters_start(waiter, ARRAY_COUNT(waiter));
    start_on_one_cpu(&thread[1], bystander, NULL, 50);
    atomic_store(&g_go, 1);
    waiters_join(waiter, ARRAY_COUNT(waiter));
    join_all(thread, ARRAY_COUNT(thread));
    ck_assert_uint_eq(g_order, 12435);
    main_end();
}
END_TEST

EXO_SUITE(sync_inherit, EXO_TEST(mutex_goes_to_the_most_urgent_and_of_equals_to_the_first),
          EXO_TEST(mutex_goes_by_the_urgency_of_the_moment),
          EXO_TEST(mutex_heir_inherits_at_once_and_not_from_itself),
          EXO_TEST(mutex_owner_falls_back_as_waiters_give_up),
          EXO_TEST(mutex_goes_to_the_earliest_deadline), EXO_TEST(mutex_owner_inherits_a_deadline),
          EXO_TEST(mutex_owner_runs_before_bystanders))
