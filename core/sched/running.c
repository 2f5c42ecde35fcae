/*
 * core/sched/running.c - what sleeping locks ask of the scheduler: whether a thread is on a CPU, so
 * that they spin only then, and waits that can be cut short.
 */
#include "exo/sched/thread.h"
#include "exo/sync/preempt.h"

#include "sched_private.h"

bool sync_is_running(const struct thread *thread)
{
    return atomic_load_explicit(&thread->on_cpu, memory_order_relaxed) &&
           atomic_load_explicit(&thread->state, memory_order_relaxed) == THREAD_RUNNING;
}

exo_status_t sync_park_interruptible(uint64_t deadline_ns)
{
    return thread_park_interruptible(deadline_ns);
}
