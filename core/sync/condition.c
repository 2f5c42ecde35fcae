/*
 * core/sync/condition.c - condition variables.
 *
 * Invariant: (1) a waiter is queued before it gives the mutex back, so whoever changes the guarded
 * state afterwards, and signals after that, finds it in the queue.
 */
#include "exo/sync/condition.h"

#include "exo/debug/panic.h"

#include "grant.h"

void condition_init(struct condition *condition)
{
    wait_queue_init(&condition->queue);
}

void condition_fini(struct condition *condition)
{
    wait_queue_fini(&condition->queue);
}

exo_status_t condition_wait(struct condition *condition, struct mutex *mutex, uint64_t deadline_ns)
{
    struct wait_entry entry;

    assert_may_block("condition_wait");
    if (!mutex_is_mine(mutex)) {
        panic("condition: waited for without its mutex");
    }
    hal_irq_t irq = spin_lock_irq(&condition->queue.lock);

    grant_enqueue_locked(&condition->queue, &entry);
    spin_unlock_irq(&condition->queue.lock, irq);
    mutex_unlock(mutex);

    const exo_status_t status = grant_wait(&condition->queue, &entry, deadline_ns, true, &irq);

    spin_unlock_irq(&condition->queue.lock, irq);
    mutex_lock(mutex);
    return status;
}

void condition_signal(struct condition *condition)
{
    wait_wake_one(&condition->queue);
}

void condition_broadcast(struct condition *condition)
{
    wait_wake_all(&condition->queue);
}
