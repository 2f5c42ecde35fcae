/*
 * exo/sync/mutex.h - mutual exclusion held across blocking, by one thread, not in interrupts.
 *
 * Free and taken again by one compare-exchange each. Who finds it held looks on for a while as long
 * as its owner runs on another CPU, then queues; the owner inherits the urgency of all that queue
 * (exo/sync/inherit.h), along chains of mutexes. An owner with others queued hands the mutex to the
 * most urgent of them, of equals to the first. Not recursive.
 *
 * Locks:   RANK_WAIT_QUEUE inside.
 * Context: thread, may block; mutex_try_lock() and mutex_unlock() do not block.
 * Storage: may go as soon as an owner has it and nobody else is in a call on it; who unlocked
 *          before that owner's lock does not look at it any more.
 */
#ifndef EXO_SYNC_MUTEX_H
#define EXO_SYNC_MUTEX_H

#include "exo/sync/inherit.h"
#include "exo/sync/wait.h"

#define MUTEX_WAITERS ((uintptr_t)1) /* in mutex.word: the queue is not empty */

/* Keys: [a] atomic, set to non-zero by compare-exchange from 0, else under queue.lock. */
struct mutex {
    _Atomic uintptr_t word; /* [a] the owner, 0 while free; with MUTEX_WAITERS */
    struct wait_queue queue;
    struct inherit inherit; /* [queue.lock] raises the owner */
};

#define MUTEX_INIT(name)                                                                           \
    {                                                                                              \
        .word = 0, .queue = WAIT_QUEUE_INIT((name).queue), .inherit = INHERIT_INIT((name).inherit) \
    }

void mutex_init(struct mutex *mutex);
void mutex_fini(struct mutex *mutex); /* panics if it is held */

static inline bool mutex_is_mine(const struct mutex *mutex)
{
    return (atomic_load_explicit(&mutex->word, memory_order_relaxed) & ~MUTEX_WAITERS) ==
           (uintptr_t)hal_current();
}

/* Out of line: the mutex is held, or has waiters. */
exo_status_t mutex_lock_slow(struct mutex *mutex, uint64_t deadline_ns, bool may_fail);
void mutex_unlock_slow(struct mutex *mutex);

static inline bool mutex_try_lock(struct mutex *mutex)
{
    uintptr_t expected = 0;

    return atomic_compare_exchange_strong_explicit(&mutex->word, &expected,
                                                   (uintptr_t)hal_current(), memory_order_acq_rel,
                                                   memory_order_relaxed);
}

/* Lock, however long it takes. By its owner it panics. */
static inline void mutex_lock(struct mutex *mutex)
{
    if (EXO_CONFIG_DEBUG) {
        assert_may_block("mutex_lock");
    }
    if (EXO_UNLIKELY(!mutex_try_lock(mutex))) {
        (void)mutex_lock_slow(mutex, WAIT_FOREVER, false);
    }
}

/* Lock by `deadline_ns`; a free mutex is taken even if that has passed.
 * Errors: EXO_ERR_TIMED_OUT, EXO_ERR_INTERRUPTED. */
EXO_MUST_CHECK static inline exo_status_t mutex_lock_until(struct mutex *mutex,
                                                           uint64_t deadline_ns)
{
    if (EXO_CONFIG_DEBUG) {
        assert_may_block("mutex_lock_until");
    }
    if (mutex_try_lock(mutex)) {
        return EXO_OK;
    }
    return mutex_lock_slow(mutex, deadline_ns, true);
}

/* By its owner; by anybody else it panics. */
static inline void mutex_unlock(struct mutex *mutex)
{
    uintptr_t expected = (uintptr_t)hal_current();

    if (EXO_UNLIKELY(!atomic_compare_exchange_strong_explicit(
            &mutex->word, &expected, 0, memory_order_release, memory_order_relaxed))) {
        mutex_unlock_slow(mutex);
    }
}

#endif /* EXO_SYNC_MUTEX_H */
