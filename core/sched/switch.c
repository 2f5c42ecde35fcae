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

#include "sched_private.h"

/* What has to be done once the queue is unlocked. */
struct after {
    bool tick;            /* arm the tick */
    struct thread *spent; /* arm the refill of its budget */
};

/* Queue `prev`, which could go on, behind or before the others. */
static void requeue(struct run_queue *queue, uint32_t here, struct thread *prev,
                    struct after *after)
{
    atomic_store_explicit(&prev->state, THREAD_READY, memory_order_relaxed);
    if (EXO_UNLIKELY(!thread_allows(prev, here))) {
        prev->is_moving = true; /* sched_arrive() queues it elsewhere */
        return;
    }
    g_sched_policy->enqueue(queue, prev, false);
    if (EXO_UNLIKELY(!prev->entity.queued)) {
        after->spent = prev;
    }
}

/* Choose from this CPU's queue, `prev` among the candidates if it can go on; the idle thread if
 * none. */
static struct thread *choose_own(struct sched_cpu *self, struct thread *prev, uint64_t now,
                                 struct after *after)
{
    struct run_queue *const queue = &self->queue;
    const uint32_t here = hal_cpu_id();
    const hal_irq_t irq = spin_lock_irq(&queue->lock);
    const bool goes_on = prev != &self->idle &&
                         atomic_load_explicit(&prev->state, memory_order_relaxed) == THREAD_RUNNING;
    struct thread *next = prev;

    hal_resched_clear();
    sched_charge_current_locked(self, now);
    if (!goes_on || queue->count > 0 || (prev->has_deadlines && prev->budget.left_ns < 0) ||
        !thread_allows(prev, here)) {
        if (goes_on) {
            requeue(queue, here, prev, after);
        }
        next = g_sched_policy->pick(queue);
        next = next != NULL ? next : &self->idle;
    }
    if (EXO_UNLIKELY(!thread_allows(next, here))) {
        hal_resched_set(); /* its affinity changed while it waited: it moves on at once */
    }
    atomic_store_explicit(&next->state, THREAD_RUNNING, memory_order_relaxed);
    queue->current = next;
    queue->charged_at = now;
    after->tick = sched_tick_claim_locked(queue);
    spin_unlock_irq(&queue->lock, irq);
    return next;
}

/* Choose the next thread and make it this CPU's current one in the queue's eyes. */
static struct thread *choose(struct sched_cpu *self, uint32_t here, struct thread *prev,
                             uint64_t now)
{
    struct after after = { .tick = false };
    struct thread *next = choose_own(self, prev, now, &after);

    if (after.tick) {
        sched_tick_arm(self);
    }
    if (EXO_UNLIKELY(after.spent != NULL)) {
        timer_arm(&after.spent->budget.refill, after.spent->budget.period_end_ns);
    }
    if (EXO_UNLIKELY(next->has_deadlines)) {
        timer_arm(&self->budget, clock_deadline_ns((uint64_t)next->budget.left_ns));
    }
    if (next != &self->idle) {
        return next;
    }
    struct thread *const stolen = sched_steal(self, here);

    if (stolen == NULL) {
        return next;
    }
    /* In nobody's queue and nobody else's to wake: ours. Who queued a thread here meanwhile saw the
     * idle thread and sent an interrupt or set the reschedule flag, which we keep. */
    const hal_irq_t irq = spin_lock_irq(&self->queue.lock);

    atomic_store_explicit(&stolen->state, THREAD_RUNNING, memory_order_relaxed);
    self->queue.current = stolen;
    spin_unlock_irq(&self->queue.lock, irq);
    return stolen;
}

void sched_arrive(void)
{
    struct sched_cpu *const self =
        &g_sched_cpu[hal_cpu_id()]; /* not the CPU that the thread left from */
    struct thread *const left = self->leaving;
    const bool is_dead = atomic_load_explicit(&left->state, memory_order_relaxed) == THREAD_DEAD;
    const bool is_moving = left->is_moving;

    left->is_moving = false;

    /* Release: its context is saved, whoever sees this may enter it (2). */
    atomic_store_explicit(&left->on_cpu, false, memory_order_release);
    if (is_dead) {
        thread_bury(left);
    } else if (EXO_UNLIKELY(is_moving)) {
        sched_ready_on(left, sched_select_cpu(left), false);
    }
    sched_nudge(self);
}

static void switch_to(struct sched_cpu *self, struct thread *prev, struct thread *next,
                      uint64_t now)
{
    count_up(&prev->run_cycles, now - self->switched_at);
    count_up(&next->switches, 1);
    count_up(&self->switches, 1);
    sched_latency_record(self, next, now);
    self->switched_at = now;
    self->leaving = prev;
    if (prev == &self->idle) {
        (void)sched_idle_claim(hal_cpu_id()); /* no longer idle, whoever claimed it */
    }
    atomic_store_explicit(&next->on_cpu, true, memory_order_relaxed);
    hal_current_set(next);
    if (atomic_load_explicit(&prev->state, memory_order_relaxed) == THREAD_DEAD) {
        hal_context_leave(&prev->context, &next->context);
    }
    hal_context_switch(&prev->context, &next->context);
    sched_arrive();
}

void sched_switch(void)
{
    const uint32_t here = hal_cpu_id();
    struct sched_cpu *const self = &g_sched_cpu[here];
    struct thread *const prev = hal_current();
    const uint64_t now = hal_cycles();

    KASSERT_DEBUG(!hal_irq_enabled());
    KASSERT_DEBUG(preempt_count() == 0);
    spin_assert_none_held();
    epoch_quiescent();
    struct thread *const next = choose(self, here, prev, now);

    if (next != prev) {
        switch_to(self, prev, next, now);
    }
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
