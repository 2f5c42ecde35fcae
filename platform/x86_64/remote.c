/*
 * remote.c - calls across CPUs, one at a time.
 *
 * Invariant (1): while g_lock is held g_call is constant, and a CPU whose bit is set in `pending`
 * has not yet run it. The bits are set by release before the interrupts are sent and cleared by
 * release after the function has run, so both sides see what the other did before.
 */
#include "remote.h"

#include <stdatomic.h>

#include "exo/hal.h"
#include "exo/lib/assert.h"
#include "exo/sync/spinlock.h"

#include "apic.h"
#include "dispatch.h"
#include "percpu.h"

static struct spinlock g_lock = SPINLOCK_INIT(RANK_PLATFORM);

static struct {
    void (*function)(void *arg);
    void *arg;
    _Atomic uint64_t pending;
} g_call;

static void remote_interrupt(void *arg)
{
    const uint64_t self = 1ull << hal_cpu_id();

    (void)arg;
    if ((atomic_load_explicit(&g_call.pending, memory_order_acquire) & self) != 0) {
        g_call.function(g_call.arg);
        atomic_fetch_and_explicit(&g_call.pending, ~self, memory_order_release);
    }
}

void remote_init(void)
{
    irq_register(IRQ_VECTOR_REMOTE, remote_interrupt, NULL);
}

static void call_here(void (*function)(void *arg), void *arg)
{
    const hal_irq_t irq = hal_irq_save();

    function(arg);
    hal_irq_restore(irq);
}

static uint64_t online_mask(void)
{
    uint64_t mask = 0;

    for (uint32_t cpu = 0; cpu < CPUS_MAX; cpu++) {
        if (g_percpu[cpu] != NULL &&
            atomic_load_explicit(&g_percpu[cpu]->online, memory_order_acquire)) {
            mask |= 1ull << cpu;
        }
    }
    return mask;
}

void remote_call(uint64_t cpus, void (*function)(void *arg), void *arg)
{
    preempt_disable();
    const uint64_t self = 1ull << hal_cpu_id();
    const uint64_t others = cpus & online_mask() & ~self;

    if (others != 0) {
        KASSERT(hal_irq_enabled());
        spin_lock(&g_lock);
        g_call.function = function;
        g_call.arg = arg;
        atomic_store_explicit(&g_call.pending, others, memory_order_release);
        for (uint32_t cpu = 0; cpu < CPUS_MAX; cpu++) {
            if ((others >> cpu & 1) != 0) {
                apic_send_ipi(g_percpu[cpu]->apic_id, IRQ_VECTOR_REMOTE);
            }
        }
    }
    if ((cpus & self) != 0) {
        call_here(function, arg);
    }
    if (others != 0) {
        while (atomic_load_explicit(&g_call.pending, memory_order_acquire) != 0) {
            hal_pause();
        }
        spin_unlock(&g_lock);
    }
    preempt_enable();
}
