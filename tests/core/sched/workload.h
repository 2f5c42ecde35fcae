/*
 * tests/core/sched/workload.h - workloads as data, and a model of CPUs that runs them through a
 * scheduling policy and records what became of each thread.
 *
 * The model drives the policy's table directly, with the scheduler's own rules of waking, stealing
 * and balancing written out small. Its time is counted in steps of 100 us that nobody has to wait
 * for, so every run is the same, and a minute of it costs milliseconds.
 *
 * Context: one thread at a time; the threads of a workload are not threads of the kernel's.
 */
#ifndef TESTS_CORE_SCHED_WORKLOAD_H
#define TESTS_CORE_SCHED_WORKLOAD_H

#include "sched_private.h"

#define WORKLOAD_THREADS_MAX 32u
#define WORKLOAD_CPUS_MAX    4u

/* Of a recorded thread: it runs, then sleeps. */
struct workload_step {
    uint32_t burst_us;
    uint32_t sleep_us;
};

/* One line of a workload. */
struct workload_thread {
    uint64_t arrives_us;
    uint64_t burst_us; /* it runs this long, then sleeps */
    uint64_t sleep_us; /* 0: it never sleeps */
    uint32_t bursts;   /* then it is done; 0: it goes on to the end */
    int nice;
    enum thread_class class;
    uint32_t priority; /* 0-99, of the real-time classes */
    uint64_t affinity; /* bit per CPU; 0: all */
    /* Deadlines, if runtime_us is not 0; not for the model. A burst begins every period. */
    uint64_t runtime_us;
    uint64_t deadline_us;
    uint64_t period_us;
    /* Recorded: `bursts` steps in place of burst_us and sleep_us; not for the model. */
    const struct workload_step *step;
};

struct workload {
    const char *name;
    uint32_t cpus; /* 1..WORKLOAD_CPUS_MAX */
    uint64_t length_us;
    const struct workload_thread *thread;
    uint32_t count; /* at most WORKLOAD_THREADS_MAX */
};

/* What became of a thread. */
struct workload_record {
    uint64_t ran_us;
    uint64_t waited_us;     /* ready, but not on a CPU */
    uint64_t waited_max_us; /* the longest such time without a break */
    uint32_t bursts;        /* finished */
    uint32_t turns;         /* times put on a CPU */
    uint32_t migrations;    /* of those, on another CPU than the last time */
    enum temperature temperature;
};

struct workload_result {
    struct workload_record thread[WORKLOAD_THREADS_MAX];
    uint64_t ran_us;    /* of all threads */
    uint64_t idle_us;   /* of all CPUs */
    uint64_t wasted_us; /* of idle CPUs while a thread waited that they may run */
    uint64_t switches;
    uint32_t fairness; /* Jain's index of run time over weight, thousandths, of the normal threads
                          that never sleep; 1000 if there are fewer than two */
};

extern const struct workload g_workloads[];
extern const uint32_t g_workload_count;

/* What real runs did, by tools/trace-workload (workload_recorded.c). */
extern const struct workload g_recorded[];
extern const uint32_t g_recorded_count;

/* The one of that name, or NULL. */
const struct workload *workload_find(const char *name);

void workload_run(const struct sched_policy *policy, const struct workload *load,
                  struct workload_result *out);

#endif /* TESTS_CORE_SCHED_WORKLOAD_H */
