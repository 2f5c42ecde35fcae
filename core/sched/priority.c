/*
 * core/sched/priority.c - what a thread may ask for: level, weight, CPUs.
 *
 * Invariant: a thread's level in effect is the more urgent of its own and what it inherits.
 */
#include "sched_private.h"

static void change_weight(struct thread *thread, uint64_t inverse)
{
    thread->entity.inverse = (uint32_t)inverse;
}

static void change_round_robin(struct thread *thread, uint64_t value)
{
    thread->entity.round_robin = value != 0;
}

void sched_affinity_change(struct thread *thread, uint64_t mask)
{
    thread_affinity_store(thread, mask);
}

exo_status_t thread_nice_set(struct thread *thread, int nice)
{
    if (nice < NICE_MIN || nice > NICE_MAX) {
        return EXO_ERR_INVALID;
    }
    sched_change(thread, change_weight, sched_inverse_weight(nice));
    return EXO_OK;
}

exo_status_t thread_class_set(struct thread *thread, enum thread_class class, uint32_t priority)
{
    uint8_t level = LEVEL_NORMAL;

    if (thread->budget.runtime_ns != 0) {
        return EXO_ERR_BUSY;
    }
    switch (class) {
    case THREAD_CLASS_FIFO:
    case THREAD_CLASS_ROUND_ROBIN:
        if (priority > REALTIME_MAX) {
            return EXO_ERR_INVALID;
        }
        level = (uint8_t)(LEVEL_REALTIME + REALTIME_MAX - priority);
        break;
    case THREAD_CLASS_NORMAL:
        break;
    case THREAD_CLASS_IDLE:
        level = LEVEL_IDLE;
        break;
    default:
        return EXO_ERR_INVALID;
    }
    sched_change(thread, change_round_robin, class == THREAD_CLASS_ROUND_ROBIN);
    sched_own_level_set(thread, level);
    return EXO_OK;
}

exo_status_t thread_affinity_set(struct thread *thread, uint64_t cpus)
{
    bool any = false;

    for (uint32_t cpu = 0; cpu < CPUS_MAX; cpu++) {
        any = any || ((cpus >> cpu & 1) != 0 && sched_is_online(cpu));
    }
    if (!any) {
        return EXO_ERR_INVALID;
    }
    if (thread->budget.runtime_ns != 0) {
        return EXO_ERR_BUSY;
    }
    sched_change(thread, sched_affinity_change, cpus);
    if (thread == hal_current()) {
        thread_yield(); /* if this CPU is not among them, we are on another one afterwards */
    }
    return EXO_OK;
}
