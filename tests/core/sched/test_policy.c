/*
 * tests/core/sched/test_policy.c - both policies on the same small workloads, in a model of one
 * CPU.
 *
 * The model drives the policy's table directly: threads arrive, run a burst, sleep, again and
 * again; a slice ends at a tick. Its time is counted in cycles that nobody has to wait for, so that
 * every run is the same and a minute of it costs milliseconds.
 */
#include "exo/lib/string.h"
#include "exo_check.h"
#include "sched_private.h"

#define ACTORS_MAX 24u

/* One line of a workload. */
struct actor_spec {
    uint64_t arrives_us;
    uint64_t burst_us; /* runs this long, then sleeps */
    uint64_t sleep_us; /* 0: it never sleeps */
    uint32_t bursts;   /* then it is done; 0: until the end */
    int nice;
    uint8_t level;
};

struct actor {
    struct thread thread;
    struct actor_spec spec;
    uint64_t wakes_us; /* when it is ready next */
    uint64_t left_us;  /* of this burst */
    uint64_t ran_us;   /* in all */
    uint64_t waited_max_us;
    uint64_t ready_us; /* since when it waits */
    uint32_t done;     /* bursts */
    bool is_asleep;
};

static struct actor g_actor[ACTORS_MAX];
static struct run_queue g_queue;
static struct thread g_nobody;

static uint64_t us_to_cycles(uint64_t us)
{
    const uint64_t hz = hal_caps()->cycles_hz;

    return us * (hz / 1000000 != 0 ? hz / 1000000 : 1);
}

static void actor_setup(struct actor *actor, const struct actor_spec *spec)
{
    memset(actor, 0, sizeof(*actor));
    actor->spec = *spec;
    actor->wakes_us = spec->arrives_us;
    actor->left_us = spec->burst_us;
    actor->is_asleep = true;
    list_init(&actor->thread.entity.node);
    actor->thread.entity.inverse = sched_inverse_weight(spec->nice);
    atomic_store(&actor->thread.entity.level, spec->level);
    atomic_store(&actor->thread.affinity, AFFINITY_ALL);
}

static void setup(const struct sched_policy *policy, const struct actor_spec *spec, uint32_t count)
{
    ck_assert_uint_le(count, ACTORS_MAX);
    run_queue_init(&g_queue);
    memset(&g_nobody, 0, sizeof(g_nobody));
    atomic_store(&g_nobody.entity.level, LEVEL_IDLE + 1);
    g_queue.current = &g_nobody;
    policy->init(&g_queue);
    for (uint32_t i = 0; i < count; i++) {
        actor_setup(&g_actor[i], &spec[i]);
    }
}

/* Wake whose time has come; true if one of them wants the CPU at once. */
static bool wake_due(const struct sched_policy *policy, uint32_t count, uint64_t now_us)
{
    bool preempts = false;

    for (uint32_t i = 0; i < count; i++) {
        struct actor *const actor = &g_actor[i];

        if (actor->is_asleep && actor->wakes_us <= now_us) {
            actor->is_asleep = false;
            actor->ready_us = now_us;
            policy->enqueue(&g_queue, &actor->thread, true);
            preempts = preempts || policy->preempts(&g_queue, &actor->thread);
        }
    }
    return preempts;
}

/* The current actor has run for `us` more; true if it goes to sleep or is done. */
static bool run_for(const struct sched_policy *policy, struct actor *actor, uint64_t us,
                    uint64_t now_us)
{
    policy->charge(&g_queue, &actor->thread, us_to_cycles(us));
    actor->ran_us += us;
    actor->left_us -= us < actor->left_us ? us : actor->left_us;
    if (actor->left_us > 0 || actor->spec.burst_us == 0) {
        return false;
    }
    actor->done++;
    actor->left_us = actor->spec.burst_us;
    if (actor->spec.bursts != 0 && actor->done >= actor->spec.bursts) {
        actor->wakes_us = UINT64_MAX;
    } else if (actor->spec.sleep_us == 0) {
        return false;
    } else {
        actor->wakes_us = now_us + actor->spec.sleep_us;
    }
    actor->is_asleep = true;
    return true;
}

static void choose_next(const struct sched_policy *policy, uint64_t now_us)
{
    struct thread *const thread = policy->pick(&g_queue);

    g_queue.current = thread != NULL ? thread : &g_nobody;
    if (thread != NULL) {
        struct actor *const actor = container_of(thread, struct actor, thread);

        actor->waited_max_us = now_us - actor->ready_us > actor->waited_max_us
                                   ? now_us - actor->ready_us
                                   : actor->waited_max_us;
    }
}

