/*
 * floor.c - the machine's own floors, printed beside our figures: nothing built on them can be
 * cheaper.
 */
#include <stdatomic.h>

#include "exo/hal.h"
#include "exo/sched/thread.h"
#include "exo_bench.h"

static EXO_NOINLINE void called(void)
{
    __asm__ volatile("" ::: "memory");
}

BENCH(floor_call, "a call and its return, about 3.5 cycles; no function can be cheaper", true)
{
    bench_start(run);
    for (uint64_t i = 0; i < run->loops; i++) {
        called();
    }
    bench_stop(run);
}

BENCH(floor_exchange, "an atomic exchange on an own line, about 5.4 cycles; no lock can be cheaper",
      true)
{
    static _Atomic uint64_t word;

    bench_start(run);
    for (uint64_t i = 0; i < run->loops; i++) {
        (void)atomic_exchange_explicit(&word, i, memory_order_seq_cst);
    }
    bench_stop(run);
}

BENCH(floor_cycles_ordered, "reading the counter in order, the error of a single measurement", true)
{
    bench_start(run);
    for (uint64_t i = 0; i < run->loops; i++) {
        (void)hal_cycles_ordered();
    }
    bench_stop(run);
}

/* One word on a line of its own, counted up by two CPUs in turn. */
struct line {
    EXO_ALIGNED(128) _Atomic uint64_t word;
    EXO_ALIGNED(128) struct bench_run *run;
};

static void line_give(struct line *line, uint64_t value)
{
    atomic_store_explicit(&line->word, value, memory_order_release);
}

static void line_take(struct line *line, uint64_t value)
{
    while (atomic_load_explicit(&line->word, memory_order_acquire) != value) {
        hal_pause();
    }
}

static void line_near(void *arg)
{
    struct line *line = arg;

    line_take(line, 1); /* the other has begun */
    bench_start(line->run);
    for (uint64_t i = 1; i <= line->run->loops; i++) {
        line_give(line, 2 * i);
        line_take(line, 2 * i + 1);
    }
    bench_stop(line->run);
}

static void line_far(void *arg)
{
    struct line *line = arg;

    line_give(line, 1);
    for (uint64_t i = 1; i <= line->run->loops; i++) {
        line_take(line, 2 * i);
        line_give(line, 2 * i + 1);
    }
}

BENCH(floor_line_round_trip,
      "one line to another CPU and back, 128 cycles near, 745 far; multiples of it are what counts",
      false)
{
    static struct line line;
    struct thread *thread[2] = { NULL, NULL };
    const struct thread_spec near_spec = {
        .name = "near", .entry = line_near, .arg = &line, .cpu = 0
    };
    const struct thread_spec far_spec = {
        .name = "far", .entry = line_far, .arg = &line, .cpu = 1
    };

    line.run = run;
    line_give(&line, 0);
    if (hal_caps()->cpus < 2 || thread_create(&far_spec, &thread[1]) != EXO_OK) {
        run->skipped = true;
        return;
    }
    if (thread_create(&near_spec, &thread[0]) != EXO_OK) {
        run->skipped = true;
        line_near(&line); /* from here, so that the other one ends */
    } else {
        thread_join(thread[0], NULL);
    }
    thread_join(thread[1], NULL);
}
