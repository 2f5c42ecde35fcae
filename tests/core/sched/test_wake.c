/*
 * tests/core/sched/test_wake.c - who runs at once when it wakes, where threads go, and when no tick
 * comes.
 */
#include <stdatomic.h>

#include "exo/hal/test.h"
#include "exo/mem/phys.h"
#include "exo/sched/sched.h"
#include "exo/sync/preempt.h"
#include "exo/time/clock.h"
#include "exo_check.h"
#include "exo_test.h"
#include "limit.h"
#include "sched_private.h"

static _Atomic uint32_t g_ran;
static _Atomic uint32_t g_stop;
static _Atomic uint32_t g_cpu;

static struct thread *start_on(uint32_t cpu, void (*entry)(void *), void *arg)
{
    const struct thread_spec spec = { .name = "wakes", .entry = entry, .arg = arg, .cpu = cpu };
    struct thread *thread = NULL;

    ck_assert_int_eq(thread_create(&spec, &thread), EXO_OK);
    return thread;
}

static uint32_t last_cpu(void)
{
    uint32_t last = 0;

    for (uint32_t cpu = 0; cpu < CPUS_MAX; cpu++) {
        last = sched_is_online(cpu) ? cpu : last;
    }
    return last;
}

static void wait_for_state(const struct thread *thread, enum thread_state state)
{
    while (atomic_load(&thread->state) != state || atomic_load(&thread->on_cpu)) {
        thread_sleep_ns(NS_PER_MS / 4);
    }
}

/* Parks again and again and counts its wake-ups. */
static void count_wakes(void *arg)
{
    (void)arg;
    while (atomic_load(&g_stop) == 0) {
        if (thread_park(CLOCK_NEVER) == EXO_OK) {
            atomic_store(&g_cpu, hal_cpu_id());
            atomic_fetch_add(&g_ran, 1); /* last: who sees it looks at the CPU */
        }
    }
}

/* All on one CPU: a more urgent thread runs before the call that wakes it returns, a less urgent
 * one does not, and with preemption off nobody does until it is on again. */
START_TEST(wake_up_preempts_the_less_urgent)
{
    struct thread *const self = thread_current();
    const uint32_t percent = sched_limit_get();

    if (!sched_heeds_classes()) {
        return;
    }
    sched_limit_set(LIMIT_OFF);
    atomic_store(&g_stop, 0);
    atomic_store(&g_ran, 0);
    ck_assert_int_eq(thread_affinity_set(self, 1), EXO_OK);
    ck_assert_int_eq(thread_class_set(self, THREAD_CLASS_FIFO, 50), EXO_OK);
    struct thread *const other = start_on(0, count_wakes, NULL);

    ck_assert_int_eq(thread_class_set(other, THREAD_CLASS_FIFO, 51), EXO_OK);
    ck_assert_uint_eq(atomic_load(&g_ran), 0);
    thread_unpark(other);
    ck_assert_uint_eq(atomic_load(&g_ran), 1);
    preempt_disable();
    thread_unpark(other);
    ck_assert_uint_eq(atomic_load(&g_ran), 1);
    preempt_enable();
    ck_assert_uint_eq(atomic_load(&g_ran), 2);
    ck_assert_int_eq(thread_class_set(other, THREAD_CLASS_FIFO, 50), EXO_OK);
    thread_unpark(other); /* an equal waits */
    ck_assert_uint_eq(atomic_load(&g_ran), 2);
    ck_assert_int_eq(thread_class_set(other, THREAD_CLASS_FIFO, 60), EXO_OK); /* until it is none */
    ck_assert_uint_eq(atomic_load(&g_ran), 3);
    ck_assert_int_eq(thread_class_set(other, THREAD_CLASS_NORMAL, 0), EXO_OK);
    thread_unpark(other);
    ck_assert_uint_eq(atomic_load(&g_ran), 3);
    ck_assert_int_eq(thread_class_set(self, THREAD_CLASS_NORMAL, 0), EXO_OK);
    atomic_store(&g_stop, 1);
    thread_unpark(other);
    thread_join(other, NULL);
    ck_assert_int_eq(thread_affinity_set(self, AFFINITY_ALL), EXO_OK);
    sched_limit_set(percent);
}
END_TEST

