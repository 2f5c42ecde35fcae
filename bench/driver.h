/*
 * driver.h - what the benchmark driver's files share.
 */
#ifndef BENCH_DRIVER_H
#define BENCH_DRIVER_H

#include "exo_bench.h"

#define BENCH_SAMPLES_MAX 201u

/* Costs of one operation over n samples, in hundredths of a cycle, sorted by bench_series_sort().
 */
struct bench_series {
    uint32_t n;
    uint64_t cost[BENCH_SAMPLES_MAX];
};

void bench_series_sort(struct bench_series *series);

/* The cost that `percent` of the samples do not exceed; the series is sorted and not empty. */
uint64_t bench_series_at(const struct bench_series *series, uint32_t percent);

/* Bracket the part of a body that an instruction counter outside should see: bench_counting says
 * that one is wanted. Defined empty and weak by the driver; bench/hosted/count.c talks to
 * callgrind. */
void bench_count_begin(const struct bench_run *run);
void bench_count_end(const struct bench_run *run);
bool bench_counting(void);

#endif /* BENCH_DRIVER_H */
