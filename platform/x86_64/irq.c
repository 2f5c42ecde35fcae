/*
 * irq.c - the table of interrupt handlers.
 *
 * Invariant (1): an entry is written once, before its source is unmasked, and constant afterwards;
 * so dispatching takes no lock.
 */
#include "irq.h"

#include <stdatomic.h>

#include "exo/debug/panic.h"
#include "exo/hal.h"
#include "exo/lib/assert.h"
#include "exo/sync/spinlock.h"

#include "platform/common/leaf.h"

#include "apic.h"
#include "dispatch.h"
#include "percpu.h"
#include "trap.h"

struct irq_entry {
    _Atomic(irq_handler_t) handler; /* published by release, after arg */
    void *arg;
};

static struct irq_entry g_entry[IRQ_VECTOR_COUNT];
static struct spinlock g_lock = SPINLOCK_INIT(RANK_PLATFORM);
static uint32_t g_next_free = IRQ_VECTOR_FREE; /* guarded by g_lock */
static _Atomic uint64_t g_spurious;

void irq_register(uint32_t vector, irq_handler_t handler, void *arg)
{
    KASSERT(vector >= TRAP_EXCEPTIONS && vector < IRQ_VECTOR_COUNT);
    spin_lock(&g_lock);
    struct irq_entry *entry = &g_entry[vector];
    const bool taken = atomic_load_explicit(&entry->handler, memory_order_relaxed) != NULL;

    if (!taken) {
        entry->arg = arg;
        atomic_store_explicit(&entry->handler, handler, memory_order_release);
    }
    spin_unlock(&g_lock);
    if (taken) {
        panic("interrupt vector 0x%x has a handler already", vector);
    }
}

uint32_t irq_vector_alloc(void)
{
    uint32_t vector = 0;

    spin_lock(&g_lock);
    if (g_next_free < IRQ_VECTOR_FREE_END) {
        vector = g_next_free++;
    }
    spin_unlock(&g_lock);
    return vector;
}

uint64_t irq_spurious_count(void)
{
    return atomic_load_explicit(&g_spurious, memory_order_relaxed);
}

/* The 8259's lines never reach the local APIC as vectors of its own, and its spurious vector must
 * not be acknowledged. */
static bool needs_eoi(uint32_t vector)
{
    return vector >= IRQ_VECTOR_LINE && vector != IRQ_VECTOR_SPURIOUS;
}

bool hal_irq_interrupted(struct hal_interrupted *out)
{
    const struct percpu *const cpu = percpu_this();

    if (cpu->irq_pc == 0) {
        return false;
    }
    out->pc = cpu->irq_pc;
    out->frame = cpu->irq_frame;
    out->caller = leaf_caller(cpu->irq_pc, cpu->irq_stack);
    return true;
}

void irq_dispatch(uint32_t vector)
{
    const struct irq_entry *entry = &g_entry[vector];
    const irq_handler_t handler = atomic_load_explicit(&entry->handler, memory_order_acquire);

    core_irq_enter();
    if (handler != NULL) {
        handler(entry->arg);
    } else {
        atomic_fetch_add_explicit(&g_spurious, 1, memory_order_relaxed);
    }
    if (needs_eoi(vector)) {
        apic_eoi();
    }
    core_irq_exit();
}
