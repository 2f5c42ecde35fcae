/*
 * exo_bench.h - benchmarks written once, run hosted and booted.
 *
 * A body does run->loops operations between bench_start() and bench_stop(); the driver
 * (bench/driver.c) calibrates `loops`, repeats, and prints minimum, median (p50) and p99 of the
 * cost of one operation, as a table row and a JSON line: name, platform, commit, unit, n, min, p50,
 * p99.
 */
#ifndef EXO_BENCH_H
#define EXO_BENCH_H

#include "exo/lib/types.h"

struct bench_run {
    const char *name; /* of the benchmark, for the instruction counter */
    uint64_t loops;   /* operations to do */
    uint64_t start;   /* hal_cycles_ordered() at bench_start */
    uint64_t cycles;  /* accumulated by bench_stop */
    bool skipped;     /* set by a body that this machine cannot run (one CPU, no user mode) */
};

struct bench {
    const char *name;     /* "switch_windowed" */
    const char *question; /* one line: what it answers and the figure a sketch predicts */
    void (*body)(struct bench_run *run);
    bool counted; /* single-threaded and deterministic: its instruction count is in the baseline */
};

/* A claim: the median of `ours` divided by that of `rival`, sampled in turn, is at most
 * max_percent. */
struct bench_claim {
    const char *ours;
    const char *rival;
    uint32_t max_percent; /* 0: printed only */
};

void bench_start(struct bench_run *run);
void bench_stop(struct bench_run *run);

#define BENCH(bench_name, bench_question, is_counted)                                              \
    static void bench_body_##bench_name(struct bench_run *run);                                    \
    static const struct bench bench_##bench_name = { .name = #bench_name,                          \
                                                     .question = (bench_question),                 \
                                                     .body = bench_body_##bench_name,              \
                                                     .counted = (is_counted) };                    \
    static const struct bench *const bench_ptr_##bench_name EXO_SECTION(exo_benches) =             \
        &bench_##bench_name;                                                                       \
    static void bench_body_##bench_name(struct bench_run *run)

#define BENCH_CLAIM(our_bench, rival_bench, percent)                                               \
    static const struct bench_claim bench_claim_##our_bench##_##rival_bench = {                    \
        .ours = #our_bench, .rival = #rival_bench, .max_percent = (percent)                        \
    };                                                                                             \
    static const struct bench_claim *const bench_claim_ptr_##our_bench##_##rival_bench             \
    EXO_SECTION(exo_bench_claims) = &bench_claim_##our_bench##_##rival_bench

#endif /* EXO_BENCH_H */