static void simulate(const struct sched_policy *policy, uint32_t count, uint64_t end_us)
{
    const uint64_t step_us = 100;
    const uint64_t tick_us = policy->tick_ns / 1000;
    uint64_t since_us = 0;

    for (uint64_t now_us = 0; now_us < end_us; now_us += step_us) {
        bool leaves = wake_due(policy, count, now_us);
        bool sleeps = false;

        if (g_queue.current != &g_nobody) {
            struct actor *const actor = container_of(g_queue.current, struct actor, thread);

            sleeps = run_for(policy, actor, step_us, now_us);
            since_us += step_us;
            if (now_us % tick_us == 0 && policy->on_tick(&g_queue, since_us * 1000)) {
                leaves = true;
            }
            if (!sleeps && leaves) {
                actor->ready_us = now_us;
                policy->enqueue(&g_queue, &actor->thread, false);
            }
        }
        if (g_queue.current == &g_nobody || sleeps || leaves) {
            choose_next(policy, now_us);
            since_us = 0;
        }
    }
}

static const struct sched_policy *const g_policies[] = { &g_sched_policy_fair,
                                                         &g_sched_policy_fifo };

static const struct actor_spec g_mixed[] = {
    { .burst_us = 1000000, .level = LEVEL_NORMAL },
    { .burst_us = 1000000, .level = LEVEL_NORMAL },
    { .arrives_us = 5000, .burst_us = 200, .sleep_us = 10000, .level = LEVEL_NORMAL },
    { .arrives_us = 40000, .burst_us = 3000, .sleep_us = 20000, .level = LEVEL_NORMAL },
    { .arrives_us = 100000,
      .burst_us = 15000,
      .bursts = 3,
      .sleep_us = 1000,
      .level = LEVEL_NORMAL },
};

/* Long ones, short ones, late ones: nobody waits longer than a few turns of all, the CPU is never
 * idle while somebody is ready, and who has an end comes to it. */
START_TEST(mixed_workload_gets_on_under_both_policies)
{
    for (size_t p = 0; p < ARRAY_COUNT(g_policies); p++) {
        uint64_t total_us = 0;

        setup(g_policies[p], g_mixed, ARRAY_COUNT(g_mixed));
        simulate(g_policies[p], ARRAY_COUNT(g_mixed), 2000000);
        for (uint32_t i = 0; i < ARRAY_COUNT(g_mixed); i++) {
            total_us += g_actor[i].ran_us;
            ck_assert_uint_gt(g_actor[i].ran_us, 0);
            ck_assert_uint_le(g_actor[i].waited_max_us, 200000);
        }
        ck_assert_uint_ge(total_us, 1990000);
        ck_assert_uint_eq(g_actor[4].done, 3);
    }
}
END_TEST

/* Equal busy threads have equal shares under both, to 5 percent after four seconds. */
START_TEST(equal_threads_have_equal_shares_under_both_policies)
{
    static struct actor_spec spec[8];

    for (uint32_t i = 0; i < ARRAY_COUNT(spec); i++) {
        spec[i] = (struct actor_spec){ .burst_us = 50000000, .level = LEVEL_NORMAL };
    }
    for (size_t p = 0; p < ARRAY_COUNT(g_policies); p++) {
        setup(g_policies[p], spec, ARRAY_COUNT(spec));
        simulate(g_policies[p], ARRAY_COUNT(spec), 4000000);
        for (uint32_t i = 0; i < ARRAY_COUNT(spec); i++) {
            ck_assert_uint_ge(g_actor[i].ran_us, 475000);
            ck_assert_uint_le(g_actor[i].ran_us, 525000);
        }
    }
}
END_TEST