/* A sleeping thread wakes where it may run by then. */
START_TEST(affinity_change_moves_a_sleeping_thread)
{
    const uint32_t to = last_cpu();

    atomic_store(&g_stop, 0);
    atomic_store(&g_ran, 0);
    struct thread *const other = start_on(0, count_wakes, NULL);

    wait_for_state(other, THREAD_BLOCKED);
    ck_assert_int_eq(thread_affinity_set(other, 1ull << to), EXO_OK);
    thread_unpark(other);
    ck_assert(test_wait_for(&g_ran, 1, 20 * NS_PER_S));
    ck_assert_uint_eq(atomic_load(&g_cpu), to);
    atomic_store(&g_stop, 1);
    thread_unpark(other);
    thread_join(other, NULL);
}
END_TEST

static void note_cpu(void *arg)
{
    (void)arg;
    atomic_store(&g_cpu, hal_cpu_id());
    atomic_store(&g_ran, 1);
}

/* A thread that waits for a CPU which never becomes free leaves it when it may run elsewhere only,
 * though nobody could steal it. */
START_TEST(affinity_change_moves_a_waiting_thread)
{
    const uint32_t to = last_cpu();

    if (sched_online_count() < 2) {
        return;
    }
    ck_assert_int_eq(thread_affinity_set(thread_current(), 1), EXO_OK);
    atomic_store(&g_ran, 0);
    struct thread *const other = start_on(0, note_cpu, NULL);

    preempt_disable(); /* this CPU is ours from here on */
    if (atomic_load(&g_ran) == 0) {
        ck_assert_int_eq(thread_affinity_set(other, 1ull << to), EXO_OK);
        while (atomic_load(&g_ran) == 0) {
            hal_pause();
        }
        ck_assert_uint_eq(atomic_load(&g_cpu), to);
    }
    preempt_enable();
    thread_join(other, NULL);
    ck_assert_int_eq(thread_affinity_set(thread_current(), AFFINITY_ALL), EXO_OK);
}
END_TEST

static void spin(void *arg)
{
    (void)arg;
    atomic_fetch_add(&g_ran, 1);
    while (atomic_load_explicit(&g_stop, memory_order_relaxed) == 0) {
        hal_pause();
    }
}

static uint64_t ticks_of(uint32_t cpu)
{
    return atomic_load(&sched_cpu(cpu)->ticks);
}

#define JUMPS 40u

/* Forty times a second passes at once: timers that are armed fire. */
static void let_time_pass(void)
{
    for (uint32_t i = 0; i < JUMPS; i++) {
        hal_test_clock_advance(NS_PER_S);
        thread_sleep_ns(
            NS_PER_MS); /* it comes and goes: not the only one of its CPU now and then */
    }
}

/* Timer interrupts that the CPU takes while this thread sleeps and wakes JUMPS times elsewhere. */
static uint64_t interrupts_meanwhile(uint32_t cpu)
{
    struct timer_stats before;
    struct timer_stats after;

    timer_stats(cpu, &before);
    for (uint32_t i = 0; i < JUMPS; i++) {
        thread_sleep_ns(2 * NS_PER_MS); /* a tick's time */
    }
    timer_stats(cpu, &after);
    return after.interrupts - before.interrupts;
}

/* A CPU with one thread that never lets go, and one with nothing to do, take no tick while time
 * passes, and no timer interrupts; with two threads, one takes them. */
