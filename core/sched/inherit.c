/*
 * core/sched/inherit.c - raising who holds a lock to the level of who waits for it.
 *
 * Invariants while g_lock is free:
 *   (1) a thread that waits has its donor in the heap of the lock that the donor names, and
 *       `donates` names the donor; any other thread's `donates` is NULL;
 *   (2) a lock is in its holder's `held` list exactly while it has donors, and its donors are
 *       threads other than its holder;
 *   (3) a thread's level is the most urgent of its own and those of the first donors of the locks
 *       in its `held` list; the same goes for the deadline, if that level is LEVEL_DEADLINE and the
 *       thread has no budget of its own;
 *   (4) a donor's level is that of its thread.
 * A change costs a walk along the chain of holders, as long as threads hold one lock while they
 * wait for the next, and at each of them a look at the locks that it holds and others wait for.
 */
#include "exo/sync/inherit.h"

#include "exo/lib/assert.h"

#include "sched_private.h"

static struct spinlock g_lock = SPINLOCK_INIT(RANK_INHERIT);

bool sched_inherit_before(const struct pheap_node *a, const struct pheap_node *b)
{
    const struct inherit_donor *const first = container_of(a, struct inherit_donor, node);
    const struct inherit_donor *const second = container_of(b, struct inherit_donor, node);

    if (first->level != second->level) {
        return first->level < second->level;
    }
    if (first->level == LEVEL_DEADLINE && first->deadline_ns != second->deadline_ns) {
        return first->deadline_ns < second->deadline_ns;
    }
    return first->arrival < second->arrival;
}

/* The most urgent that waits for it; there is one. */
static struct inherit_donor *first_donor(const struct inherit *lock)
{
    return container_of(pheap_least(&lock->donors), struct inherit_donor, node);
}

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
    struct urgency most = { .level = atomic_load_explicit(&thread->own_level, memory_order_relaxed),
                            .deadline_ns = UINT64_MAX };

    spin_assert_held(&g_lock);
    LIST_FOR_EACH(held, &thread->held)
    {
        const struct inherit *const lock = container_of(held, struct inherit, held_node);
        const struct inherit_donor *const first = first_donor(lock);

        most.level = first->level < most.level ? first->level : most.level;
        if (first->level == LEVEL_DEADLINE) {
            most.deadline_ns = min_u64(most.deadline_ns, first->deadline_ns);
        }
    }
    return most;
}

/* Give the thread's donor its present level, and its place by that; returns whom it raises. */
static struct thread *donate_anew_locked(struct thread *thread)
{
    struct inherit_donor *const donor = thread->donates;

    spin_assert_held(&g_lock);
    if (donor == NULL) {
        return NULL;
    }
    pheap_remove(&donor->lock->donors, &donor->node);
    donor->level = level_of(thread);
    donor->deadline_ns = thread->budget.deadline_ns;
    pheap_add(&donor->lock->donors, &donor->node);
    return donor->lock->holder;
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
        thread = donate_anew_locked(thread);
    }
}

/* The lock is `holder`'s now, with its donors. */
static void hold_locked(struct inherit *lock, struct thread *holder)
{
    struct thread *const before = lock->holder;

    spin_assert_held(&g_lock);
    list_remove(&lock->held_node);
    lock->holder = pheap_least(&lock->donors) == NULL ? NULL : holder;
    if (lock->holder != NULL) {
        list_add_tail(&holder->held, &lock->held_node);
    }
    if (before != lock->holder) {
        update_locked(before);
    }
    update_locked(lock->holder);
}

/* It waits no longer. */
static void donor_remove_locked(struct inherit_donor *donor)
{
    spin_assert_held(&g_lock);
    pheap_remove(&donor->lock->donors, &donor->node);
    donor->thread->donates = NULL;
    donor->lock = NULL;
}

void sched_inherit_init(struct inherit *lock)
{
    *lock = (struct inherit)INHERIT_INIT(*lock);
}

void sched_inherit(struct inherit *lock, struct inherit_donor *donor, struct thread *holder)
{
    struct thread *const self = hal_current();
    const hal_irq_t irq = spin_lock_irq(&g_lock);

    KASSERT(self->donates == NULL && holder != self);
    self->donates = donor;
    *donor = (struct inherit_donor){ .thread = self,
                                     .lock = lock,
                                     .deadline_ns = self->budget.deadline_ns,
                                     .arrival = lock->arrivals++,
                                     .level = level_of(self) };
    pheap_add(&lock->donors, &donor->node);
    hold_locked(lock, holder);
    spin_unlock_irq(&g_lock, irq);
}

void sched_inherit_end(struct inherit_donor *donor)
{
    const hal_irq_t irq = spin_lock_irq(&g_lock);
    struct inherit *const lock = donor->lock;

    if (lock != NULL) {
        donor_remove_locked(donor);
        hold_locked(lock, lock->holder);
    }
    spin_unlock_irq(&g_lock, irq);
}

struct inherit_donor *sched_inherit_pass(struct inherit *lock)
{
    const hal_irq_t irq = spin_lock_irq(&g_lock);
    struct inherit_donor *first = NULL;

    if (pheap_least(&lock->donors) != NULL) {
        first = first_donor(lock);
        donor_remove_locked(first);
        hold_locked(lock, first->thread);
    }
    spin_unlock_irq(&g_lock, irq);
    return first;
}

void sched_own_level_set(struct thread *thread, uint8_t level)
{
    const hal_irq_t irq = spin_lock_irq(&g_lock);

    atomic_store_explicit(&thread->own_level, level, memory_order_relaxed);
    update_locked(thread);
    spin_unlock_irq(&g_lock, irq);
}
