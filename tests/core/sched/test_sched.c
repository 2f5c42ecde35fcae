/*
 * tests/core/sched/test_sched.c - who runs where and when.
 */
#include <stdatomic.h>

#include "exo/sched/sched.h"
#include "exo/sched/thread.h"
#include "exo/sync/preempt.h"
#include "exo/time/clock.h"
#include "exo_check.h"
#include "exo_test.h"

#define HOGS 3u

static _Atomic uint32_t g_stop;
static _Atomic uint32_t g_started;
static _Atomic uint32_t g_progress[8];

static struct thread *start_on(uint32_t cpu, void (*entry)(void *), uintptr_t arg)
{
    const struct thread_spec spec = {
        .name = "worker", .entry = entry, .arg = (void *)arg, .cpu = cpu
    };
    struct thread *thread = NULL;

    ck_assert_int_eq(thread_create(&spec, &thread), EXO_OK);
    return thread;
}

static uint32_t last_cpu(void)
{
    uint32_t cpu = 0;

    for (uint32_t i = 0; i < CPUS_MAX; i++) {
        cpu = sched_is_online(i) ? i : cpu;
    }
    return cpu;
}

static void hog(void *arg)
{
    _Atomic uint32_t *const progress = &g_progress[(uintptr_t)arg];

    atomic_fetch_add(&g_started, 1);
    while (atomic_load_explicit(&g_stop, memory_order_relaxed) == 0) {
        atomic_fetch_add_explicit(progress, 1, memory_order_relaxed);
        hal_pause();
    }
}

/* Threads that never call anything share one CPU: all of them get on, by preemption alone. */
START_TEST(busy_threads_on_one_cpu_share_it)
{
    struct thread *thread[HOGS];

    atomic_store(&g_stop, 0);
    for (uint32_t i = 0; i < HOGS; i++) {
        atomic_store(&g_progress[i], 0);
        thread[i] = start_on(last_cpu(), hog, i);
    }
    for (uint32_t i = 0; i < HOGS; i++) {
        ck_assert(test_wait_for(&g_progress[i], 1, 20 * NS_PER_S));
    }
    /* And again: the first round was not all there is. */
    for (uint32_t i = 0; i < HOGS; i++) {
        ck_assert(test_wait_for(&g_progress[i], atomic_load(&g_progress[i]) + 1, 20 * NS_PER_S));
    }
    atomic_store(&g_stop, 1);
    for (uint32_t i = 0; i < HOGS; i++) {
        thread_join(thread[i], NULL);
    }
}
END_TEST

static _Atomic uint32_t g_wrong_cpu;

static void pinned(void *arg)
{
    for (unsigned i = 0; i < 50; i++) {
        preempt_disable();
        if (hal_cpu_id() != (uint32_t)(uintptr_t)arg) {
            atomic_fetch_add(&g_wrong_cpu, 1);
        }
        preempt_enable();
        if (i % 10 == 0) {
            thread_sleep_ns(10000);
        } else {
            thread_yield();
        }
    }
}

START_TEST(pinned_threads_stay_on_their_cpu)
{
    struct thread *thread[CPUS_MAX] = { NULL };

    atomic_store(&g_wrong_cpu, 0);
    for (uint32_t cpu = 0; cpu < CPUS_MAX; cpu++) {
        if (sched_is_online(cpu)) {
            thread[cpu] = start_on(cpu, pinned, cpu);
        }
    }
    for (uint32_t cpu = 0; cpu < CPUS_MAX; cpu++) {
        if (thread[cpu] != NULL) {
            thread_join(thread[cpu], NULL);
        }
    }
    ck_assert_uint_eq(atomic_load(&g_wrong_cpu), 0);
}
END_TEST

/* As many busy threads as CPUs, all made on one: before long each has a CPU, though the one they
 * were made on never blocks. */
START_TEST(idle_cpus_take_waiting_threads)
{
    const uint32_t cpus = sched_online_count();
    const uint32_t count = cpus - 1 < 7 ? cpus - 1 : 7;
    struct thread *thread[7];

    atomic_store(&g_stop, 0);
    atomic_store(&g_started, 0);
    preempt_disable(); /* this CPU is busy with us */
    preempt_enable();
    for (uint32_t i = 0; i < count; i++) {
        atomic_store(&g_progress[i], 0);
        thread[i] = start_on(THREAD_ANY_CPU, hog, i);
    }
    const uint64_t give_up_ns = clock_deadline_ns(20 * NS_PER_S);

    /* No call here that could let them run on this CPU by itself. */
    while (atomic_load(&g_started) < count && clock_now_ns() < give_up_ns) {
        hal_pause();
    }
    ck_assert_uint_eq(atomic_load(&g_started), count);
    atomic_store(&g_stop, 1);
    for (uint32_t i = 0; i < count; i++) {
        thread_join(thread[i], NULL);
    }
}
END_TEST

#define TURNS 300u

static _Atomic uint32_t g_turns;
static _Atomic uint32_t g_out_of_turn;

