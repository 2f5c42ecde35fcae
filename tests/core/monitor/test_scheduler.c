/*
 * tests/core/monitor/test_scheduler.c - what `cpus` and `threads` show.
 */
#include "exo/lib/string.h"
#include "exo/time/clock.h"
#include "exo_check.h"
#include "exo_test.h"
#include "scheduler.h"

#define FACTS_MAX 256u

static char g_line[SCHEDULER_LINE_MAX];

START_TEST(monitor_cpu_line_has_every_field)
{
    struct sched_cpu_info info = {
        .current = "busy",
        .ready = 7,
        .movable = 5,
        .switches = 1234,
        .stolen = 11,
        .moved = 12,
        .ticks = 13,
        .idle_ns = 456 * NS_PER_MS,
    };

    scheduler_cpu_line(g_line, 3, &info);
    ck_assert_str_eq(g_line, "  3      7       5       1234       11       12       13        456"
                             "       0/0       busy");
    info.latency[4] = 90; /* up to 32 cycles, and up to 64 */
    info.latency[5] = 10;
    ck_assert_uint_eq(sched_latency_percentile(&info, 50), clock_cycles_to_ns(32));
    ck_assert_uint_eq(sched_latency_percentile(&info, 90), clock_cycles_to_ns(32));
    ck_assert_uint_eq(sched_latency_percentile(&info, 91), clock_cycles_to_ns(64));
}
END_TEST

START_TEST(monitor_thread_line_has_every_field)
{
    struct thread_info info = {
        .id = 17,
        .cpu = 2,
        .state = 'B',
        .name = "worker",
        .class = 'N',
        .temperature = 'h',
        .nice = -5,
        .run_ns = 21 * NS_PER_MS,
        .switches = 99,
        .latency_ns = 4000,
        .latency_max_ns = 50000,
        .stack_used_bytes = 1000,
        .stack_size_bytes = 16384,
    };

    scheduler_thread_line(g_line, &info);
    ck_assert_str_eq(g_line, "  17   2 B     N -5       h       21        99       4/50      "
                             "   1000/16384   worker");
    info.class = 'F';
    info.priority = 70;
    info.is_raised = true;
    info.temperature = 'c';
    scheduler_thread_line(g_line, &info);
    ck_assert_str_eq(g_line, "  17   2 B     F^70       c       21        99       4/50      "
                             "   1000/16384   worker");
    info.class = 'D';
    info.runtime_ns = 3 * NS_PER_MS;
    info.period_ns = 10 * NS_PER_MS;
    scheduler_thread_line(g_line, &info);
    ck_assert_str_eq(g_line, "  17   2 B     D^3/10ms   c       21        99       4/50      "
                             "   1000/16384   worker");
}
END_TEST

static struct thread_info g_facts[FACTS_MAX];

static const struct thread_info *facts_of(const struct thread *thread)
{
    const size_t count = thread_list(g_facts, FACTS_MAX);

    for (size_t i = 0; i < count && i < FACTS_MAX; i++) {
        if (g_facts[i].id == thread_id(thread)) {
            return &g_facts[i];
        }
    }
    ck_abort_msg("the thread is not in the list");
    return NULL;
}

/* What a thread asked for is what the list says of it. */
START_TEST(thread_list_tells_classes_and_ranks)
{
    static const struct thread_deadline wish = { 1000000, 10000000, 10000000 };
    struct thread *const self = thread_current();

    ck_assert_int_eq(facts_of(self)->class, 'N');
    ck_assert_int_eq(thread_nice_set(self, -20), EXO_OK);
    ck_assert_int_eq(facts_of(self)->nice, -20);
    ck_assert_int_eq(thread_nice_set(self, 19), EXO_OK);
    ck_assert_int_eq(facts_of(self)->nice, 19);
    ck_assert_int_eq(thread_nice_set(self, 0), EXO_OK);
    ck_assert_int_eq(facts_of(self)->nice, 0);
    ck_assert_int_eq(thread_class_set(self, THREAD_CLASS_FIFO, 99), EXO_OK);
    ck_assert_int_eq(facts_of(self)->class, 'F');
    ck_assert_uint_eq(facts_of(self)->priority, 99);
    ck_assert_int_eq(thread_class_set(self, THREAD_CLASS_ROUND_ROBIN, 0), EXO_OK);
    ck_assert_int_eq(facts_of(self)->class, 'R');
    ck_assert_uint_eq(facts_of(self)->priority, 0);
    ck_assert(!facts_of(self)->is_raised);
    ck_assert_int_eq(thread_class_set(self, THREAD_CLASS_NORMAL, 0), EXO_OK);
    ck_assert_int_eq(thread_deadline_set(&wish), EXO_OK);
    ck_assert_int_eq(facts_of(self)->class, 'D');
    ck_assert_uint_eq(facts_of(self)->runtime_ns, 1000000);
    ck_assert_uint_eq(facts_of(self)->period_ns, 10000000);
    thread_deadline_clear();
    ck_assert_int_eq(facts_of(self)->class, 'N');
    ck_assert_uint_eq(facts_of(self)->affinity, AFFINITY_ALL);
}
END_TEST

/* Time on a CPU is counted while it passes, and idle CPUs count theirs: none has been idle for
 * longer than the machine is up. */
START_TEST(run_and_idle_times_are_up_to_date)
{
    struct sched_cpu_info info;
    const uint64_t before_ns = facts_of(thread_current())->run_ns;

    test_spin_ns(2 * NS_PER_MS);
    ck_assert_uint_ge(facts_of(thread_current())->run_ns, before_ns + NS_PER_MS / 2);
    for (uint32_t cpu = 0; cpu < CPUS_MAX; cpu++) {
        if (sched_cpu_info(cpu, &info)) {
            ck_assert_uint_le(info.idle_ns, clock_now_ns());
        }
    }
}
END_TEST

/* A sleep ends in a wake-up, which is counted with how long it took to run. */
START_TEST(thread_list_counts_wake_ups)
{
    const uint64_t before = facts_of(thread_current())->wakeups;

    thread_sleep_ns(NS_PER_MS);
    const struct thread_info *const facts = facts_of(thread_current());

    ck_assert_uint_gt(facts->wakeups, before);
    ck_assert_uint_gt(facts->latency_ns, 0);
    ck_assert_uint_ge(facts->latency_max_ns, facts->latency_ns);
}
END_TEST

EXO_SUITE(monitor_scheduler, EXO_TEST(monitor_cpu_line_has_every_field),
          EXO_TEST(monitor_thread_line_has_every_field),
          EXO_TEST(thread_list_tells_classes_and_ranks),
          EXO_TEST(run_and_idle_times_are_up_to_date), EXO_TEST(thread_list_counts_wake_ups))
