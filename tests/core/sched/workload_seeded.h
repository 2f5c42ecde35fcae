/*
 * tests/core/sched/workload_seeded.h - workloads drawn from a seed.
 *
 * Context: one thread at a time; the threads of a workload stay until the next one is drawn.
 */
#ifndef TESTS_CORE_SCHED_WORKLOAD_SEEDED_H
#define TESTS_CORE_SCHED_WORKLOAD_SEEDED_H

#include "workload.h"

#define SEEDED_THREADS_MAX 64u

/* Draw a workload of 1 to SEEDED_THREADS_MAX threads for `cpus` CPUs: threads that never sleep,
 * ones of short and of long bursts, ones with an end, nice levels, some on one CPU only; in every
 * other seed real-time and deadline threads as well, all of them together at most 80 percent of a
 * CPU unless one never lets go. */
void workload_seeded(uint64_t seed, uint32_t cpus, struct workload *out);

#endif /* TESTS_CORE_SCHED_WORKLOAD_SEEDED_H */
