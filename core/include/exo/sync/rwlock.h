/*
 * exo/sync/rwlock.h - many readers or one writer, held across blocking; served in order of arrival.
 *
 * Readers come and go by one atomic operation each as long as nobody queues. Once somebody does,
 * everyone queues behind, so neither writers nor readers starve. Who finds a writer that runs on
 * another CPU looks on for a while before it queues. No priority is inherited: docs/sync.md.
 *
 * A reader must not read-lock again what it holds: a writer in between would wait for it, and it
 * for the writer.
 *
 * Locks:   RANK_WAIT_QUEUE inside.
 * Context: thread, may block; the try and unlock functions do not block.
 * Storage: may go once no call on it is under way.
 */
#ifndef EXO_SYNC_RWLOCK_H
#define EXO_SYNC_RWLOCK_H

#include "exo/sync/wait.h"

#define RWLOCK_WAITERS 1u /* in rwlock.word: the queue is not empty */
#define RWLOCK_WRITER  2u /* held by a writer */
#define RWLOCK_READER  4u /* times the number of readers that hold it */

struct rwlock {
    _Atomic uint32_t word; /* [a] */
    struct wait_queue queue;
    _Atomic(struct thread *) writer; /* [a] who holds it for writing, to check the unlock */
};

#define RWLOCK_INIT(name)                                                                          \
    {                                                                                              \
        .word = 0, .queue = WAIT_QUEUE_INIT((name).queue)                                          \
    }

void rwlock_init(struct rwlock *lock);
void rwlock_fini(struct rwlock *lock); /* panics if it is held */

void rwlock_read_lock(struct rwlock *lock);
void rwlock_write_lock(struct rwlock *lock); /* by the writer itself it panics */

/* Lock by `deadline_ns`.  Errors: EXO_ERR_TIMED_OUT, EXO_ERR_INTERRUPTED. */
EXO_MUST_CHECK exo_status_t rwlock_read_lock_until(struct rwlock *lock, uint64_t deadline_ns);
EXO_MUST_CHECK exo_status_t rwlock_write_lock_until(struct rwlock *lock, uint64_t deadline_ns);

bool rwlock_try_read_lock(struct rwlock *lock);
bool rwlock_try_write_lock(struct rwlock *lock);

void rwlock_read_unlock(struct rwlock *lock);
void rwlock_write_unlock(struct rwlock *lock); /* by its writer; by anybody else it panics */

#endif /* EXO_SYNC_RWLOCK_H */
