/*
 * core/sync/semaphore.c - a count under its queue's lock.
 *
 * Invariant while queue.lock is free: (1) count is 0 or the queue is empty. An up with waiters does
 * not count but grants, so nobody who arrives later can take what was given to a waiter.
 */
#include "exo/sync/semaphore.h"

#include "grant.h"

void semaphore_init(struct semaphore *semaphore, uint32_t count)
{
    wait_queue_init(&semaphore->queue);
    semaphore->count = count;
}

void semaphore_fini(struct semaphore *semaphore)
{
    wait_queue_fini(&semaphore->queue);
}

static bool take_locked(struct semaphore *semaphore)
{
    spin_assert_held(&semaphore->queue.lock);
    if (semaphore->count == 0) {
        return false;
    }
    semaphore->count--;
    return true;
}

bool semaphore_try_down(struct semaphore *semaphore)
{
    const hal_irq_t irq = spin_lock_irq(&semaphore->queue.lock);
    const bool taken = take_locked(semaphore);

    spin_unlock_irq(&semaphore->queue.lock, irq);
    return taken;
}

exo_status_t semaphore_down(struct semaphore *semaphore, uint64_t deadline_ns)
{
    exo_status_t status = EXO_OK;
    struct wait_entry entry;

    assert_may_block("semaphore_down");
    hal_irq_t irq = spin_lock_irq(&semaphore->queue.lock);

    if (!take_locked(semaphore)) {
        grant_enqueue_locked(&semaphore->queue, &entry);
        spin_unlock_irq(&semaphore->queue.lock, irq);
        status = grant_wait(&semaphore->queue, &entry, deadline_ns, true, &irq);
    }
    spin_unlock_irq(&semaphore->queue.lock, irq);
    return status;
}

exo_status_t semaphore_up(struct semaphore *semaphore)
{
    exo_status_t status = EXO_OK;
    const hal_irq_t irq = spin_lock_irq(&semaphore->queue.lock);

    if (semaphore->count == UINT32_MAX) {
        status = EXO_ERR_NO_RESOURCES;
    } else if (grant_first_locked(&semaphore->queue, 1) == 0) {
        semaphore->count++;
    }
    spin_unlock_irq(&semaphore->queue.lock, irq);
    return status;
}
