/*
 * core/sync/wait.c - wait queues and completions.
 *
 * Invariants while queue->lock is free:
 *   (1) an entry is linked exactly while its owner waits and no wake-up has chosen it;
 *   (2) an entry's thread is alive: it leaves only through wait_finish(), which takes the lock, and
 *       wakers unpark it under the lock.
 * Completion:
 *   (3) done is set under the lock, and nobody queues once it is; completing wakes the first batch,
 *       and each waiter that leaves wakes the next: so the completer holds the lock once, for a
 *       bounded time, and its last look at the completion comes before any waiter returns.
 */
#include "exo/sync/wait.h"

#include "exo/debug/panic.h"

#include "grant.h"

void wait_queue_init(struct wait_queue *queue)
{
    spin_init(&queue->lock, RANK_WAIT_QUEUE);
    list_init(&queue->waiters);
}

void wait_queue_fini(struct wait_queue *queue)
{
    const hal_irq_t irq = spin_lock_irq(&queue->lock);
    const bool is_empty = list_is_empty(&queue->waiters);

    spin_unlock_irq(&queue->lock, irq);
    if (!is_empty) {
        panic("wait: a queue goes, but somebody waits in it");
    }
}

void wait_prepare(struct wait_queue *queue, struct wait_entry *entry)
{
    const hal_irq_t irq = spin_lock_irq(&queue->lock);

    if (!list_is_linked(&entry->node)) {
        list_add_tail(&queue->waiters, &entry->node);
    }
    spin_unlock_irq(&queue->lock, irq);
}

void wait_finish(struct wait_queue *queue, struct wait_entry *entry)
{
    const hal_irq_t irq = spin_lock_irq(&queue->lock);

    list_remove(&entry->node);
    spin_unlock_irq(&queue->lock, irq);
}

/* Wake the first of `waiters`, a list that queue->lock guards; false if there is none. */
static bool wake_first_locked(struct wait_queue *queue, struct list_node *waiters)
{
    spin_assert_held(&queue->lock);
    struct list_node *const node = list_pop_head(waiters);

    if (node == NULL) {
        return false;
    }
    sync_unpark(container_of(node, struct wait_entry, node)->thread);
    return true;
}

void wait_wake_one(struct wait_queue *queue)
{
    const hal_irq_t irq = spin_lock_irq(&queue->lock);

    (void)wake_first_locked(queue, &queue->waiters);
    spin_unlock_irq(&queue->lock, irq);
}

/* All that wait now move to a list of our own, still under the lock, so that who waits anew
 * meanwhile is left alone and the lock is free between batches. A waiter that gives up leaves
 * either list alike. */
void wait_wake_all(struct wait_queue *queue)
{
    struct list_node chosen = LIST_INIT(chosen);
    hal_irq_t irq = spin_lock_irq(&queue->lock);

    list_splice_tail(&chosen, &queue->waiters);
    while (!list_is_empty(&chosen)) {
        for (unsigned i = 0; i < WAKE_BATCH && wake_first_locked(queue, &chosen); i++) {
        }
        spin_unlock_irq(&queue->lock, irq);
        irq = spin_lock_irq(&queue->lock);
    }
    spin_unlock_irq(&queue->lock, irq);
}

void completion_init(struct completion *completion)
{
    wait_queue_init(&completion->queue);
    atomic_store_explicit(&completion->done, false, memory_order_relaxed);
}

void completion_fini(struct completion *completion)
{
    wait_queue_fini(&completion->queue);
}

void completion_complete(struct completion *completion)
{
    const hal_irq_t irq = spin_lock_irq(&completion->queue.lock);

    atomic_store_explicit(&completion->done, true, memory_order_release);
    (void)grant_first_locked(&completion->queue, WAKE_BATCH);
    spin_unlock_irq(&completion->queue.lock, irq);
}

exo_status_t completion_wait(struct completion *completion, uint64_t deadline_ns)
{
    struct wait_queue *const queue = &completion->queue;
    exo_status_t status = EXO_OK;
    struct wait_entry entry;

    assert_may_block("completion_wait");
    hal_irq_t irq = spin_lock_irq(&queue->lock);

    if (!atomic_load_explicit(&completion->done, memory_order_relaxed)) {
        grant_enqueue_locked(queue, &entry);
        spin_unlock_irq(&queue->lock, irq);
        status = grant_wait(queue, &entry, deadline_ns, true, &irq);
        if (atomic_load_explicit(&completion->done, memory_order_relaxed)) {
            status = EXO_OK; /* its turn to be woken had not come */
            (void)grant_first_locked(queue, WAKE_BATCH);
        }
    }
    spin_unlock_irq(&queue->lock, irq);
    return status;
}

exo_status_t grant_wait(struct wait_queue *queue, struct wait_entry *entry, uint64_t deadline_ns,
                        bool may_fail, hal_irq_t *irq)
{
    for (;;) {
        const exo_status_t status =
            may_fail ? sync_park_interruptible(deadline_ns) : sync_park(deadline_ns);

        *irq = spin_lock_irq(&queue->lock);
        if (!list_is_linked(&entry->node)) {
            return EXO_OK;
        }
        if (status != EXO_OK && may_fail) {
            list_remove(&entry->node);
            return status;
        }
        spin_unlock_irq(&queue->lock, *irq); /* a wake-up meant for somebody else's wait */
    }
}
