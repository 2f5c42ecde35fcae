/*
 * core/sched/inherit.c - raising who holds a lock to the level of who waits for it.
 *
 * Invariants while g_lock is free:
 *   (1) a thread is in waits_for->donors exactly while waits_for is not NULL;
 *   (2) a lock is in its holder's `held` list exactly while it has donors and a holder;
 *   (3) a thread's level is the most urgent of its own and those of the donors of the locks in its
 *       `held` list; the same goes for the deadline, if that level is LEVEL_DEADLINE and the
 *       thread has no budget of its own.
 */
#include "exo/sync/inherit.h"

#include "exo/lib/assert.h"

#include "sched_private.h"

static struct spinlock g_lock = SPINLOCK_INIT(RANK_INHERIT);

/* A level and, for LEVEL_DEADLINE, a deadline. */
struct urgency {
    uint8_t level;
    uint64_t deadline_ns;
};

static void change_level(struct thread *thread, uint64_t level)
{
    atomic_store_explicit(&thread->entity.level, (uint8_t)level, memory_order_seq_cst);
}

static void change_deadline(struct thread *thread, uint64_t deadline_ns)
{
    thread->budget.deadline_ns = deadline_ns;
}

static uint8_t level_of(const struct thread *thread)
{
    return atomic_load_explicit(&thread->entity.level, memory_order_relaxed);
}

/* What the thread ought to have by (3). */
static struct urgency urgency_of_locked(const struct thread *thread)
{
    struct urgency most = { .level = thread->own_level, .deadline_ns = UINT64_MAX };

    spin_assert_held(&g_lock);
    LIST_FOR_EACH(held, &thread->held)
    {
        const struct inherit *const lock = container_of(held, struct inherit, held_node);

        LIST_FOR_EACH(node, &lock->donors)
        {
            const struct thread *const donor = container_of(node, struct thread, donor_node);

            most.level = level_of(donor) < most.level ? level_of(donor) : most.level;
            if (level_of(donor) == LEVEL_DEADLINE) {
                most.deadline_ns = min_u64(most.deadline_ns, donor->budget.deadline_ns);
            }
        }
    }
    return most;
}

/* Make (3) true for the thread, and for all whom it raises in turn. A ring of waiters, which is a
 * deadlock, ends too: their levels settle. */
static void update_locked(struct thread *thread)
{
    spin_assert_held(&g_lock);
    while (thread != NULL) {
        const struct urgency urgency = urgency_of_locked(thread);
        const bool later = urgency.level == LEVEL_DEADLINE && thread->budget.runtime_ns == 0 &&
                           thread->budget.deadline_ns != urgency.deadline_ns;

        if (urgency.level == level_of(thread) && !later) {
            return;
        }
        if (later) {
            sched_change(thread, change_deadline, urgency.deadline_ns);
        }
        sched_change(thread, change_level, urgency.level);
        thread = thread->waits_for != NULL ? thread->waits_for->holder : NULL;
    }
}

/* Move the lock, with its donors, from one holder to another. */
static void hold_locked(struct inherit *lock, struct thread *holder)
{
    struct thread *const before = lock->holder;

    spin_assert_held(&g_lock);
    list_remove(&lock->held_node);
    lock->holder = holder;
    if (holder != NULL && !list_is_empty(&lock->donors)) {
        list_add_tail(&holder->held, &lock->held_node);
    }
    if (before != NULL && before != holder) {
        update_locked(before);
    }
    update_locked(holder);
}

void sched_inherit_init(struct inherit *lock)
{
    list_init(&lock->donors);
    list_init(&lock->held_node);
    lock->holder = NULL;
}

void sched_inherit(struct inherit *lock, struct thread *holder)
{
    struct thread *const self = hal_current();
    const hal_irq_t irq = spin_lock_irq(&g_lock);

    KASSERT(self->waits_for == NULL || self->waits_for == lock);
    if (self->waits_for == NULL) {
        self->waits_for = lock;
        list_add_tail(&lock->donors, &self->donor_node);
    }
    hold_locked(lock, holder);
    spin_unlock_irq(&g_lock, irq);
}

void sched_inherit_end(struct inherit *lock)
{
    struct thread *const self = hal_current();
    const hal_irq_t irq = spin_lock_irq(&g_lock);

    if (self->waits_for == lock) {
        self->waits_for = NULL;
        list_remove(&self->donor_node);
        hold_locked(lock, list_is_empty(&lock->donors) ? NULL : lock->holder);
    }
    spin_unlock_irq(&g_lock, irq);
}

void sched_inherit_move(struct inherit *lock, struct thread *next)
{
    const hal_irq_t irq = spin_lock_irq(&g_lock);

    hold_locked(lock, list_is_empty(&lock->donors) ? NULL : next);
    spin_unlock_irq(&g_lock, irq);
}

void sched_own_level_set(struct thread *thread, uint8_t level)
{
    const hal_irq_t irq = spin_lock_irq(&g_lock);

    thread->own_level = level;
    update_locked(thread);
    spin_unlock_irq(&g_lock, irq);
}
