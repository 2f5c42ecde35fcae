/*
 * tests/core/sched/test_policy.c - both policies on the same workloads (workload_data.c), in a
 * model of CPUs without real time.
 */
#include "exo/lib/string.h"
#include "exo_check.h"
#include "limit.h"
#include "workload.h"

static const struct sched_policy *const g_policies[] = { &g_sched_policy_fair,
                                                         &g_sched_policy_fifo };

static struct workload_result g_result;

static const struct workload_record *run(const struct sched_policy *policy, const char *name)
{
    const struct workload *const load = workload_find(name);

    ck_assert_ptr_nonnull(load);
    workload_run(policy, load, &g_result);
    return g_result.thread;
}

/* What every policy owes every workload: no CPU idles while a thread waits that it may run, time
 * adds up, affinity is kept (a thread of one CPU never migrates), who has an end comes to it. */
START_TEST(every_workload_gets_on_under_both_policies)
{
    for (size_t p = 0; p < ARRAY_COUNT(g_policies); p++) {
        for (uint32_t w = 0; w < g_workload_count; w++) {
            const struct workload *const load = &g_workloads[w];

            workload_run(g_policies[p], load, &g_result);
            ck_assert_uint_eq(g_result.wasted_us, 0);
            ck_assert_uint_eq(g_result.ran_us + g_result.idle_us, load->cpus * load->length_us);
            for (uint32_t i = 0; i < load->count; i++) {
                const struct workload_thread *const spec = &load->thread[i];
                const struct workload_record *const record = &g_result.thread[i];

                if (spec->class != THREAD_CLASS_IDLE) {
                    ck_assert_uint_gt(record->ran_us, 0);
                    ck_assert_uint_le(record->waited_max_us, 2000000);
                }
                if (spec->affinity != 0 && (spec->affinity & (spec->affinity - 1)) == 0) {
                    ck_assert_uint_eq(record->migrations, 0);
                }
                ck_assert(spec->bursts == 0 || record->bursts == spec->bursts);
            }
        }
    }
}
END_TEST

/* Long ones, short ones, late ones: nobody waits longer than a few turns of all. */
START_TEST(mixed_workload_waits_little_under_both_policies)
{
    for (size_t p = 0; p < ARRAY_COUNT(g_policies); p++) {
        const struct workload_record *const record = run(g_policies[p], "mixed");

        for (uint32_t i = 0; i < 5; i++) {
            ck_assert_uint_le(record[i].waited_max_us, 200000);
        }
        ck_assert_uint_ge(g_result.ran_us, 1990000);
    }
}
END_TEST

/* Equal busy threads have equal shares under both, to 5 percent after four seconds. */
START_TEST(equal_threads_have_equal_shares_under_both_policies)
{
    for (size_t p = 0; p < ARRAY_COUNT(g_policies); p++) {
        const struct workload_record *const record = run(g_policies[p], "equal");

        for (uint32_t i = 0; i < 8; i++) {
            ck_assert_uint_ge(record[i].ran_us, 475000);
            ck_assert_uint_le(record[i].ran_us, 525000);
        }
        ck_assert_uint_ge(g_result.fairness, 990);
    }
}
END_TEST

/* Shares follow weights over the whole range, and the lightest is never starved. */
START_TEST(fair_shares_follow_weights)
{
    const struct workload *const load = workload_find("weights");
    const struct workload_record *const record = run(&g_sched_policy_fair, "weights");
    uint64_t weights = 0;

    for (uint32_t i = 0; i < load->count; i++) {
        weights += (1ull << 36) / sched_inverse_weight(load->thread[i].nice);
    }
    for (uint32_t i = 0; i < load->count; i++) {
        const uint64_t weight = (1ull << 36) / sched_inverse_weight(load->thread[i].nice);
        const uint64_t due_us = load->length_us * weight / weights;

        ck_assert_uint_ge(record[i].ran_us, due_us - due_us / 10);
        ck_assert_uint_le(record[i].ran_us, due_us + due_us / 10);
        /* Starvation-free: (W / w) slices of 8 ms and three buckets of 4 ms (docs/sched.md). */
        ck_assert_uint_le(record[i].waited_max_us, weights / weight * 20000 + 20000);
    }
    ck_assert_uint_ge(g_result.fairness, 990);
    run(&g_sched_policy_fifo, "weights");
    ck_assert_uint_le(g_result.fairness, 700); /* round robin knows no weights */
}
END_TEST

