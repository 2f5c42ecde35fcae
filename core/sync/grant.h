/*
 * grant.h - waiting until a waker takes one's entry out of the queue: who hands something over
 * (a mutex, a count, a signal) does it under the queue's lock, and the entry's leaving says so.
 *
 * Whoever waits takes the lock once more before it goes, so a waker's last look at the queue comes
 * before the waiter's return.
 */
#ifndef EXO_SYNC_GRANT_H
#define EXO_SYNC_GRANT_H

#include "exo/sync/wait.h"

#define WAKE_BATCH 16u /* wake-ups per time that a queue's lock is held */

/* Queue the calling thread. */
static inline void grant_enqueue_locked(struct wait_queue *queue, struct wait_entry *entry)
{
    spin_assert_held(&queue->lock);
    entry->thread = hal_current();
    list_add_tail(&queue->waiters, &entry->node);
}

/* Take `node` out and wake its thread: what it waits for is granted. */
static inline void grant_node_locked(struct wait_queue *queue, struct list_node *node)
{
    spin_assert_held(&queue->lock);
    list_remove(node);
    sync_unpark(container_of(node, struct wait_entry, node)->thread);
}

/* Grant to the first `max` waiters; returns to how many. */
static inline uint32_t grant_first_locked(struct wait_queue *queue, uint32_t max)
{
    uint32_t count = 0;

    while (count < max && !list_is_empty(&queue->waiters)) {
        grant_node_locked(queue, queue->waiters.next);
        count++;
    }
    return count;
}

/* Sleep until `entry` is granted, or else the deadline or an interruption (only if may_fail) ends
 * the wait: then the entry is out all the same. A grant wins over both.
 * Locks:  returns with queue->lock held, *irq to be given to its unlock.
 * Errors: EXO_ERR_TIMED_OUT, EXO_ERR_INTERRUPTED. */
EXO_MUST_CHECK exo_status_t grant_wait(struct wait_queue *queue, struct wait_entry *entry,
                                       uint64_t deadline_ns, bool may_fail, hal_irq_t *irq);

#endif /* EXO_SYNC_GRANT_H */
