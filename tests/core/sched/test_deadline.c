/*
 * tests/core/sched/test_deadline.c - who is promised how much of a CPU, and gets no more.
 *
 * What plain round robin does not do is asked of the fair policy only; admission is the
 * scheduler's.
 */
#include <stdatomic.h>

#include "exo/sched/sched.h"
#include "exo/time/clock.h"
#include "exo_check.h"
#include "exo_test.h"
#include "sched_private.h"

#define MS NS_PER_MS

static _Atomic uint32_t g_step;
static _Atomic uint32_t g_stop;
static _Atomic uint32_t g_ran;
static int g_status;

static struct thread *start_on(uint32_t cpu, void (*entry)(void *), const void *arg)
{
    const struct thread_spec spec = {
        .name = "deadline", .entry = entry, .arg = (void *)(uintptr_t)arg, .cpu = cpu
    };
    struct thread *thread = NULL;

    ck_assert_int_eq(thread_create(&spec, &thread), EXO_OK);
    return thread;
}

static exo_status_t ask(uint64_t runtime_ns, uint64_t deadline_ns, uint64_t period_ns)
{
    const struct thread_deadline wish = { runtime_ns, deadline_ns, period_ns };

    return thread_deadline_set(&wish);
}

START_TEST(deadline_wishes_are_checked)
{
    const uint64_t max_ns = DEADLINE_PERIOD_MAX_NS;
    const uint64_t min_ns = DEADLINE_RUNTIME_MIN_NS;

    ck_assert_int_eq(ask(min_ns - 1, MS, MS), EXO_ERR_INVALID);
    ck_assert_int_eq(ask(2 * MS, MS, 3 * MS), EXO_ERR_INVALID);
    ck_assert_int_eq(ask(MS, 3 * MS, 2 * MS), EXO_ERR_INVALID);
    ck_assert_int_eq(ask(MS, max_ns, max_ns + 1), EXO_ERR_INVALID);
    ck_assert_int_eq(ask(max_ns / 2, max_ns, max_ns), EXO_OK);
    ck_assert_int_eq(ask(max_ns / 2, max_ns, max_ns), EXO_ERR_BUSY);
    ck_assert_int_eq(thread_class_set(thread_current(), THREAD_CLASS_NORMAL, 0), EXO_ERR_BUSY);
    ck_assert_int_eq(thread_affinity_set(thread_current(), AFFINITY_ALL), EXO_ERR_BUSY);
    thread_deadline_clear();
    thread_deadline_clear(); /* twice is no harm */
    ck_assert_int_eq(thread_class_set(thread_current(), THREAD_CLASS_NORMAL, 0), EXO_OK);
}
END_TEST

static void promise_and_exit(void *arg)
{
    g_status = thread_deadline_set(arg);
}

static uint32_t promised_in_all(void)
{
    uint32_t sum = 0;

    for (uint32_t cpu = 0; cpu < CPUS_MAX; cpu++) {
        sum += atomic_load(&sched_cpu(cpu)->promised);
    }
    return sum;
}

/* Promises of a CPU never exceed 95 percent, counted by the shorter of deadline and period, and
 * each goes back, by clearing and by the thread's end, to the CPU that made it. */