/* The bound of docs/sched.md, at every moment: no two busy threads' virtual times drift further
 * apart than three buckets and a slice, whatever the length of the run. */
START_TEST(fair_lag_does_not_grow_with_time)
{
    static const struct workload_thread thread[] = {
        { .burst_us = 900000000, .class = THREAD_CLASS_NORMAL, .nice = -3 },
        { .burst_us = 900000000, .class = THREAD_CLASS_NORMAL, .nice = 2 },
    };
    struct workload load = {
        .name = "lag", .cpus = 1, .thread = thread, .count = ARRAY_COUNT(thread)
    };

    for (load.length_us = 500000; load.length_us <= 16000000; load.length_us *= 2) {
        workload_run(&g_sched_policy_fair, &load, &g_result);
        const int64_t first = (int64_t)(g_result.thread[0].ran_us * sched_inverse_weight(-3) >> 16);
        const int64_t second = (int64_t)(g_result.thread[1].ran_us * sched_inverse_weight(2) >> 16);
        const int64_t lag_us = first > second ? first - second : second - first;

        ck_assert_int_le(lag_us, 3 * 4000 + 8000 * 2);
    }
}
END_TEST

/* A thread of short bursts goes before busy ones soon after it wakes; under 5 ms here, where plain
 * round robin makes it wait for whole slices of all the others. */
START_TEST(fair_lets_short_bursts_go_first)
{
    const struct workload_record *record = run(&g_sched_policy_fair, "typing");

    ck_assert_uint_gt(record[3].bursts, 150);
    ck_assert_uint_le(record[3].waited_max_us, 5000);
    ck_assert_int_eq(record[3].temperature, TEMPERATURE_HOT);
    ck_assert_int_eq(record[0].temperature, TEMPERATURE_COLD);
    record = run(&g_sched_policy_fifo, "typing");
    ck_assert_uint_ge(record[3].waited_max_us, 10000);
}
END_TEST

/* Real time runs when it wants to, the idle class when nobody else does. */
START_TEST(fair_levels_go_in_order)
{
    const struct workload_record *const record = run(&g_sched_policy_fair, "levels");

    ck_assert_uint_eq(record[1].ran_us, 0);
    ck_assert_uint_le(record[3].waited_max_us, 100); /* the step of the model */
    ck_assert_uint_le(record[2].waited_max_us, 1300);
    ck_assert_uint_ge(record[2].bursts, 90);
    ck_assert_uint_ge(record[0].ran_us, 600000);
}
END_TEST

/* Real-time threads of one priority share by slices, if they are of the class that does. */
START_TEST(fair_round_robin_class_takes_turns)
{
    const struct workload_record *const record = run(&g_sched_policy_fair, "real_time");

    ck_assert_uint_ge(record[0].ran_us, 450000);
    ck_assert_uint_ge(record[1].ran_us, 450000);
    ck_assert_uint_le(record[1].waited_max_us, 13000);
}
END_TEST

/* The bound of docs/sched.md: real-time threads that never let go leave normal ones 5 percent,
 * after at most 95 ms and a tick; with the limit off, nothing. Normal time pays for real time
 * alone: the debt is that of all real-time threads together. */
START_TEST(fair_real_time_is_limited)
{
    const uint32_t percent = sched_limit_get();
    const struct workload_record *record = run(&g_sched_policy_fair, "lockup");

    ck_assert_uint_ge(record[1].ran_us + record[2].ran_us, 160000);
    ck_assert_uint_le(record[1].ran_us + record[2].ran_us, 320000);
    ck_assert_uint_le(record[1].waited_max_us, 2 * 110000);
    ck_assert_uint_le(record[2].waited_max_us, 2 * 110000);
    ck_assert_uint_le(record[3].waited_max_us, 9000); /* what is paid back, and a tick */
    sched_limit_set(LIMIT_OFF);
    record = run(&g_sched_policy_fair, "lockup");
    ck_assert_uint_eq(record[1].ran_us + record[2].ran_us, 0);
    sched_limit_set(percent);
}
END_TEST