START_TEST(tick_is_armed_only_while_threads_wait)
{
    const uint32_t cpu = last_cpu();

    if (sched_online_count() < 2) {
        return;
    }
    atomic_store(&g_stop, 0);
    atomic_store(&g_ran, 0);
    ck_assert_int_eq(thread_affinity_set(thread_current(), 1), EXO_OK);
    let_time_pass(); /* what was armed before has fired */
    const uint64_t idle = ticks_of(cpu);

    let_time_pass();
    ck_assert_uint_le(ticks_of(cpu) - idle, JUMPS / 4);
    ck_assert_uint_le(interrupts_meanwhile(cpu), JUMPS / 4);
    struct thread *const first = start_on(cpu, spin, NULL);

    ck_assert(test_wait_for(&g_ran, 1, 20 * NS_PER_S));
    const uint64_t lone = ticks_of(cpu);

    let_time_pass();
    ck_assert_uint_le(ticks_of(cpu) - lone, JUMPS / 4);
    ck_assert_uint_le(interrupts_meanwhile(cpu), JUMPS / 4);
    struct thread *const second = start_on(cpu, spin, NULL);

    ck_assert(test_wait_for(&g_ran, 2, 20 * NS_PER_S)); /* by a tick alone */
    const uint64_t both = ticks_of(cpu);

    for (uint32_t i = 0; ticks_of(cpu) - both < JUMPS && i < 100000; i++) {
        let_time_pass();
    }
    ck_assert_uint_ge(ticks_of(cpu) - both, JUMPS);
    atomic_store(&g_stop, 1);
    thread_join(first, NULL);
    thread_join(second, NULL);
    ck_assert_int_eq(thread_affinity_set(thread_current(), AFFINITY_ALL), EXO_OK);
}
END_TEST

static void make_temperature(struct thread *thread, enum temperature temperature)
{
    thread->entity.temperature = (uint8_t)temperature;
    thread->entity.burst_limit = UINT64_MAX;
}

/* The policy alone: who looks for cold threads finds no others, who idles takes any, nobody takes
 * one that it may not run or that is still on its CPU. */
START_TEST(thieves_find_what_they_may_take)
{
    static struct run_queue queue;
    static struct thread thread[2];
    const struct sched_policy *const policy = &g_sched_policy_fair;

    run_queue_init(&queue);
    policy->init(&queue);
    for (uint32_t i = 0; i < 2; i++) {
        thread[i] = (struct thread){ .entity.inverse = sched_inverse_weight(0) };
        list_init(&thread[i].entity.node);
        atomic_store(&thread[i].entity.level, LEVEL_NORMAL);
        thread_affinity_store(&thread[i], AFFINITY_ALL);
        make_temperature(&thread[i], i == 0 ? TEMPERATURE_HOT : TEMPERATURE_COLD);
        policy->enqueue(&queue, &thread[i], false);
    }
    ck_assert_ptr_eq(policy->find(&queue, 1, true), &thread[1]);
    ck_assert_ptr_eq(policy->find(&queue, 1, false), &thread[0]);
    policy->dequeue(&queue, &thread[1]);
    ck_assert_ptr_null(policy->find(&queue, 1, true));
    ck_assert_ptr_eq(policy->find(&queue, 1, false), &thread[0]);
    atomic_store(&thread[0].on_cpu, true);
    ck_assert_ptr_null(policy->find(&queue, 1, false));
    atomic_store(&thread[0].on_cpu, false);
    ck_assert_uint_eq(queue.stealable, 1);
    policy->dequeue(&queue, &thread[0]);
    thread_affinity_store(&thread[0], 5);
    policy->enqueue(&queue, &thread[0], false);
    ck_assert_uint_eq(queue.stealable, 0);
    ck_assert_uint_eq(queue.choosy, 1);
    ck_assert_ptr_null(policy->find(&queue, 1, false));
    ck_assert_ptr_eq(policy->find(&queue, 2, false), &thread[0]);
    policy->dequeue(&queue, &thread[0]);
    ck_assert_uint_eq(queue.count, 0);
    ck_assert_uint_eq(queue.choosy, 0);
}
END_TEST

/* The policy alone: a hot thread that wakes goes before a cold one, not before another hot one;
 * real time goes before it, but not while it pays back what it took. */
