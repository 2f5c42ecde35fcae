/*
 * core/sched/switch.c - choosing the next thread and switching to it.
 *
 *   READY --sched_switch()--> RUNNING --sched_switch()--> READY     preempted or yielding
 *   RUNNING --thread_park()--> BLOCKED --sched_make_ready()--> READY
 *   RUNNING --thread_exit()--> DEAD
 *
 * Invariants:
 *   (1) a thread is in at most one run queue, that of thread->cpu, and then READY; RUNNING on at
 *       most one CPU, whose queue.current and hal_current() it is;
 *   (2) on_cpu is true from before a CPU enters its context until after the switch away is
 *       complete. Only that CPU runs the thread meanwhile: a wake-up queues it there and nobody
 *       steals it. So no context is entered before it is saved (release by sched_arrive(), acquire
 *       by sched_select_cpu() and sched_steal());
 *   (3) RUNNING -> READY and READY -> RUNNING happen on the thread's CPU.
 */
#include "exo/lib/assert.h"
#include "exo/time/clock.h"

#include "sched_private.h"
#include "sched_trace.h"

/* What the current thread has run since it was charged last. */
static uint64_t owed_locked(const struct run_queue *queue, uint64_t now)
{
    const uint64_t cycles = now - queue->charged_at;

    return (int64_t)cycles < 0 ? 0 : cycles; /* clocks of two CPUs may differ by a little */
}

/* Queue `prev`, which could go on, behind or before the others; true if its budget is spent. */
static bool requeue_locked(struct run_queue *queue, uint32_t here, struct thread *prev)
{
    atomic_store_explicit(&prev->state, THREAD_READY, memory_order_relaxed);
    if (!thread_allows(prev, here)) {
        prev->aftermath = AFTER_MOVE; /* sched_arrive() queues it elsewhere */
        return false;
    }
    g_sched_policy->enqueue(queue, prev, false);
    return !entity_queued(&prev->entity);
}

/* This CPU has nothing of its own to run: a thread of another one's, or NULL. */
static struct thread *choose_other(struct sched_cpu *self, uint32_t here)
{
    struct thread *const stolen = sched_steal(self, here);

    if (stolen != NULL) {
        /* In nobody's queue and nobody else's to wake: ours. Who queued a thread here meanwhile
         * saw the idle thread and sent an interrupt or set the reschedule flag, which we keep. */
        const hal_irq_t irq = spin_lock_irq(&self->queue.lock);

        g_sched_policy->adopt(&self->queue, stolen);
        atomic_store_explicit(&stolen->state, THREAD_RUNNING, memory_order_relaxed);
        self->queue.current = stolen;
        spin_unlock_irq(&self->queue.lock, irq);
    }
    return stolen;
}

/* Choose the next thread, `prev` among the candidates if it can go on, the idle thread if there is
 * none, and make it this CPU's current one. With the queue's lock, which it gives back. */
static EXO_NOINLINE struct thread *choose_any(struct sched_cpu *self, uint32_t here,
                                              struct thread *prev, uint64_t now)
{
    struct run_queue *const queue = &self->queue;
    const bool goes_on = prev != &self->idle &&
                         atomic_load_explicit(&prev->state, memory_order_relaxed) == THREAD_RUNNING;
    struct thread *next = prev;
    bool is_spent = false;

    spin_assert_held(&queue->lock);
    sched_charge_current_locked(self, now);
    if (!goes_on || queue->count > 0 || (prev->has_deadlines && prev->budget.left_ns < 0) ||
        !thread_allows(prev, here)) {
        is_spent = goes_on && requeue_locked(queue, here, prev);
        next = g_sched_policy->pick(queue);
        next = next != NULL ? next : &self->idle;
    }
    prev->entity.goes_last = false; /* who yields when nobody waits has done so */
    atomic_store_explicit(&next->state, THREAD_RUNNING, memory_order_relaxed);
    queue->current = next;
    queue->charged_at = now;
    const bool tick = sched_tick_claim_locked(queue);

    spin_give(&queue->lock);
    if (tick) {
        sched_tick_arm(self);
    }
    if (is_spent) {
        timer_arm(&prev->budget.refill, prev->budget.period_end_ns);
    }
    if (next == &self->idle) {
        struct thread *const stolen = choose_other(self, here);

        next = stolen != NULL ? stolen : next;
    }
    if (prev == &self->idle && next != prev) {
        (void)sched_idle_claim(here); /* no longer idle, whoever claimed it */
    }
    return next;
}

/* A thread that could go on shares its CPU with others: the way of nearly all switches. */
static bool is_plain_turn_locked(const struct sched_cpu *self, const struct thread *prev,
                                 uint32_t here)
{
    return self->queue.count > 0 && self->queue.tick_armed && prev != &self->idle &&
           atomic_load_explicit(&prev->state, memory_order_relaxed) == THREAD_RUNNING &&
           !prev->has_deadlines && thread_allows(prev, here);
}

