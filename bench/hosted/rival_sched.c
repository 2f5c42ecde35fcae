/*
 * rival_sched.c - the host's scheduler beside ours: sched_yield() of two host threads on one core;
 * and the claims of picking, queueing and yielding.
 *
 * A call of sched_yield() need not switch: the host may let the caller go on. So switches are
 * counted, as the host counts them, and the row says what one of them costs.
 */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/resource.h>

#include "exo/hal.h"
#include "exo_bench.h"

#define MIN_SWITCHES 16u /* fewer say nothing of what one costs */

struct yielders {
    struct bench_run *run;
    int core;
    _Atomic uint32_t ready;
    _Atomic uint32_t done;
    uint64_t switches; /* of both, while the first one measured */
};

/* Switches of the calling thread so far; a yield counts as an involuntary one. */
static uint64_t switches_so_far(void)
{
    struct rusage usage;

    return getrusage(RUSAGE_THREAD, &usage) == 0 ? (uint64_t)(usage.ru_nvcsw + usage.ru_nivcsw) : 0;
}

static bool pin_to(int core)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET((size_t)core, &set);
    return sched_setaffinity(0, sizeof(set), &set) == 0;
}

/* Yields until the measuring one has done its share. */
static void *partner_main(void *arg)
{
    struct yielders *const both = arg;
    const bool pinned = pin_to(both->core);

    atomic_fetch_add(&both->ready, 1);
    while (pinned && atomic_load(&both->done) == 0) {
        (void)sched_yield();
    }
    return NULL;
}

/* One core, so while this thread runs the other does not: each switch away from here is matched by
 * one back. */
static void *measurer_main(void *arg)
{
    struct yielders *const both = arg;

    both->run->skipped = !pin_to(both->core);
    while (atomic_load(&both->ready) == 0) {
        (void)sched_yield();
    }
    const uint64_t before = switches_so_far();

    bench_start(both->run);
    for (uint64_t i = 0; i < both->run->loops; i += 2) {
        (void)sched_yield();
    }
    bench_stop(both->run);
    both->switches = 2 * (switches_so_far() - before);
    atomic_store(&both->done, 1);
    return NULL;
}

static int first_core(void)
{
    cpu_set_t set;
    int core = 0;

    if (sched_getaffinity(0, sizeof(set), &set) != 0) {
        return 0;
    }
    while (core < CPU_SETSIZE - 1 && !CPU_ISSET((size_t)core, &set)) {
        core++;
    }
    return core;
}

BENCH(rival_sched_yield,
      "one switch by sched_yield() between two host threads on one core, 3300 cycles", false)
{
    struct yielders both = { .run = run, .core = first_core() };
    pthread_t thread[2];
    sigset_t all;
    sigset_t before;
    const hal_irq_t irq = hal_irq_save();

    /* No signal that means an interrupt to the kernel may reach them. */
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    if (pthread_create(&thread[1], NULL, partner_main, &both) != 0) {
        run->skipped = true;
    } else {
        if (pthread_create(&thread[0], NULL, measurer_main, &both) != 0) {
            run->skipped = true;
            atomic_store(&both.done, 1);
        } else {
            (void)pthread_join(thread[0], NULL);
        }
        (void)pthread_join(thread[1], NULL);
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    hal_irq_restore(irq);
    if (both.switches >= MIN_SWITCHES) {
        run->cycles = run->cycles * run->loops / both.switches;
    }
}

/* The bar of the design in cycles, as a row to divide by. */
BENCH(bar_30_cycles, "30 cycles exactly, to compare with", false)
{
    run->cycles = 30 * run->loops;
}

BENCH_CLAIM(pick_requeue_1, bar_30_cycles, 100);
BENCH_CLAIM(pick_requeue_16, bar_30_cycles, 100);
BENCH_CLAIM(pick_requeue_256, bar_30_cycles, 100);
BENCH_CLAIM(pick_requeue_10000, pick_256_and_miss, 100);
BENCH_CLAIM(yield_pick_switch, rival_boost_jump, 500);
BENCH_CLAIM(yield_pick_switch, rival_sched_yield, 2);