START_TEST(policy_preempts_by_temperature_and_limit)
{
    static struct run_queue queue;
    static struct thread thread[2];
    const struct sched_policy *const policy = &g_sched_policy_fair;
    struct thread *const woken = &thread[1];

    run_queue_init(&queue);
    policy->init(&queue);
    for (uint32_t i = 0; i < 2; i++) {
        thread[i] = (struct thread){ .entity.inverse = sched_inverse_weight(0) };
        list_init(&thread[i].entity.node);
        atomic_store(&thread[i].entity.level, LEVEL_NORMAL);
        thread_affinity_store(&thread[i], AFFINITY_ALL);
        policy->enqueue(&queue, &thread[i], true);
    }
    policy->dequeue(&queue, &thread[0]);
    queue.current = &thread[0];
    make_temperature(&thread[0], TEMPERATURE_COLD);
    ck_assert(policy->preempts(&queue, woken));
    make_temperature(&thread[0], TEMPERATURE_HOT);
    ck_assert(!policy->preempts(&queue, woken));
    policy->dequeue(&queue, woken);
    atomic_store(&woken->entity.level, LEVEL_REALTIME);
    policy->enqueue(&queue, woken, true);
    ck_assert(policy->preempts(&queue, woken));
    queue.is_limited = true;
    ck_assert(!policy->preempts(&queue, woken));
}
END_TEST

#define CROWD 3u

/* Balance five times with the crowd of that temperature on this CPU; returns how many have left. */
static uint64_t balance_crowd(struct thread **thread, enum temperature temperature)
{
    struct sched_cpu *const self = sched_cpu(hal_cpu_id());
    const uint64_t before = atomic_load(&self->moved);
    const hal_irq_t irq = spin_lock_irq(&self->queue.lock);

    for (uint32_t i = 0; i < CROWD; i++) {
        make_temperature(thread[i], temperature);
    }
    spin_unlock_irq(&self->queue.lock, irq);
    for (uint32_t i = 0; i < 5; i++) {
        sched_balance(self);
    }
    return atomic_load(&self->moved) - before;
}

/* A busy thread on every CPU but this one; returns how many. */
static uint32_t occupy_others(struct thread **busy)
{
    uint32_t others = 0;

    for (uint32_t cpu = 1; cpu < CPUS_MAX; cpu++) {
        if (sched_is_online(cpu)) {
            busy[others++] = start_on(cpu, spin, NULL);
        }
    }
    while (atomic_load(&g_ran) < others) {
        thread_yield();
    }
    return others;
}

/* How many other CPUs are of the node of CPU 0. */
static uint32_t count_near(void)
{
    uint32_t near = 0;

    for (uint32_t cpu = 1; cpu < CPUS_MAX; cpu++) {
        near += sched_is_online(cpu) && phys_node_of_cpu(cpu) == phys_node_of_cpu(0) ? 1 : 0;
    }
    return near;
}

/* With every other CPU busy, threads that wait here go elsewhere only if they are cold, only while
 * the other CPU has at least two fewer waiting: three do not all leave; and not to other nodes, for
 * which four would have to wait. */
START_TEST(balance_moves_cold_threads_only)
{
    static struct thread *busy[CPUS_MAX];
    struct thread *crowd[CROWD];
    exo_status_t status = EXO_OK;

    if (sched_online_count() < 2 || !sched_heeds_classes()) {
        return;
    }
    atomic_store(&g_stop, 0);
    atomic_store(&g_ran, 0);
    ck_assert_int_eq(thread_affinity_set(thread_current(), 1), EXO_OK);
    const uint32_t others = occupy_others(busy);

    for (uint32_t i = 0; i < CROWD; i++) {
        crowd[i] = start_on(0, spin, NULL);
    }
    const hal_irq_t irq = hal_irq_save(); /* all of them wait, and no tick balances */

    for (uint32_t i = 0; i < CROWD && status == EXO_OK; i++) {
        status = thread_affinity_set(crowd[i], AFFINITY_ALL);
    }
    const uint32_t waiting = atomic_load(&sched_cpu(0)->queue.stealable);
    const uint64_t moved_hot = balance_crowd(crowd, TEMPERATURE_HOT);
    const uint64_t moved_cold = balance_crowd(crowd, TEMPERATURE_COLD);

    hal_irq_restore(irq);
    atomic_store(&g_stop, 1);
    for (uint32_t i = 0; i < CROWD; i++) {
        thread_join(crowd[i], NULL);
    }
    for (uint32_t i = 0; i < others; i++) {
        thread_join(busy[i], NULL);
    }
    ck_assert_int_eq(thread_affinity_set(thread_current(), AFFINITY_ALL), EXO_OK);
    ck_assert_int_eq(status, EXO_OK);
    ck_assert_uint_eq(waiting, CROWD);
    ck_assert_uint_eq(moved_hot, 0);
    ck_assert_uint_eq(moved_cold, count_near() < 2 ? count_near() : 2);
}
END_TEST

