/*
 * exo/sync/preempt.h - the preemption count of design.md section 11, over the word in percpu_head.
 */
#ifndef EXO_SYNC_PREEMPT_H
#define EXO_SYNC_PREEMPT_H

#include "exo/abi/status.h"
#include "exo/hal.h"

/* Switch to another thread because a reschedule is due; returns at once if interrupts are off.
 * Defined by sched.  Context: count zero. */
void sync_preempt(void);

/* ---- what else the higher layer sched defines for locks, wait queues and epochs ---- */

struct thread;

/* thread_park(), its interruptible form and thread_unpark() of exo/sched/thread.h, for the layers
 * below it. */
EXO_MUST_CHECK exo_status_t sync_park(uint64_t deadline_ns);
EXO_MUST_CHECK exo_status_t sync_park_interruptible(uint64_t deadline_ns);
void sync_unpark(struct thread *thread);
/* Is it on a CPU now? A hint.  Context: an epoch section in which `thread` was valid. */
bool sync_is_running(const struct thread *thread);
void sync_sleep_ns(uint64_t duration_ns); /* without consuming a permit */

static inline void preempt_disable(void)
{
    hal_preempt_inc();
    __asm__ volatile("" ::: "memory");
}

static inline void preempt_enable(void)
{
    __asm__ volatile("" ::: "memory");
    if (EXO_UNLIKELY(hal_preempt_dec())) {
        sync_preempt(); /* returns at once if interrupts are off: see preempt_check() */
    }
}

/* Switch if that is due: the preemption point of code that turned interrupts back on by
 * hal_irq_restore() after a wake-up. spin_unlock_irq() has it built in, hal_irq_restore() has not.
 * */
static inline void preempt_check(void)
{
    if (EXO_UNLIKELY(hal_preempt_word() == 0)) {
        sync_preempt();
    }
}

static inline uint32_t preempt_count(void)
{
    return hal_preempt_word() & PREEMPT_COUNT_MASK;
}

/* Panic in debug builds unless the caller may block: count zero, interrupts on. */
void assert_may_block(const char *what);

#endif /* EXO_SYNC_PREEMPT_H */
