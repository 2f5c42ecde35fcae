/*
 * sched_trace.h - the scheduler's tracepoints that need a look at the threads first.
 */
#ifndef SCHED_TRACE_H
#define SCHED_TRACE_H

#include "exo/debug/trace.h"

#include "thread_private.h"

static inline void sched_trace_switch(const struct thread *prev, const struct thread *next)
{
    if (EXO_UNLIKELY(trace_kinds() != 0)) {
        static const uint8_t left[] = { [THREAD_READY] = TRACE_LEFT_READY,
                                        [THREAD_RUNNING] = TRACE_LEFT_READY,
                                        [THREAD_BLOCKED] = TRACE_LEFT_BLOCKED,
                                        [THREAD_DEAD] = TRACE_LEFT_DEAD };

        trace_switch(
            next->id,
            (enum trace_left)left[atomic_load_explicit(&prev->state, memory_order_relaxed)]);
    }
}

/* The thread is queued on CPU `to`, or taken by it; `from` is where it was. */
static inline void sched_trace_ready(const struct thread *thread, uint32_t from, uint32_t to,
                                     bool is_woken)
{
    if (from != to) {
        trace_event(TRACE_MIGRATE, thread->id, (uint64_t)from << 32 | to);
    }
    if (is_woken) {
        trace_event(TRACE_WAKE, thread->id, to);
    }
}

#endif /* SCHED_TRACE_H */
