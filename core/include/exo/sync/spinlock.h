/*
 * exo/sync/spinlock.h - ticket spinlocks, in two kinds that a lock's rank decides.
 *
 * Thread kind (rank < RANK_IRQ_FIRST): spin_lock(), preemption off while held. Interrupt-saving
 * kind: spin_lock_irq(), interrupts off while held. Fair: waiters go in order of arrival.
 * Memory order: lock acquires, unlock releases. Both kinds of unlock are preemption points.
 */
#ifndef EXO_SYNC_SPINLOCK_H
#define EXO_SYNC_SPINLOCK_H

#include <stdatomic.h>

#include "exo/config.h"
#include "exo/hal.h"
#include "exo/sync/preempt.h"
#include "exo/sync/rank.h"

struct spinlock {
    _Atomic uint16_t next;    /* next ticket to give */
    _Atomic uint16_t serving; /* ticket that holds the lock */
    uint16_t rank;            /* [c] enum lock_rank */
    _Atomic uint16_t owner;   /* debug: cpu + 1 of the holder, 0 when free */
};

#define SPINLOCK_INIT(lock_rank)                                                                   \
    {                                                                                              \
        .rank = (lock_rank)                                                                        \
    }

static inline void spin_init(struct spinlock *lock, enum lock_rank rank)
{
    *lock = (struct spinlock){ .rank = (uint16_t)rank };
}

/* Out of line, debug builds: check and record the rank, the owner. */
void spin_debug_before(const struct spinlock *lock, bool irq_kind);
void spin_debug_acquired(struct spinlock *lock);
void spin_debug_release(struct spinlock *lock);

/* Wait for `ticket` to be served; the slow path of a contended lock. */
void spin_wait(struct spinlock *lock, uint16_t ticket);

static inline void spin_take(struct spinlock *lock, bool irq_kind)
{
    if (EXO_CONFIG_DEBUG_LOCKS) {
        spin_debug_before(lock, irq_kind);
    }
    const uint16_t ticket = atomic_fetch_add_explicit(&lock->next, 1, memory_order_relaxed);

    if (EXO_UNLIKELY(atomic_load_explicit(&lock->serving, memory_order_acquire) != ticket)) {
        spin_wait(lock, ticket);
    }
    if (EXO_CONFIG_DEBUG_LOCKS) {
        spin_debug_acquired(lock);
    }
}

static inline void spin_give(struct spinlock *lock)
{
    if (EXO_CONFIG_DEBUG_LOCKS) {
        spin_debug_release(lock);
    }
    const uint16_t serving = atomic_load_explicit(&lock->serving, memory_order_relaxed);

    atomic_store_explicit(&lock->serving, (uint16_t)(serving + 1), memory_order_release);
}

static inline void spin_lock(struct spinlock *lock)
{
    preempt_disable();
    spin_take(lock, false);
}

static inline void spin_unlock(struct spinlock *lock)
{
    spin_give(lock);
    preempt_enable();
}

static inline hal_irq_t spin_lock_irq(struct spinlock *lock)
{
    const hal_irq_t irq = hal_irq_save();

    spin_take(lock, true);
    return irq;
}

static inline void spin_unlock_irq(struct spinlock *lock, hal_irq_t irq)
{
    spin_give(lock);
    hal_irq_restore(irq);
    preempt_check();
}

/* Panic in debug builds unless this CPU holds `lock`. */
void spin_assert_held(const struct spinlock *lock);

/* Test builds with lock checks: release every lock that this CPU holds, because a test has caught
 * the panic of their holder, which never runs again.  Context: interrupts off. */
void spin_test_release_all(void);

/* Panic in debug builds if this CPU holds any lock.  Context: interrupts off. */
void spin_assert_none_held(void);

#endif /* EXO_SYNC_SPINLOCK_H */
