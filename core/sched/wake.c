/*
 * core/sched/wake.c - threads that become ready, and what the CPU that they wait for is told.
 *
 * Invariants:
 *   (1) BLOCKED is left by the one waker that replaced PARK_PARKED, and by nobody else;
 *   (2) a thread becomes READY under the lock of the queue that it enters, so sched_switch(),
 *       holding it, sees whether a blocking thread was woken already;
 *   (3) whoever changes a thread's level stores it, then finds its queue by thread->cpu; whoever
 *       moves a ready thread stores thread->cpu, then reads the level: one of them sees the other.
 */
#include "sched_private.h"
#include "sched_trace.h"

/* What the CPU of `queue` must be told of `thread`, just queued. */
enum wake_action sched_wake_action_locked(struct sched_cpu *target, const struct thread *thread,
                                          bool is_here)
{
    struct run_queue *const queue = &target->queue;
    const bool urgent = queue->current == &target->idle || g_sched_policy->preempts(queue, thread);

    if (!entity_queued(&thread->entity)) {
        return WAKE_NOTHING; /* a deadline thread whose budget is spent */
    }

    if (is_here) {
        if (urgent) {
            return WAKE_RESCHED;
        }
        return sched_tick_claim_locked(queue) ? WAKE_TICK : WAKE_NOTHING;
    }
    if (queue->kicked || (!urgent && queue->tick_armed)) {
        queue->look_again = queue->look_again || urgent;
        return WAKE_NOTHING;
    }
    queue->kicked = true;
    queue->look_again = queue->look_again || urgent;
    return WAKE_KICK;
}

/* Tell the CPU what sched_wake_action_locked() found, with its queue unlocked. */
void sched_wake_act(struct sched_cpu *target, uint32_t cpu, enum wake_action action)
{
    switch (action) {
    case WAKE_NOTHING:
        break;
    case WAKE_RESCHED:
        hal_resched_set();
        break;
    case WAKE_TICK:
        sched_tick_arm(target);
        break;
    case WAKE_KICK:
        hal_cpu_send_ipi(cpu, HAL_IPI_RESCHED);
        break;
    }
}

/* Queue it there. Interrupts are off. */
void sched_ready_on(struct thread *thread, uint32_t cpu, bool is_woken)
{
    struct sched_cpu *const target = &g_sched_cpu[cpu];
    const uint64_t now = hal_cycles();
    const uint32_t before = atomic_load_explicit(&thread->cpu, memory_order_relaxed);

    if (before != cpu) {
        /* Before the level is read, in the one order that sched_change() is in too (3). */
        atomic_store_explicit(&thread->cpu, cpu, memory_order_seq_cst);
    }
    const hal_irq_t irq = spin_lock_irq(&target->queue.lock);

    atomic_store_explicit(&thread->state, THREAD_READY, memory_order_relaxed);
    if (is_woken) {
        atomic_store_explicit(&thread->ready_at, now, memory_order_relaxed);
    }
    sched_charge_current_locked(target, now);
    g_sched_policy->enqueue(&target->queue, thread, is_woken);
    sched_trace_ready(thread, before, cpu, is_woken);
    const bool is_refilled_later = !entity_queued(&thread->entity);
    const enum wake_action action = sched_wake_action_locked(target, thread, cpu == hal_cpu_id());
    const uint64_t refill_ns = thread->budget.period_end_ns;

    spin_unlock_irq(&target->queue.lock, irq); /* from here on `thread` may be gone */
    if (is_refilled_later) {
        timer_arm(&thread->budget.refill, refill_ns); /* it cannot run, so it is not gone */
    }
    sched_wake_act(target, cpu, action);
}

void sched_make_ready(struct thread *thread)
{
    const hal_irq_t outer = hal_irq_save();

    sched_ready_on(thread, sched_select_cpu(thread), true);
    hal_irq_restore(outer);
    preempt_check();
}

void sched_change(struct thread *thread, void (*change)(struct thread *thread, uint64_t value),
                  uint64_t value)
{
    const hal_irq_t outer = hal_irq_save();

    bool moves = false;

    for (bool done = false; !done;) {
        const uint32_t cpu = atomic_load_explicit(&thread->cpu, memory_order_relaxed);
        struct sched_cpu *const target = &g_sched_cpu[cpu];
        struct run_queue *const queue = &target->queue;
        enum wake_action action = WAKE_NOTHING;
        const hal_irq_t irq = spin_lock_irq(&queue->lock);

        done = atomic_load_explicit(&thread->cpu, memory_order_relaxed) == cpu;
        if (done && entity_is_in(&thread->entity, queue)) {
            g_sched_policy->dequeue(queue, thread);
            change(thread, value);
            moves = !thread_allows(thread, cpu);
            if (!moves) {
                g_sched_policy->enqueue(queue, thread, false);
                action = sched_wake_action_locked(target, thread, cpu == hal_cpu_id());
            }
        } else if (done) {
            change(thread, value);
            if (queue->current == thread) {
                action = cpu == hal_cpu_id() ? WAKE_RESCHED : WAKE_KICK; /* or elsewhere */
                queue->look_again = true;
            }
            /* Blocked, and perhaps being woken on another CPU. seq_cst: with the store in
             * sched_ready_on(), so that either it sees the change, or we its new CPU and go there
             * to queue the thread anew (3). */
            atomic_thread_fence(memory_order_seq_cst);
            done = atomic_load_explicit(&thread->cpu, memory_order_seq_cst) == cpu;
        }
        spin_unlock_irq(&queue->lock, irq);
        sched_wake_act(target, cpu, action);
    }
    if (moves) {
        sched_ready_on(thread, sched_select_cpu(thread), false); /* it is in no queue: ours */
    }
    hal_irq_restore(outer);
    preempt_check();
}

void sched_on_resched(void)
{
    struct sched_cpu *const self = &g_sched_cpu[hal_cpu_id()];
    const hal_irq_t irq = spin_lock_irq(&self->queue.lock);
    const bool is_idle = self->queue.current == &self->idle;

    const bool look = self->queue.look_again;

    self->queue.kicked = false;
    self->queue.look_again = false;
    const bool tick = !is_idle && sched_tick_claim_locked(&self->queue);

    spin_unlock_irq(&self->queue.lock, irq);
    if (is_idle || look) {
        hal_resched_set(); /* for its own queue, or for a thread of another CPU's (nudge) */
    }
    if (tick) {
        sched_tick_arm(self);
    }
}