/* Choose, with the queue's lock, which is given back. Interrupts are off all the way, so none of
 * the preemption points of the usual locking is wanted here. */
static struct thread *choose(struct sched_cpu *self, uint32_t here, struct thread *prev,
                             uint64_t now)
{
    struct run_queue *const queue = &self->queue;

    if (EXO_UNLIKELY(!is_plain_turn_locked(self, prev, here))) {
        return choose_any(self, here, prev, now);
    }
    const uint64_t cycles = owed_locked(queue, now);

    count_up(&prev->run_cycles, cycles);
    struct thread *const next = g_sched_policy->turn(queue, prev, cycles);

    atomic_store_explicit(&prev->state, THREAD_READY, memory_order_relaxed);
    atomic_store_explicit(&next->state, THREAD_RUNNING, memory_order_relaxed);
    queue->current = next;
    queue->charged_at = now;
    spin_give(&queue->lock);
    return next;
}

/* What the thread needs that has left this CPU, other than to be known to have left. */
static EXO_NOINLINE void attend(struct thread *left, uint8_t aftermath)
{
    if (aftermath == AFTER_BURY) {
        thread_bury(left);
    } else {
        sched_ready_on(left, sched_select_cpu(left), false);
    }
}

/* What follows a switch, on the CPU and the stack of the thread switched to. */
static inline void arrive(void)
{
    struct sched_cpu *const self =
        &g_sched_cpu[hal_cpu_id()]; /* not the CPU that the thread left from */
    struct thread *const left = self->leaving;
    const uint8_t aftermath = left->aftermath;

    left->aftermath = AFTER_NOTHING;
    /* Release: its context is saved, whoever sees this may enter it (2). */
    atomic_store_explicit(&left->on_cpu, false, memory_order_release);
    if (EXO_UNLIKELY(aftermath != AFTER_NOTHING)) {
        attend(left, aftermath);
    }
    if (atomic_load_explicit(&self->queue.stealable, memory_order_relaxed) != 0) {
        sched_nudge();
    }
}

void sched_arrive(void)
{
    arrive();
}

/* The seldom cases of switching to `next`. */
static EXO_NOINLINE void prepare_unusual(struct sched_cpu *self, struct thread *next, uint32_t here,
                                         uint64_t now)
{
    if (!thread_allows(next, here)) {
        hal_resched_set(); /* its affinity changed while it waited: it moves on at once */
    }
    /* Of another level its budget says nothing, and one that is spent would fire for ever. */
    if (next->has_deadlines &&
        atomic_load_explicit(&next->entity.level, memory_order_relaxed) == LEVEL_DEADLINE) {
        /* It is this CPU's current thread by now: whoever wakes another one here charges it. */
        const hal_irq_t irq = spin_lock_irq(&self->queue.lock);
        const int64_t left_ns = next->budget.left_ns > 0 ? next->budget.left_ns : 0;

        spin_unlock_irq(&self->queue.lock, irq);
        timer_arm(&self->budget, clock_deadline_ns((uint64_t)left_ns));
    }
    sched_latency_record(self, next, now);
}

void sched_switch(void)
{
    const uint32_t here = hal_cpu_id();
    struct sched_cpu *const self = &g_sched_cpu[here];
    struct thread *const prev = hal_current();
    const uint64_t now = hal_cycles();

    KASSERT_DEBUG(!hal_irq_enabled());
    KASSERT_DEBUG(preempt_count() == 0);
    if (EXO_CONFIG_DEBUG_LOCKS) {
        spin_assert_none_held();
    }
    epoch_quiescent_since(&self->epoch_told);
    spin_take(&self->queue.lock, true);
    hal_resched_clear();
    struct thread *const next = choose(self, here, prev, now);

    if (EXO_UNLIKELY(!thread_allows(next, here) || next->has_deadlines ||
                     atomic_load_explicit(&next->ready_at, memory_order_relaxed) != 0)) {
        prepare_unusual(self, next, here, now);
    }
    if (next == prev) {
        return;
    }
    count_up(&next->switches, 1);
    count_up(&self->switches, 1);
    self->switched_at = now;
    self->leaving = prev;
    atomic_store_explicit(&next->on_cpu, true, memory_order_relaxed);
    sched_trace_switch(prev, next);
    hal_current_set(next);
    if (EXO_UNLIKELY(prev->aftermath == AFTER_BURY)) {
        hal_context_leave(&prev->context, &next->context);
    }
    hal_context_switch(&prev->context, &next->context);
    arrive();
}

void sync_preempt(void)
{
    while (hal_irq_enabled() && hal_preempt_word() == 0) {
        hal_irq_disable();
        if (hal_preempt_word() == 0) {
            sched_switch();
        }
        hal_irq_enable();
    }
}
