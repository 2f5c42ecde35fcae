/*
 * switch.c - what going from one context to another costs.
 */
#include "exo/hal.h"
#include "exo/sched/thread.h"
#include "exo_bench.h"

/* The switch itself, written out where it stands, as a scheduler would inline it. */
struct words_pair {
    struct switch_words here;
    struct switch_words there;
};

static void words_there(void *arg)
{
    struct words_pair *pair = arg;

    for (;;) {
        switch_windowed(&pair->there, &pair->here);
    }
}

BENCH(switch_windowed,
      "one windowed switch, inline, no vector state: push, store, load, jump; 6 cycles", true)
{
    struct words_pair pair;
    struct hal_stack stack;

    if (hal_stack_create(&stack) != EXO_OK) {
        run->skipped = true;
        return;
    }
    switch_prepare(&pair.there, (char *)stack.base + stack.size_bytes, words_there, &pair);
    const hal_irq_t irq = hal_irq_save();

    switch_windowed(&pair.here, &pair.there); /* the first entry is another path */
    bench_start(run);
    for (uint64_t i = 0; i < run->loops; i += 2) {
        switch_windowed(&pair.here, &pair.there);
    }
    bench_stop(run);
    hal_irq_restore(irq);
    hal_stack_destroy(&stack);
}

struct pair {
    struct hal_context here;
    struct hal_context there;
    uint64_t left; /* switches to do */
};

/* One place that both contexts switch at, as all threads do in the scheduler: the return from
 * hal_context_switch() is then predicted. */
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
      "the same behind the HAL, hal_context_switch() called from one place by both contexts", true)
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
    uint64_t ready; /* own CPU only: how many have started */
};

static void yielder(void *arg)
{
    struct yielders *both = arg;
    const bool measures = both->ready++ == 0;

    while (both->ready < 2) {
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

BENCH(yield_pick_switch,
      "thread_yield() with one other ready: run queue, clock, switch; at most 5 times Boost's jump",
      false)
{
    struct yielders both = { .run = run };
    struct thread *thread[2] = { NULL, NULL };
    const struct thread_spec spec = { .name = "yielder", .entry = yielder, .arg = &both, .cpu = 0 };

    if (thread_create(&spec, &thread[0]) != EXO_OK) {
        run->skipped = true;
        return;
    }
    if (thread_create(&spec, &thread[1]) != EXO_OK) {
        both.ready++; /* let the first one go: there is nobody to wait for */
        run->skipped = true;
    } else {
        thread_join(thread[1], NULL);
    }
    thread_join(thread[0], NULL);
}