/* Shares follow weights over the whole range, and the lightest is never starved. */
START_TEST(fair_shares_follow_weights)
{
    static const struct actor_spec spec[] = {
        { .burst_us = 900000000, .nice = -5, .level = LEVEL_NORMAL },
        { .burst_us = 900000000, .nice = 0, .level = LEVEL_NORMAL },
        { .burst_us = 900000000, .nice = 5, .level = LEVEL_NORMAL },
        { .burst_us = 900000000, .nice = 19, .level = LEVEL_NORMAL },
    };
    const uint64_t end_us = 60000000;
    uint64_t weights = 0;

    for (uint32_t i = 0; i < ARRAY_COUNT(spec); i++) {
        weights += (1u << 26) / sched_inverse_weight(spec[i].nice);
    }
    setup(&g_sched_policy_fair, spec, ARRAY_COUNT(spec));
    simulate(&g_sched_policy_fair, ARRAY_COUNT(spec), end_us);
    for (uint32_t i = 0; i < ARRAY_COUNT(spec); i++) {
        const uint64_t due_us =
            end_us * ((1u << 26) / sched_inverse_weight(spec[i].nice)) / weights;

        ck_assert_uint_ge(g_actor[i].ran_us, due_us - due_us / 10);
        ck_assert_uint_le(g_actor[i].ran_us, due_us + due_us / 10);
        ck_assert_uint_le(g_actor[i].waited_max_us, 2000000);
    }
}
END_TEST

/* A thread of short bursts goes before busy ones soon after it wakes; under 1 ms here, where plain
 * round robin makes it wait for whole slices. */
START_TEST(fair_lets_short_bursts_go_first)
{
    static const struct actor_spec spec[] = {
        { .burst_us = 900000000, .level = LEVEL_NORMAL },
        { .burst_us = 900000000, .level = LEVEL_NORMAL },
        { .burst_us = 900000000, .level = LEVEL_NORMAL },
        { .arrives_us = 500000, .burst_us = 100, .sleep_us = 7300, .level = LEVEL_NORMAL },
    };

    setup(&g_sched_policy_fair, spec, ARRAY_COUNT(spec));
    simulate(&g_sched_policy_fair, ARRAY_COUNT(spec), 2000000);
    ck_assert_uint_gt(g_actor[3].done, 150);
    ck_assert_uint_le(g_actor[3].waited_max_us, 5000);
    ck_assert_uint_eq(g_actor[3].thread.entity.temperature, TEMPERATURE_HOT);
    ck_assert_uint_eq(g_actor[0].thread.entity.temperature, TEMPERATURE_COLD);
}
END_TEST

/* Real time runs when it wants to, the idle class when nobody else does. */
START_TEST(fair_levels_go_in_order)
{
    static const struct actor_spec spec[] = {
        { .burst_us = 900000000, .level = LEVEL_NORMAL },
        { .burst_us = 900000000, .level = LEVEL_IDLE },
        { .burst_us = 2000, .sleep_us = 8000, .level = LEVEL_REALTIME + 49 },
        { .burst_us = 1000, .sleep_us = 9000, .level = LEVEL_REALTIME },
    };

    setup(&g_sched_policy_fair, spec, ARRAY_COUNT(spec));
    simulate(&g_sched_policy_fair, ARRAY_COUNT(spec), 1000000);
    ck_assert_uint_eq(g_actor[1].ran_us, 0);
    ck_assert_uint_le(g_actor[3].waited_max_us, 100); /* the step of the model */
    ck_assert_uint_le(g_actor[2].waited_max_us, 1300);
    ck_assert_uint_ge(g_actor[2].done, 90);
    ck_assert_uint_ge(g_actor[0].ran_us, 600000);
}
END_TEST

/* Sleeping saves up no more than two buckets: after a long sleep a thread takes no more than its
 * share of the time that follows. */
START_TEST(fair_remembers_little_credit)
{
    static const struct actor_spec spec[] = {
        { .burst_us = 900000000, .level = LEVEL_NORMAL },
        { .arrives_us = 3000000, .burst_us = 900000000, .level = LEVEL_NORMAL },
    };

    setup(&g_sched_policy_fair, spec, ARRAY_COUNT(spec));
    simulate(&g_sched_policy_fair, ARRAY_COUNT(spec), 4000000);
    ck_assert_uint_ge(g_actor[1].ran_us, 440000);
    ck_assert_uint_le(g_actor[1].ran_us, 560000);
}
END_TEST

EXO_SUITE(sched_policy, EXO_TEST_TIMED(mixed_workload_gets_on_under_both_policies, 60),
          EXO_TEST_TIMED(equal_threads_have_equal_shares_under_both_policies, 60),
          EXO_TEST_TIMED(fair_shares_follow_weights, 60),
          EXO_TEST_TIMED(fair_lets_short_bursts_go_first, 60),
          EXO_TEST_TIMED(fair_levels_go_in_order, 60),
          EXO_TEST_TIMED(fair_remembers_little_credit, 60))
