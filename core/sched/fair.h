/*
 * fair.h - what the two files of the fair policy share: the scale of virtual time, and the
 * questions of fair_order.c.
 */
#ifndef SCHED_FAIR_H
#define SCHED_FAIR_H

#include "policy.h"

#define FAIR_TICK_NS       2000000u /* how exactly slices are kept */
#define FAIR_INVERSE_SHIFT 16u      /* an inverse weight of 2^16 is nice 0 */

extern uint32_t g_fair_bucket_shift; /* cycles to buckets; constant from the boot on */

/* The number of the queue's earliest bucket. */
static inline uint64_t fair_base(const struct run_queue *queue)
{
    return atomic_load_explicit(&queue->base, memory_order_relaxed);
}

/* The number of the bucket that the thread belongs in. */
static inline uint64_t fair_number(const struct sched_entity *entity)
{
    return (entity->vtime >> g_fair_bucket_shift) + entity->temperature;
}

/* Of struct sched_policy. */
struct thread *fair_find(struct run_queue *queue, uint32_t thief, bool cold_only);
bool fair_on_tick(struct run_queue *queue, uint64_t ran_ns);
bool fair_preempts(const struct run_queue *queue, const struct thread *woken);

#endif /* SCHED_FAIR_H */