START_TEST(deadline_promises_add_up_and_come_back)
{
    static const struct thread_deadline half = { 5 * MS, 10 * MS, 10 * MS };
    const struct thread_deadline rest = { 4500000, 10 * MS, 10 * MS };
    const struct thread_deadline more = { 4501000, 10 * MS, 10 * MS };
    _Atomic uint32_t *const promised = &sched_cpu(0)->promised;

    ck_assert_int_eq(thread_affinity_set(thread_current(), 1), EXO_OK);
    ck_assert_int_eq(thread_deadline_set(&half), EXO_OK);
    ck_assert_uint_eq(atomic_load(promised), 500000);
    thread_join(start_on(0, promise_and_exit, &more), NULL);
    ck_assert_int_eq(g_status, EXO_ERR_NO_RESOURCES);
    ck_assert_uint_eq(atomic_load(promised), 500000);
    thread_join(start_on(0, promise_and_exit, &rest), NULL);
    ck_assert_int_eq(g_status, EXO_OK);
    ck_assert_uint_eq(atomic_load(promised), 500000);
    thread_deadline_clear();
    ck_assert_uint_eq(atomic_load(promised), 0);
    ck_assert_uint_eq(atomic_load(&thread_current()->affinity), 1);
    ck_assert_int_eq(ask(96 * MS, 100 * MS, 500 * MS), EXO_ERR_NO_RESOURCES);
    ck_assert_int_eq(ask(95 * MS, 100 * MS, 500 * MS), EXO_OK);
    thread_deadline_clear();
    ck_assert_int_eq(thread_affinity_set(thread_current(), AFFINITY_ALL), EXO_OK);
    for (uint32_t i = 0; i < 50; i++) {
        ck_assert_int_eq(thread_deadline_set(&half), EXO_OK);
        thread_deadline_clear(); /* and may be on another CPU before this returns */
        ck_assert_uint_eq(promised_in_all(), 0);
    }
}
END_TEST

static void hold_deadline(void *arg)
{
    if (thread_deadline_set(arg) == EXO_OK) {
        atomic_fetch_add(&g_ran, 1);
    }
    atomic_fetch_add(&g_step, 1);
    while (atomic_load(&g_stop) == 0) {
        thread_sleep_ns(MS);
    }
}

/* A promise that one CPU cannot keep is made by another one, as long as there is one. */
START_TEST(deadline_threads_find_a_cpu_with_room)
{
    static const struct thread_deadline wish = { 6 * MS, 10 * MS, 10 * MS };
    const uint32_t cpus = sched_online_count() < 6 ? sched_online_count() : 6;
    struct thread *thread[7];

    atomic_store(&g_stop, 0);
    atomic_store(&g_step, 0);
    atomic_store(&g_ran, 0);
    for (uint32_t i = 0; i < cpus + 1; i++) {
        thread[i] = start_on(THREAD_ANY_CPU, hold_deadline, &wish);
    }
    while (atomic_load(&g_step) < cpus + 1) {
        thread_sleep_ns(MS);
    }
    ck_assert_uint_ge(atomic_load(&g_ran), cpus);
    ck_assert_uint_le(atomic_load(&g_ran), sched_online_count());
    atomic_store(&g_stop, 1);
    for (uint32_t i = 0; i < cpus + 1; i++) {
        thread_join(thread[i], NULL);
    }
    ck_assert_uint_eq(promised_in_all(), 0);
}
END_TEST

static void deadline_hog(void *arg)
{
    g_status = thread_deadline_set(arg);
    atomic_fetch_add(&g_step, 1);
    while (atomic_load_explicit(&g_stop, memory_order_relaxed) == 0) {
        hal_pause();
    }
}

static uint64_t refills_of(struct thread *thread)
{
    struct run_queue *const queue = &sched_cpu(0)->queue;
    const hal_irq_t irq = spin_lock_irq(&queue->lock);
    const uint64_t refills = thread->budget.refills;

    spin_unlock_irq(&queue->lock, irq);
    return refills;
}

/* A deadline thread that never sleeps is stopped when its budget is spent, and has the next one in
 * the next period: this normal thread of the same CPU goes on only while it is stopped, so it would
 * not come to the end of this test otherwise. Budgets are counted, not times: n of them take at
 * least n - 1 periods, and it ran for n budgets at least. */
