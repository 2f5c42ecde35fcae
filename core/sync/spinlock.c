/*
 * core/sync/spinlock.c - waiting for a ticket, and the checks of debug builds.
 *
 * Invariants (EXO_CONFIG_DEBUG_LOCKS):
 *   (1) g_held[cpu] lists the locks that this CPU holds, whatever thread or interrupt took them: a
 *       holder cannot leave its CPU, because preemption or interrupts are off;
 *   (2) ranks in the list rise strictly from the first to the last taken, but for buckets of
 *       waiters on addresses, which rise by address among themselves;
 *   (3) the list is changed with interrupts off, so an interrupt's own locks come and go in
 *       between.
 */
#include "exo/sync/spinlock.h"

#include "exo/debug/panic.h"
#include "exo/debug/trace.h"

#define HELD_MAX       16u
#define PAUSES_MAX     64u /* spin hints between two looks, at most */
#define LOOKS_TO_YIELD 64u /* looks between two offers to let the host run somebody else */

struct held_locks {
    uint32_t count;
    const struct spinlock *lock[HELD_MAX];
} EXO_ALIGNED(CACHE_LINE);

static struct held_locks g_held[CPUS_MAX]; /* each its own CPU's */

void spin_wait(struct spinlock *lock, uint16_t ticket)
{
    unsigned looks = 0;

    trace_contend(lock, lock->rank, __builtin_return_address(0));
    for (;;) {
        const uint16_t serving = atomic_load_explicit(&lock->serving, memory_order_acquire);
        const uint16_t ahead = (uint16_t)(ticket - serving);

        if (ahead == 0) {
            trace_object(TRACE_CONTEND_END, lock, 0);
            return;
        }
        /* Who is far back looks less often, and leaves the line to those in front. */
        for (unsigned i = 0; i < ahead * 8u && i < PAUSES_MAX; i++) {
            hal_pause();
        }
        looks++;
        if (looks % LOOKS_TO_YIELD == 0) {
            hal_spin_yield(); /* the CPU whose turn it is may wait for the host to run it */
        }
    }
}

static uint16_t lock_owner(const struct spinlock *lock)
{
    return atomic_load_explicit(&lock->owner, memory_order_relaxed);
}

/* May `lock` be taken after `held`? */
static bool in_order(const struct spinlock *held, const struct spinlock *lock)
{
    return held->rank < lock->rank ||
           (held->rank == RANK_WAIT_BUCKET && lock->rank == RANK_WAIT_BUCKET && held < lock);
}

void spin_debug_before(const struct spinlock *lock, bool irq_kind)
{
    if (panic_is_under_way()) {
        return;
    }
    if (irq_kind != (lock->rank >= RANK_IRQ_FIRST)) {
        panic("lock: wrong kind of lock call rank=%u irq_kind=%u", lock->rank, irq_kind);
    }
    const hal_irq_t irq = hal_irq_save();
    const struct held_locks *const held = &g_held[hal_cpu_id()];

    if (!irq_kind && hal_percpu()->irq_depth != 0) {
        panic("lock: thread-kind lock in an interrupt rank=%u", lock->rank);
    }
    if (held->count > 0 && !in_order(held->lock[held->count - 1], lock)) {
        panic("lock: order broken, rank=%u taken while rank=%u is held", lock->rank,
              held->lock[held->count - 1]->rank);
    }
    hal_irq_restore(irq);
}

void spin_debug_acquired(struct spinlock *lock)
{
    const hal_irq_t irq = hal_irq_save();
    const uint32_t cpu = hal_cpu_id();
    struct held_locks *const held = &g_held[cpu];

    if (held->count == HELD_MAX) {
        panic("lock: more than %u locks held", HELD_MAX);
    }
    held->lock[held->count++] = lock;
    atomic_store_explicit(&lock->owner, (uint16_t)(cpu + 1), memory_order_relaxed);
    hal_irq_restore(irq);
}

void spin_debug_release(struct spinlock *lock)
{
    const hal_irq_t irq = hal_irq_save();
    const uint32_t cpu = hal_cpu_id();
    struct held_locks *const held = &g_held[cpu];

    if (lock_owner(lock) != cpu + 1) {
        if (panic_is_under_way()) {
            hal_irq_restore(irq);
            return;
        }
        panic("lock: released by cpu=%u, held by cpu=%d rank=%u", cpu, (int)lock_owner(lock) - 1,
              lock->rank);
    }
    uint32_t at = held->count - 1;

    /* Mostly the last one; taken out of the middle if locks are released in another order. */
    while (held->lock[at] != lock) {
        at--;
    }
    for (; at + 1 < held->count; at++) {
        held->lock[at] = held->lock[at + 1];
    }
    held->count--;
    atomic_store_explicit(&lock->owner, 0, memory_order_relaxed);
    hal_irq_restore(irq);
}

void spin_assert_held(const struct spinlock *lock)
{
    if (EXO_CONFIG_DEBUG_LOCKS && lock_owner(lock) != hal_cpu_id() + 1 && !panic_is_under_way()) {
        panic("lock: not held by this CPU rank=%u", lock->rank);
    }
}

void spin_assert_none_held(void)
{
    if (EXO_CONFIG_DEBUG_LOCKS && g_held[hal_cpu_id()].count != 0 && !panic_is_under_way()) {
        panic("lock: %u held where none may be, last rank=%u", g_held[hal_cpu_id()].count,
              g_held[hal_cpu_id()].lock[g_held[hal_cpu_id()].count - 1]->rank);
    }
}

void spin_test_release_all(void)
{
    struct held_locks *const held = &g_held[hal_cpu_id()];

    for (; held->count > 0; held->count--) {
        /* The list is of constant locks because checking changes none; these were taken by address.
         * */
        struct spinlock *const lock = (struct spinlock *)(uintptr_t)held->lock[held->count - 1];
        const uint16_t serving = atomic_load_explicit(&lock->serving, memory_order_relaxed);

        atomic_store_explicit(&lock->owner, 0, memory_order_relaxed);
        atomic_store_explicit(&lock->serving, (uint16_t)(serving + 1), memory_order_release);
    }
}
