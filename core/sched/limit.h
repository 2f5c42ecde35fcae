/*
 * limit.h - how much of a CPU real-time threads may take from normal ones.
 *
 * Running real-time threads runs up a debt, which other threads' and idle time pays back. Once it
 * is LIMIT_PERIOD_NS times the limit, real-time threads of that CPU make way for normal ones that
 * wait until all is paid back. So with the default of 95 % they run for at most 95 ms at a stretch
 * while a normal thread waits, and that one then has 5 ms. Where no normal thread waits, nothing
 * changes. Time of deadline threads counts on neither side: it is limited by what they were
 * promised.
 *
 * Locks: that of the queue.
 */
#ifndef SCHED_LIMIT_H
#define SCHED_LIMIT_H

#include "policy.h"

#define LIMIT_PERIOD_NS   100000000u
#define LIMIT_DEFAULT     95u  /* percent: "rt-limit=" */
#define LIMIT_OFF         100u /* real-time threads may take everything */
#define LIMIT_PERCENT_MIN 1u

/* Set the limit, 1..LIMIT_OFF.  Context: boot, or a test whose CPUs run no real-time threads. */
void sched_limit_set(uint32_t percent);
uint32_t sched_limit_get(void);

/* Learn the machine's speed. */
void sched_limit_init(void);

/* Time that is not a deadline thread's: a real-time thread's, or anything else's. */
void sched_limit_charge(struct run_queue *queue, uint64_t cycles, bool is_real_time);

/* Must real-time threads make way now? */
static inline bool sched_limit_holds(const struct run_queue *queue)
{
    return queue->is_limited && queue->bucket_bits != 0;
}

#endif /* SCHED_LIMIT_H */