static _Atomic uint32_t g_taken; /* those that ran on another CPU than 0 */

static void spin_elsewhere(void *arg)
{
    (void)arg;
    while (atomic_load(&g_stop) < 2 && hal_cpu_id() == 0) {
        hal_pause();
    }
    atomic_fetch_add(&g_taken, 1);
    while (atomic_load(&g_stop) < 2) {
        hal_pause();
    }
}

/* A CPU that runs out of work takes a thread that waits for this one, which never lets go, hot as
 * the thread is. */
START_TEST(idle_cpu_takes_any_waiting_thread)
{
    static struct thread *busy[CPUS_MAX];

    if (sched_online_count() < 2) {
        return;
    }
    atomic_store(&g_stop, 0);
    atomic_store(&g_ran, 0);
    atomic_store(&g_taken, 0);
    ck_assert_int_eq(thread_affinity_set(thread_current(), 1), EXO_OK);
    const uint32_t others = occupy_others(busy);
    struct thread *const waiting = start_on(0, spin_elsewhere, NULL);

    preempt_disable();
    const exo_status_t status = thread_affinity_set(waiting, AFFINITY_ALL);

    atomic_store(&g_stop, 1); /* the other CPUs have nothing more to do */
    while (atomic_load(&g_taken) == 0) {
        hal_pause();
    }
    preempt_enable();
    atomic_store(&g_stop, 2);
    thread_join(waiting, NULL);
    for (uint32_t i = 0; i < others; i++) {
        thread_join(busy[i], NULL);
    }
    ck_assert_int_eq(status, EXO_OK);
    ck_assert_int_eq(thread_affinity_set(thread_current(), AFFINITY_ALL), EXO_OK);
}
END_TEST

/* Threads wait here while other CPUs sleep, because they may run there only since a moment ago: at
 * the next switch one of the sleepers is woken and takes one. */
START_TEST(sleeping_cpu_is_woken_for_waiting_threads)
{
    struct thread *waiting[2];

    if (sched_online_count() < 2) {
        return;
    }
    atomic_store(&g_stop, 0);
    atomic_store(&g_taken, 0);
    ck_assert_int_eq(thread_affinity_set(thread_current(), 1), EXO_OK);
    for (uint32_t i = 0; i < 2; i++) {
        waiting[i] = start_on(0, spin_elsewhere, NULL);
    }
    for (uint32_t i = 0; i < 2; i++) {
        struct run_queue *const queue = &sched_cpu(0)->queue;
        const hal_irq_t irq = spin_lock_irq(&queue->lock);

        make_temperature(waiting[i], TEMPERATURE_HOT); /* balancing is not what moves them */
        spin_unlock_irq(&queue->lock, irq);
        ck_assert_int_eq(thread_affinity_set(waiting[i], AFFINITY_ALL), EXO_OK);
    }
    while (atomic_load(&g_taken) == 0) {
        thread_yield();
    }
    atomic_store(&g_stop, 2);
    for (uint32_t i = 0; i < 2; i++) {
        thread_join(waiting[i], NULL);
    }
    ck_assert_int_eq(thread_affinity_set(thread_current(), AFFINITY_ALL), EXO_OK);
}
END_TEST

EXO_SUITE(sched_wake, EXO_TEST(wake_up_preempts_the_less_urgent),
          EXO_TEST(affinity_change_moves_a_sleeping_thread),
          EXO_TEST(affinity_change_moves_a_waiting_thread),
          EXO_TEST_TIMED(tick_is_armed_only_while_threads_wait, 120),
          EXO_TEST(thieves_find_what_they_may_take),
          EXO_TEST(policy_preempts_by_temperature_and_limit),
          EXO_TEST_TIMED(idle_cpu_takes_any_waiting_thread, 60),
          EXO_TEST_TIMED(sleeping_cpu_is_woken_for_waiting_threads, 60),
          EXO_TEST_TIMED(balance_moves_cold_threads_only, 60))
