/*
 * switch.c - what going from one context to another costs.
 */
#include <stdatomic.h>

#include "exo/hal.h"
#include "exo/sched/thread.h"
#include "exo_bench.h"

/* Each context has a loop of its own, as the contexts of the rivals' benchmarks have. */
struct loops_pair {
    struct hal_context here;
    struct hal_context there;
};

static void loops_there(void *arg)
{
    struct loops_pair *pair = arg;

    for (;;) {
        hal_context_switch(&pair->there, &pair->here);
    }
}

BENCH(switch_windowed,
      "hal_context_switch() between two loops, no vector state: push, store, load, jump; 6 cycles",
      true)
{
    struct loops_pair pair;
    struct hal_stack stack;

    if (hal_stack_create(&stack) != EXO_OK) {
        run->skipped = true;
        return;
    }
    hal_context_init(&pair.there, &stack, loops_there, &pair);
    const hal_irq_t irq = hal_irq_save();

    hal_context_switch(&pair.here, &pair.there); /* the first entry is another path */
    bench_start(run);
    for (uint64_t i = 0; i < run->loops; i += 2) {
        hal_context_switch(&pair.here, &pair.there);
    }
    bench_stop(run);
    hal_irq_restore(irq);
    hal_context_fini(&pair.there);
    hal_stack_destroy(&stack);
}

struct pair {
    struct hal_context here;
    struct hal_context there;
    uint64_t left; /* switches to do */
};

/* One place that both contexts switch at, as all threads do in the scheduler. What to switch to is
 * read from the stack just come to, so each switch waits for the one before it. */
static EXO_NOINLINE void pass(struct pair *pair, struct hal_context *from, struct hal_context *to)
{
    while (pair->left > 0) {
        pair->left--;
        hal_context_switch(from, to);
    }
}

static void there_loop(void *arg)
{
    struct pair *pair = arg;

    pass(pair, &pair->there, &pair->here);
    hal_context_leave(&pair->there, &pair->here);
}

BENCH(switch_context,
      "the same from one place with variable contexts, as the scheduler does; 10 cycles of latency",
      true)
{
    struct pair pair;
    struct hal_stack stack;

    if (hal_stack_create(&stack) != EXO_OK) {
        run->skipped = true;
        return;
    }
    hal_context_init(&pair.there, &stack, there_loop, &pair);
    const hal_irq_t irq = hal_irq_save();

    pair.left = 2;
    pass(&pair, &pair.here, &pair.there); /* the first entry is another path */
    pair.left = run->loops;
    bench_start(run);
    pass(&pair, &pair.here, &pair.there);
    bench_stop(run);
    hal_irq_restore(irq);
    hal_context_fini(&pair.there);
    hal_stack_destroy(&stack);
}

/* Two threads on one CPU that yield to each other; the first to run measures both. */
struct yielders {
    struct bench_run *run;
    _Atomic uint32_t ready; /* how many have started; either may be preempted while it counts */
};

static void yielder(void *arg)
{
    struct yielders *both = arg;
    const bool measures = atomic_fetch_add(&both->ready, 1) == 0;

    while (atomic_load(&both->ready) < 2) {
        thread_yield();
    }
    if (measures) {
        bench_start(both->run);
    }
    for (uint64_t i = 0; i < both->run->loops; i += 2) {
        thread_yield();
    }
    if (measures) {
        bench_stop(both->run);
    }
}

BENCH(
    yield_pick_switch,
    "thread_yield() with one other ready: run queue, clock, switch; 38 to 48 cycles are the floor "
    "(clock 25, jump 6-14, pick 7-17)",
    true)
{
    struct yielders both = { .run = run };
    struct thread *thread[2] = { NULL, NULL };
    const struct thread_spec spec = { .name = "yielder", .entry = yielder, .arg = &both, .cpu = 0 };

    if (thread_create(&spec, &thread[0]) != EXO_OK) {
        run->skipped = true;
        return;
    }
    if (thread_create(&spec, &thread[1]) != EXO_OK) {
        atomic_fetch_add(&both.ready, 1); /* let the first one go: there is nobody to wait for */
        run->skipped = true;
    } else {
        thread_join(thread[1], NULL);
    }
    thread_join(thread[0], NULL);
}
