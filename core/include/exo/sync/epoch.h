/*
 * exo/sync/epoch.h - deferred free: readers without locks, and writers that wait for all of them.
 *
 * A reader brackets its look at shared pointers with epoch_enter() and epoch_exit(); what it saw
 * stays valid in between. A writer unlinks an object so that no new reader finds it, then hands it
 * to epoch_defer(), which frees it once every CPU has passed a quiescent state: a context switch,
 * idle, user mode, or an interrupt taken with the preemption count at zero. A section is nothing
 * but preemption off (so interrupt handlers and holders of spinlocks are readers too), and never
 * blocks.
 *
 * Locks:   RANK_EPOCH inside.  Memory order: docs/memory-order.md.
 */
#ifndef EXO_SYNC_EPOCH_H
#define EXO_SYNC_EPOCH_H

#include <stdatomic.h>

#include "exo/sync/preempt.h"

/* Lives in the object that will be freed. */
struct epoch_node {
    struct epoch_node *next;
    void (*free)(struct epoch_node *node);
};

static inline void epoch_enter(void)
{
    preempt_disable();
}

static inline void epoch_exit(void)
{
    preempt_enable();
}

/* Call free(node) in a thread once all sections that run now have ended.
 * Owns: the node, until free() is called.  Context: any but NMI. */
void epoch_defer(struct epoch_node *node, void (*free)(struct epoch_node *node));

/* Wait until all sections that run now have ended.  Context: thread, may block, not in a section.
 * */
void epoch_synchronize(void);

/* ---- for the scheduler and the user-mode loop ---- */

/* This CPU is in no section now.  Context: interrupts off. */
void epoch_quiescent(void);

extern _Atomic uint64_t g_epoch; /* for the next function only */

/* The same for a caller that keeps, per CPU, the epoch that it last said so in: a load and a
 * comparison as long as no grace period has begun since. */
static inline void epoch_quiescent_since(uint64_t *told)
{
    /* Acquire: as in epoch_quiescent(). */
    const uint64_t epoch = atomic_load_explicit(&g_epoch, memory_order_acquire);

    if (EXO_UNLIKELY(*told != epoch)) {
        *told = epoch;
        epoch_quiescent();
    }
}

/* True if a grace period waits for this CPU: it should switch threads, or go through the motions,
 * at the end of the section that it is in.  Context: interrupts off. */
bool epoch_is_awaited(void);

/* This CPU will be in no section until it leaves again, however long that takes: idle, user mode.
 * An interrupt that arrives meanwhile must leave and may enter again.  Context: interrupts off. */
void epoch_rest_enter(void);
void epoch_rest_leave(void); /* no-op unless at rest */

/* Body of the thread that calls the deferred functions; never returns. */
void epoch_worker(void *unused);

#endif /* EXO_SYNC_EPOCH_H */
