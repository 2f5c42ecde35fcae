/*
 * core/sync/wait.c - wait queues, completions and mutexes.
 *
 * Invariants while queue->lock is free:
 *   (1) an entry is linked exactly while its owner waits and no wake-up has chosen it;
 *   (2) an entry's thread is alive: it leaves only through wait_finish(), which takes the lock, and
 *       wakers unpark it under the lock.
 * Mutex:
 *   (3) owner != NULL exactly while it is held; a release wakes one waiter, which competes again.
 */
#include "exo/sync/wait.h"

#include "exo/debug/panic.h"
#include "exo/lib/assert.h"

#define WAKE_BATCH 16u /* wake-ups per time that the lock is held */

void wait_queue_init(struct wait_queue *queue)
{
    spin_init(&queue->lock, RANK_WAIT_QUEUE);
    list_init(&queue->waiters);
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

/* Set under the lock, so that a waiter that sees it and returns can let the completion go: it takes
 * the lock in wait_finish(), after us. */
void completion_complete(struct completion *completion)
{
    const hal_irq_t irq = spin_lock_irq(&completion->queue.lock);

    atomic_store_explicit(&completion->done, true, memory_order_release);
    while (wake_first_locked(&completion->queue, &completion->queue.waiters)) {
    }
    spin_unlock_irq(&completion->queue.lock, irq);
}

exo_status_t completion_wait(struct completion *completion, uint64_t deadline_ns)
{
    exo_status_t status = EXO_OK;

    WAIT_UNTIL(&completion->queue, atomic_load_explicit(&completion->done, memory_order_acquire),
               deadline_ns, &status);
    return status;
}

void mutex_init(struct mutex *mutex)
{
    wait_queue_init(&mutex->queue);
    atomic_store_explicit(&mutex->owner, NULL, memory_order_relaxed);
}

bool mutex_is_mine(const struct mutex *mutex)
{
    return atomic_load_explicit(&mutex->owner, memory_order_relaxed) == hal_current();
}

bool mutex_try_lock(struct mutex *mutex)
{
    struct thread *expected = NULL;

    return atomic_compare_exchange_strong_explicit(&mutex->owner, &expected, hal_current(),
                                                   memory_order_acquire, memory_order_relaxed);
}

void mutex_lock(struct mutex *mutex)
{
    exo_status_t status = EXO_OK;

    assert_may_block("mutex_lock");
    KASSERT(!mutex_is_mine(mutex));
    if (mutex_try_lock(mutex)) {
        return;
    }
    WAIT_UNTIL(&mutex->queue, mutex_try_lock(mutex), WAIT_FOREVER, &status);
    KASSERT(status == EXO_OK);
}

void mutex_unlock(struct mutex *mutex)
{
    KASSERT(mutex_is_mine(mutex));
    /* Under the lock: the next owner cannot unlock and free the mutex before we are out of it. */
    const hal_irq_t irq = spin_lock_irq(&mutex->queue.lock);

    atomic_store_explicit(&mutex->owner, NULL, memory_order_release);
    (void)wake_first_locked(&mutex->queue, &mutex->queue.waiters);
    spin_unlock_irq(&mutex->queue.lock, irq);
}
