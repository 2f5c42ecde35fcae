/*
 * count.c - shows callgrind the counted part of each benchmark (tools/bench-baseline).
 *
 * Instrumentation is on from bench_count_begin() to bench_count_end() only; each part is dumped
 * under "name loops". Outside Valgrind the requests are a few instructions that do nothing.
 */
#include <stdio.h>
#include <valgrind/callgrind.h>

#include "bench/driver.h"

void bench_count_begin(const struct bench_run *run)
{
    (void)run;
    CALLGRIND_START_INSTRUMENTATION;
    CALLGRIND_ZERO_STATS;
}

void bench_count_end(const struct bench_run *run)
{
    char name[96];

    CALLGRIND_STOP_INSTRUMENTATION;
    (void)snprintf(name, sizeof(name), "%s %llu", run->name, (unsigned long long)run->loops);
    CALLGRIND_DUMP_STATS_AT(name);
}