/* Sleeping saves up no more than two buckets: after a long sleep a thread takes no more than its
 * share of the time that follows. */
START_TEST(fair_remembers_little_credit)
{
    const struct workload_record *record = run(&g_sched_policy_fair, "latecomer");

    ck_assert_uint_ge(record[1].ran_us, 440000);
    ck_assert_uint_le(record[1].ran_us, 560000);
    record = run(&g_sched_policy_fair, "sleeper");
    ck_assert_uint_eq(record[1].bursts, 2);
    ck_assert_uint_ge(record[1].waited_us, 500000); /* half of the time in each burst */
    ck_assert_uint_le(record[1].waited_us, 700000);
}
END_TEST

/* A thread's temperature right after a wake-up is that of its bursts before: several long ones make
 * it cold, several short ones hot again. */
START_TEST(fair_remembers_bursts)
{
    static struct run_queue queue;
    static struct thread thread;
    const struct sched_policy *const policy = &g_sched_policy_fair;
    const uint64_t hz = hal_caps()->cycles_hz;
    const uint64_t per_us = hz != 0 ? hz / 1000000 : 1000; /* what the policy assumes */

    run_queue_init(&queue);
    policy->init(&queue);
    thread = (struct thread){ .entity.inverse = sched_inverse_weight(0) };
    list_init(&thread.entity.node);
    atomic_store(&thread.entity.level, LEVEL_NORMAL);
    thread_affinity_store(&thread, AFFINITY_ALL);
    policy->enqueue(&queue, &thread, true);
    ck_assert_uint_eq(thread.entity.temperature, TEMPERATURE_HOT);
    for (uint32_t i = 0; i < 50; i++) {
        ck_assert_ptr_eq(policy->pick(&queue), &thread);
        policy->charge(&queue, &thread, (i < 10 ? 40000 : 100) * per_us);
        if (i < 10) {
            ck_assert_uint_eq(thread.entity.temperature, TEMPERATURE_COLD); /* at once */
        }
        policy->enqueue(&queue, &thread, true);
        if (i == 9) {
            ck_assert_uint_eq(thread.entity.temperature, TEMPERATURE_COLD);
        }
    }
    ck_assert_uint_eq(thread.entity.temperature, TEMPERATURE_HOT);
}
END_TEST

/* Twelve threads on four CPUs: those that never sleep share all CPUs, and who moves is cold. */
START_TEST(crowd_shares_four_cpus_under_both_policies)
{
    for (size_t p = 0; p < ARRAY_COUNT(g_policies); p++) {
        const struct workload_record *const record = run(g_policies[p], "crowd");

        for (uint32_t i = 0; i < 8; i++) {
            ck_assert_uint_ge(record[i].ran_us, 1000000);
        }
        for (uint32_t i = 8; i < 12; i++) {
            ck_assert_uint_le(record[i].waited_max_us, 100000);
        }
    }
}
END_TEST

EXO_SUITE(sched_policy, EXO_TEST_TIMED(every_workload_gets_on_under_both_policies, 60),
          EXO_TEST_TIMED(mixed_workload_waits_little_under_both_policies, 60),
          EXO_TEST_TIMED(equal_threads_have_equal_shares_under_both_policies, 60),
          EXO_TEST_TIMED(fair_shares_follow_weights, 60),
          EXO_TEST_TIMED(fair_lag_does_not_grow_with_time, 60),
          EXO_TEST_TIMED(fair_lets_short_bursts_go_first, 60),
          EXO_TEST_TIMED(fair_levels_go_in_order, 60),
          EXO_TEST_TIMED(fair_round_robin_class_takes_turns, 60),
          EXO_TEST_TIMED(fair_real_time_is_limited, 60),
          EXO_TEST_TIMED(fair_remembers_little_credit, 60), EXO_TEST(fair_remembers_bursts),
          EXO_TEST_TIMED(crowd_shares_four_cpus_under_both_policies, 60))
