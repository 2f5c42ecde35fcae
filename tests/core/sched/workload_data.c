/*
 * tests/core/sched/workload_data.c - the workloads: arrivals, bursts, sleeps, ranks, CPUs. Both
 * policies run all of them (test_policy.c).
 */
#include "exo/lib/string.h"
#include "workload.h"

#define BUSY    .burst_us = 900000000, .class = THREAD_CLASS_NORMAL
#define NORMAL  .class = THREAD_CLASS_NORMAL
#define SECONDS 1000000u

/* Long ones, short ones, late ones, one with an end. */
static const struct workload_thread g_mixed[] = {
    { BUSY },
    { BUSY },
    { NORMAL, .arrives_us = 5000, .burst_us = 200, .sleep_us = 10000 },
    { NORMAL, .arrives_us = 40000, .burst_us = 3000, .sleep_us = 20000 },
    { NORMAL, .arrives_us = 100000, .burst_us = 15000, .bursts = 3, .sleep_us = 1000 },
};

static const struct workload_thread g_equal[] = {
    { BUSY }, { BUSY }, { BUSY }, { BUSY }, { BUSY }, { BUSY }, { BUSY }, { BUSY },
};

static const struct workload_thread g_weights[] = {
    { BUSY, .nice = -5 },
    { BUSY, .nice = 0 },
    { BUSY, .nice = 5 },
    { BUSY, .nice = 19 },
};

/* Somebody types while others compute. */
static const struct workload_thread g_typing[] = {
    { BUSY },
    { BUSY },
    { BUSY },
    { NORMAL, .arrives_us = 500000, .burst_us = 100, .sleep_us = 7300 },
};

static const struct workload_thread g_levels[] = {
    { BUSY },
    { .burst_us = 900000000, .class = THREAD_CLASS_IDLE },
    { .burst_us = 2000, .sleep_us = 8000, .class = THREAD_CLASS_FIFO, .priority = 50 },
    { .burst_us = 1000, .sleep_us = 9000, .class = THREAD_CLASS_FIFO, .priority = 99 },
};

static const struct workload_thread g_latecomer[] = {
    { BUSY },
    { BUSY, .arrives_us = 3000000 },
};

/* Long bursts after long sleeps, beside one that never sleeps. */
static const struct workload_thread g_sleeper[] = {
    { BUSY },
    { NORMAL, .burst_us = 300000, .sleep_us = 3000000 },
};

/* Two of the same priority that never sleep, one of them by slices. */
static const struct workload_thread g_real_time[] = {
    { .burst_us = 900000000, .class = THREAD_CLASS_ROUND_ROBIN, .priority = 10 },
    { .burst_us = 900000000, .class = THREAD_CLASS_ROUND_ROBIN, .priority = 10 },
};

/* Real time that never lets go, and one that is well-behaved beside it. */
static const struct workload_thread g_lockup[] = {
    { .burst_us = 900000000, .class = THREAD_CLASS_FIFO, .priority = 40 },
    { BUSY },
    { BUSY },
    { .burst_us = 1000, .sleep_us = 9000, .class = THREAD_CLASS_FIFO, .priority = 60 },
};

/* More than the CPUs hold, most of it made at once on the first one. */
static const struct workload_thread g_crowd[] = {
    { BUSY },
    { BUSY },
    { BUSY },
    { BUSY },
    { BUSY },
    { BUSY },
    { BUSY },
    { BUSY },
    { NORMAL, .arrives_us = 2000, .burst_us = 300, .sleep_us = 4000 },
    { NORMAL, .arrives_us = 3000, .burst_us = 300, .sleep_us = 5000 },
    { NORMAL, .arrives_us = 4000, .burst_us = 2000, .sleep_us = 15000 },
    { NORMAL, .arrives_us = 5000, .burst_us = 40000, .sleep_us = 40000 },
};

/* Fewer than CPUs, and some that may not go everywhere. */
static const struct workload_thread g_pinned[] = {
    { BUSY, .affinity = 1 },
    { BUSY, .affinity = 1 },
    { BUSY, .affinity = 6 },
    { NORMAL, .burst_us = 5000, .sleep_us = 5000 },
};

#define WORKLOAD(text, cpu_count, seconds)                                                         \
    {                                                                                              \
        .name = #text, .cpus = (cpu_count), .length_us = (seconds)*SECONDS, .thread = g_##text,    \
        .count = ARRAY_COUNT(g_##text)                                                             \
    }

const struct workload g_workloads[] = {
    WORKLOAD(mixed, 1, 2),  WORKLOAD(equal, 1, 4),     WORKLOAD(weights, 1, 60),
    WORKLOAD(typing, 1, 2), WORKLOAD(levels, 1, 1),    WORKLOAD(latecomer, 1, 4),
    WORKLOAD(crowd, 4, 4),  WORKLOAD(real_time, 1, 1), WORKLOAD(pinned, 4, 1),
    WORKLOAD(lockup, 1, 4), WORKLOAD(sleeper, 1, 5),
};
const uint32_t g_workload_count = ARRAY_COUNT(g_workloads);

const struct workload *workload_find(const char *name)
{
    for (uint32_t i = 0; i < g_workload_count; i++) {
        if (str_equal(g_workloads[i].name, name)) {
            return &g_workloads[i];
        }
    }
    return NULL;
}
