/*
 * trace.c - what tracepoints cost, off and on.
 */
#include "exo/debug/trace.h"
#include "exo/hal.h"
#include "exo_bench.h"

#define RING_EVENTS 1024u

static uint8_t g_ring[TRACE_RING_BYTES(RING_EVENTS)] EXO_ALIGNED(CACHE_LINE);

/* The compiler must not see that nothing changes between two rounds. */
static inline void forget(void)
{
    __asm__ volatile("" : : : "memory");
}

BENCH(trace_none, "the loop of the two below without a tracepoint; under a cycle", true)
{
    bench_start(run);
    for (uint64_t i = 0; i < run->loops; i++) {
        forget();
    }
    bench_stop(run);
}

BENCH(trace_off, "a tracepoint that is off: a load, a test, a branch never taken; a cycle", true)
{
    bench_start(run);
    for (uint64_t i = 0; i < run->loops; i++) {
        trace_event(TRACE_FREE, i, i);
        forget();
    }
    bench_stop(run);
}

BENCH(trace_on, "one that is on, 32 bytes to the CPU's ring: the counter's 25 cycles and 15 more",
      true)
{
    const hal_irq_t irq = hal_irq_save(); /* one CPU, as its ring has one */

    trace_ring_set(hal_cpu_id(), g_ring, RING_EVENTS);
    trace_start(1u << TRACE_FREE);
    bench_start(run);
    for (uint64_t i = 0; i < run->loops; i++) {
        trace_event(TRACE_FREE, i, i);
        forget();
    }
    bench_stop(run);
    trace_stop();
    trace_ring_set(hal_cpu_id(), NULL, 0);
    hal_irq_restore(irq);
}
