/*
 * core/sched/tick.c - the timer interrupt that ends slices, armed only while threads wait.
 *
 * Invariant: a CPU whose queue has threads that wait beside a running one has its tick armed or an
 * interrupt on its way (`kicked`); one with none has no tick: it is tickless.
 */
#include "sched_private.h"

#define BALANCE_TICKS 16u /* between two looks for a CPU with less to do */

void sched_tick_arm(struct sched_cpu *self)
{
    timer_arm(&self->tick, clock_deadline_ns(g_sched_policy->tick_ns));
}

/* The tick, on its own CPU in its interrupt. */
void sched_on_tick(struct timer *timer)
{
    struct sched_cpu *const self = container_of(timer, struct sched_cpu, tick);
    const uint64_t now = hal_cycles();
    const uint64_t ran_ns = clock_cycles_to_ns(now - self->switched_at);
    const hal_irq_t irq = spin_lock_irq(&self->queue.lock);

    sched_charge_current_locked(self, now);
    const bool is_over = self->queue.current == &self->idle
                             ? self->queue.count > 0
                             : g_sched_policy->on_tick(&self->queue, ran_ns);

    self->queue.tick_armed = false;
    const bool again = sched_tick_claim_locked(&self->queue);

    spin_unlock_irq(&self->queue.lock, irq);
    count_up(&self->ticks, 1);
    sched_overdue(self);
    if (atomic_load_explicit(&self->ticks, memory_order_relaxed) % BALANCE_TICKS == 0) {
        sched_balance(self);
    }
    if (is_over) {
        hal_resched_set();
    }
    if (again) {
        sched_tick_arm(self);
    }
}