START_TEST(deadline_budget_is_enforced)
{
    static const struct thread_deadline wish = { 6 * MS, 10 * MS, 10 * MS };
    uint64_t refills = 0;

    if (!sched_heeds_classes()) {
        return;
    }
    atomic_store(&g_stop, 0);
    atomic_store(&g_step, 0);
    ck_assert_int_eq(thread_affinity_set(thread_current(), 1), EXO_OK);
    const uint64_t start_ns = clock_now_ns();
    struct thread *const hog = start_on(0, deadline_hog, &wish);

    while (atomic_load(&g_step) == 0) {
        thread_yield();
    }
    ck_assert_int_eq(g_status, EXO_OK);
    while (refills < 5) {
        refills = refills_of(hog);
        ck_assert_uint_le((refills - (refills > 0 ? 1 : 0)) * wish.period_ns,
                          clock_now_ns() - start_ns);
        hal_pause();
    }
    ck_assert_uint_ge(clock_cycles_to_ns(atomic_load(&hog->run_cycles)),
                      refills * wish.runtime_ns * 99 / 100);
    atomic_store(&g_stop, 1);
    thread_join(hog, NULL);
    ck_assert_uint_eq(promised_in_all(), 0);
    ck_assert_int_eq(thread_affinity_set(thread_current(), AFFINITY_ALL), EXO_OK);
}
END_TEST

/* The policy alone: of those that wait, the one with the earliest deadline is next, whatever the
 * order they came in; before real time. One that has spent its budget is not queued at all. */
START_TEST(earliest_deadline_goes_first)
{
    static struct run_queue queue;
    static struct thread thread[5];
    const struct sched_policy *const policy = &g_sched_policy_fair;
    static const uint64_t deadline_ns[4] = { 300, 100, 400, 200 };
    static const uint32_t order[4] = { 1, 3, 0, 2 };

    run_queue_init(&queue);
    policy->init(&queue);
    for (uint32_t i = 0; i < 5; i++) {
        thread[i] = (struct thread){ .entity.inverse = sched_inverse_weight(0) };
        list_init(&thread[i].entity.node);
        atomic_store(&thread[i].affinity, AFFINITY_ALL);
        atomic_store(&thread[i].entity.level, (uint8_t)(i < 4 ? LEVEL_DEADLINE : LEVEL_REALTIME));
        thread[i].budget.deadline_ns = i < 4 ? deadline_ns[i] : 0;
        policy->enqueue(&queue, &thread[i], false);
    }
    for (uint32_t i = 0; i < 4; i++) {
        ck_assert_ptr_eq(policy->pick(&queue), &thread[order[i]]);
    }
    ck_assert_ptr_eq(policy->pick(&queue), &thread[4]);
    thread[0].budget.runtime_ns = 1000;
    thread[0].budget.left_ns = 0;
    policy->enqueue(&queue, &thread[0], false);
    ck_assert(thread[0].budget.is_spent && !entity_queued(&thread[0].entity));
    ck_assert_uint_eq(queue.count, 0);
    ck_assert_ptr_null(policy->pick(&queue));
}
END_TEST

/* Between the two steps of giving deadlines up, the thread is an ordinary one with a spent budget:
 * no timer ends that budget again and again (found by a seeded workload, as a livelock). */
START_TEST(deadline_budget_of_an_ordinary_thread_does_not_fire)
{
    struct thread *const self = thread_current();
    struct timer_stats before;
    struct timer_stats after;

    ck_assert_int_eq(ask(5 * MS, 50 * MS, 50 * MS), EXO_OK);
    preempt_disable();
    test_spin_ns(10 * MS);
    sched_own_level_set(self, LEVEL_NORMAL);
    timer_stats(hal_cpu_id(), &before);
    preempt_enable();
    for (uint32_t i = 0; i < 100; i++) {
        thread_yield();
    }
    timer_stats(hal_cpu_id(), &after);
    ck_assert_uint_le(after.fired - before.fired, 50);
    thread_deadline_clear();
    ck_assert_uint_eq(promised_in_all(), 0);
}
END_TEST

EXO_SUITE(sched_deadline, EXO_TEST(deadline_wishes_are_checked),
          EXO_TEST(deadline_promises_add_up_and_come_back),
          EXO_TEST_TIMED(deadline_threads_find_a_cpu_with_room, 60),
          EXO_TEST_TIMED(deadline_budget_is_enforced, 120), EXO_TEST(earliest_deadline_goes_first),
          EXO_TEST(deadline_budget_of_an_ordinary_thread_does_not_fire))
