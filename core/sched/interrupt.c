/*
 * core/sched/interrupt.c - the core's side of every hard interrupt, and of user mode.
 *
 * Invariants:
 *   (1) enter and exit pair on one CPU; between them the preemption count is above zero, so nothing
 *       in between switches threads;
 *   (2) an interrupt handler is a reader of the epoch scheme: a CPU at rest leaves its rest on
 *       entry, and goes back at the end if the thread that it returns to is at rest;
 *   (3) the end of an interrupt that struck with a count of zero is a quiescent state.
 */
#include "exo/debug/trace.h"
#include "exo/hal.h"
#include "exo/lib/assert.h"

#include "sched_private.h"

void core_irq_enter(void)
{
    trace_event(TRACE_IRQ_ENTER, 0, 0);
    hal_preempt_inc();
    if (hal_percpu()->irq_depth++ == 0) {
        epoch_rest_leave();
    }
}

void core_irq_exit(void)
{
    KASSERT_DEBUG(hal_percpu()->irq_depth > 0);
    trace_event(TRACE_IRQ_EXIT, 0, 0);
    hal_percpu()->irq_depth--;
    if (hal_preempt_dec()) {
        while (hal_preempt_word() == 0) {
            sched_switch(); /* may come back on another CPU */
        }
    } else if (preempt_count() == 0) {
        epoch_quiescent();
    }
    if (hal_percpu()->irq_depth == 0 && hal_current()->at_rest) {
        epoch_rest_enter();
    }
}

void core_on_timer(void)
{
    timer_on_interrupt();
}

void core_on_ipi(enum hal_ipi kind)
{
    trace_event(TRACE_IPI, kind, 0);
    if (kind == HAL_IPI_RESCHED) {
        sched_on_resched();
        return;
    }
    sched_fence_on_call();
    if (epoch_is_awaited()) {
        hal_resched_set(); /* a loop of sections is hardly ever caught between two of them */
    }
}

void sched_user_enter(void)
{
    const hal_irq_t irq = hal_irq_save();

    hal_current()->at_rest = true;
    epoch_rest_enter();
    hal_irq_restore(irq);
}

void sched_user_leave(void)
{
    const hal_irq_t irq = hal_irq_save();

    hal_current()->at_rest = false;
    epoch_rest_leave();
    hal_irq_restore(irq);
}
