/*
 * ipi.c - interrupts between CPUs, and stopping all others in a panic.
 */
#include <stdatomic.h>

#include "exo/debug/trace.h"
#include "exo/hal.h"
#include "exo/lib/assert.h"

#include "apic.h"
#include "dispatch.h"
#include "percpu.h"

#define STOP_WAIT_NS    100000000ull /* exo/hal.h: 100 ms */
#define STOP_WAIT_TURNS 2000000000u  /* in case the clock stands still */

static _Atomic bool g_stopping;

bool irq_is_stopping(void)
{
    return atomic_load_explicit(&g_stopping, memory_order_acquire);
}

static void resched_interrupt(void *arg)
{
    (void)arg;
    core_on_ipi(HAL_IPI_RESCHED);
}

static void call_interrupt(void *arg)
{
    (void)arg;
    core_on_ipi(HAL_IPI_CALL);
}

/* Leaving user mode was the whole purpose: hal_user_run() looks why. */
static void kick_interrupt(void *arg)
{
    (void)arg;
}

void ipi_init(void)
{
    irq_register(IRQ_VECTOR_RESCHED, resched_interrupt, NULL);
    irq_register(IRQ_VECTOR_CALL, call_interrupt, NULL);
    irq_register(IRQ_VECTOR_KICK, kick_interrupt, NULL);
}

void hal_cpu_send_ipi(uint32_t cpu, enum hal_ipi kind)
{
    KASSERT_DEBUG(cpu < CPUS_MAX);
    KASSERT_DEBUG(g_percpu[cpu] != NULL);
    trace_event(TRACE_IPI_SEND, cpu, kind);
    apic_send_ipi(g_percpu[cpu]->apic_id,
                  kind == HAL_IPI_CALL ? IRQ_VECTOR_CALL : IRQ_VECTOR_RESCHED);
}

/* True while CPU `cpu` is up, another one, and has not halted. */
static bool runs_elsewhere(uint32_t cpu)
{
    const struct percpu *block = g_percpu[cpu];

    return block != NULL && block != percpu_this() &&
           atomic_load_explicit(&block->online, memory_order_acquire) &&
           !atomic_load_explicit(&block->stopped, memory_order_acquire);
}

void hal_cpu_stop_others(void)
{
    const hal_irq_t irq = hal_irq_save();
    const uint64_t start_ns = hal_clock_ns();
    bool any = false;

    atomic_store_explicit(&g_stopping, true, memory_order_release);
    for (uint32_t cpu = 0; cpu < CPUS_MAX; cpu++) {
        if (runs_elsewhere(cpu)) {
            apic_send_nmi(g_percpu[cpu]->apic_id);
        }
    }
    for (uint32_t turn = 0; turn < STOP_WAIT_TURNS; turn++) {
        any = false;
        for (uint32_t cpu = 0; cpu < CPUS_MAX && !any; cpu++) {
            any = runs_elsewhere(cpu);
        }
        if (!any || hal_clock_ns() - start_ns >= STOP_WAIT_NS) {
            break;
        }
        hal_pause();
    }
    hal_irq_restore(irq);
}

/* Nothing between STI and HLT can be interrupted: STI takes effect one instruction later. */
void hal_cpu_idle(void)
{
    __asm__ volatile("sti\n\thlt" : : : "memory");
}

_Noreturn void hal_cpu_halt(void)
{
    for (;;) {
        __asm__ volatile("cli\n\thlt" : : : "memory");
    }
}