static void take_turns(void *arg)
{
    uint32_t last = 0;

    (void)arg;
    atomic_fetch_add(&g_started, 1);
    while (atomic_load(&g_started) < HOGS) {
        thread_yield();
    }
    for (uint32_t turn = 0; turn < TURNS;) {
        turn = atomic_fetch_add(&g_turns, 1);
        if (last != 0 && turn - last != HOGS) {
            atomic_fetch_add(&g_out_of_turn, 1);
        }
        last = turn;
        thread_yield();
    }
}

/* Yielding threads of one CPU go round: each is on again after all the others. Other threads of the
 * CPU and ticks disturb that now and then, so most turns are right, not all; a queue that favoured
 * anybody would have far more wrong ones. */
START_TEST(yield_is_round_robin)
{
    struct thread *thread[HOGS];

    atomic_store(&g_started, 0);
    atomic_store(&g_turns, 1);
    atomic_store(&g_out_of_turn, 0);
    for (uint32_t i = 0; i < HOGS; i++) {
        thread[i] = start_on(last_cpu(), take_turns, i);
    }
    for (uint32_t i = 0; i < HOGS; i++) {
        thread_join(thread[i], NULL);
    }
    ck_assert_uint_lt(atomic_load(&g_out_of_turn), TURNS / 10);
}
END_TEST

static void ping(void *arg)
{
    struct thread *const *const partner = arg;

    for (uint32_t i = 0; i < 500; i++) {
        thread_unpark(*partner);
        if (thread_park(clock_deadline_ns(10 * NS_PER_S)) != EXO_OK) {
            atomic_fetch_add(&g_out_of_turn, 1);
            break;
        }
    }
    thread_unpark(*partner);
}

static struct thread *g_pair[2];
static _Atomic uint32_t g_go;

static void ping_when_both_exist(void *arg)
{
    while (atomic_load(&g_go) == 0) {
        thread_yield();
    }
    ping(&g_pair[1 - (uintptr_t)arg]);
    atomic_fetch_add(&g_go, 1);
    while (atomic_load(&g_go) < 3) {
        thread_yield(); /* the partner may still wake us: stay until it is through */
    }
}

/* Two threads wake each other, on one CPU and across two. */
START_TEST(threads_wake_each_other_across_cpus)
{
    for (uint32_t other = 0; other < 2; other++) {
        atomic_store(&g_go, 0);
        atomic_store(&g_out_of_turn, 0);
        g_pair[0] = start_on(0, ping_when_both_exist, 0);
        g_pair[1] = start_on(other == 0 ? 0 : last_cpu(), ping_when_both_exist, 1);
        atomic_store(&g_go, 1);
        struct thread *const first = g_pair[0];
        struct thread *const second = g_pair[1];

        thread_join(first, NULL);
        thread_join(second, NULL);
        ck_assert_uint_eq(atomic_load(&g_out_of_turn), 0);
    }
}
END_TEST

/* A CPU with nothing or one thread to run takes no ticks. */
START_TEST(cpu_with_one_thread_is_tickless)
{
    struct sched_cpu_info before;
    struct sched_cpu_info after;
    const uint32_t cpu = last_cpu();

    if (sched_online_count() < 2) {
        return;
    }
    atomic_store(&g_stop, 0);
    atomic_store(&g_started, 0);
    struct thread *const thread = start_on(cpu, hog, 0);

    ck_assert(test_wait_for(&g_started, 1, 5 * NS_PER_S));
    thread_sleep_ns(30 * NS_PER_MS); /* what was armed before has fired */
    ck_assert(sched_cpu_info(cpu, &before));
    thread_sleep_ns(60 * NS_PER_MS);
    ck_assert(sched_cpu_info(cpu, &after));
    ck_assert_uint_le(after.ticks - before.ticks, 2);
    ck_assert_str_eq(after.current, "worker");
    atomic_store(&g_stop, 1);
    thread_join(thread, NULL);
    ck_assert(!sched_cpu_info(CPUS_MAX, &after));
}
END_TEST

static void churn_child(void *arg)
{
    (void)arg;
    thread_yield();
}

static void churn(void *arg)
{
    (void)arg;
    for (unsigned i = 0; i < 25; i++) {
        struct thread *const child = start_on(THREAD_ANY_CPU, churn_child, 0);

        if (i % 2 == 0) {
            thread_join(child, NULL);
        } else {
            thread_detach(child);
        }
    }
}

/* Threads made and ended on all CPUs at once, stolen and woken all the while. */
START_TEST(threads_come_and_go_on_all_cpus)
{
    struct thread *thread[6];

    for (size_t i = 0; i < ARRAY_COUNT(thread); i++) {
        thread[i] = start_on(THREAD_ANY_CPU, churn, 0);
    }
    for (size_t i = 0; i < ARRAY_COUNT(thread); i++) {
        thread_join(thread[i], NULL);
    }
}
END_TEST

EXO_SUITE(sched_cpus, EXO_TEST_TIMED(busy_threads_on_one_cpu_share_it, 120),
          EXO_TEST_TIMED(pinned_threads_stay_on_their_cpu, 60),
          EXO_TEST_TIMED(idle_cpus_take_waiting_threads, 60), EXO_TEST(yield_is_round_robin),
          EXO_TEST_TIMED(threads_wake_each_other_across_cpus, 60),
          EXO_TEST(cpu_with_one_thread_is_tickless),
          EXO_TEST_TIMED(threads_come_and_go_on_all_cpus, 60))
