/*
 * series.c - samples of a benchmark, put in order.
 */
#include "driver.h"

void bench_series_sort(struct bench_series *series)
{
    for (uint32_t i = 1; i < series->n; i++) {
        const uint64_t cost = series->cost[i];
        uint32_t at = i;

        for (; at > 0 && series->cost[at - 1] > cost; at--) {
            series->cost[at] = series->cost[at - 1];
        }
        series->cost[at] = cost;
    }
}

uint64_t bench_series_at(const struct bench_series *series, uint32_t percent)
{
    return series->cost[(uint64_t)(series->n - 1) * percent / 100];
}
