/*
 * core/sync/rwlock.c - a read-write lock with one queue for both kinds.
 *
 * word = RWLOCK_READER * readers | RWLOCK_WRITER | RWLOCK_WAITERS.
 *
 * Invariants while queue.lock is free:
 *   (1) there is a writer, or readers, or neither, never both;
 *   (2) WAITERS is set exactly while the queue is not empty; as long as it is set, only holders
 *       change the word without the queue's lock, and only downwards, so the lock is granted under
 *       the queue's lock alone, to the first in the queue;
 *   (3) whoever makes the lock grantable to the first looks at the queue afterwards: the last
 *       holder that leaves, and a waiter that gives up before others;
 *   (4) readers in a row are granted WAKE_BATCH per time that the queue's lock is held, and each of
 *       them goes on with the next before it returns, so all come in together.
 */
#include "exo/sync/rwlock.h"

#include "exo/debug/panic.h"
#include "exo/debug/trace.h"
#include "exo/sync/epoch.h"

#include "grant.h"
#include "look.h"

struct rw_entry {
    struct wait_entry wait; /* first: the queue holds these */
    bool is_writer;         /* [c] */
};

void rwlock_init(struct rwlock *lock)
{
    atomic_store_explicit(&lock->word, 0, memory_order_relaxed);
    atomic_store_explicit(&lock->writer, NULL, memory_order_relaxed);
    wait_queue_init(&lock->queue);
}

void rwlock_fini(struct rwlock *lock)
{
    if (atomic_load_explicit(&lock->word, memory_order_acquire) != 0) {
        panic("rwlock: it goes, but somebody holds it");
    }
    wait_queue_fini(&lock->queue);
}

/* Grant the lock to the first waiter if it can have it, and to the readers right behind a reader, a
 * batch of them: (4). */
static void grant_locked(struct rwlock *lock)
{
    spin_assert_held(&lock->queue.lock);
    for (uint32_t i = 0; i < WAKE_BATCH && !list_is_empty(&lock->queue.waiters); i++) {
        struct list_node *const first = lock->queue.waiters.next;
        const struct rw_entry *const entry =
            container_of(container_of(first, struct wait_entry, node), struct rw_entry, wait);
        /* Acquire: what former holders did, whose releases this reads. */
        const uint32_t word = atomic_load_explicit(&lock->word, memory_order_acquire);
        uint32_t change = entry->is_writer ? RWLOCK_WRITER : RWLOCK_READER;

        if ((word & RWLOCK_WRITER) != 0 || (entry->is_writer && word >= RWLOCK_READER)) {
            return;
        }
        if (entry->is_writer) {
            atomic_store_explicit(&lock->writer, entry->wait.thread, memory_order_release);
        }
        if (first->next == &lock->queue.waiters) {
            change -= RWLOCK_WAITERS; /* the last one, (2) */
        }
        grant_node_locked(&lock->queue, first);
        atomic_fetch_add_explicit(&lock->word, change, memory_order_acq_rel);
    }
}

static bool is_mine(const struct rwlock *lock)
{
    return atomic_load_explicit(&lock->writer, memory_order_relaxed) == hal_current();
}

/* Is it worth while to look again soon: nobody queued, and free or its writer on a CPU? Who waits
 * for readers does not look: nobody knows who they are. */
static bool writer_runs(struct rwlock *lock)
{
    /* In a section: a writer seen here stays valid memory to its end, even if it ends meanwhile. */
    epoch_enter();
    const uint32_t word = atomic_load_explicit(&lock->word, memory_order_acquire);
    const struct thread *const writer = atomic_load_explicit(&lock->writer, memory_order_acquire);
    const bool runs =
        word == 0 || (word == RWLOCK_WRITER && writer != NULL && sync_is_running(writer));

    epoch_exit();
    return runs;
}

/* Try for a while; true if it was taken. */
static bool spin(struct rwlock *lock, bool is_writer)
{
    for (unsigned look = 1; look <= LOOKS_MAX && writer_runs(lock); look++) {
        if (is_writer ? rwlock_try_write_lock(lock) : rwlock_try_read_lock(lock)) {
            return true;
        }
        look_pause(look);
    }
    return false;
}

static exo_status_t lock_slow(struct rwlock *lock, bool is_writer, uint64_t deadline_ns,
                              bool may_fail)
{
    struct rw_entry entry = { .is_writer = is_writer };

    if (is_mine(lock)) {
        panic("rwlock: locked again by its writer");
    }
    trace_contend(lock, RANK_NONE, __builtin_return_address(0));
    if (spin(lock, is_writer)) {
        trace_object(TRACE_CONTEND_END, lock, 0);
        return EXO_OK;
    }
    hal_irq_t irq = spin_lock_irq(&lock->queue.lock);

    grant_enqueue_locked(&lock->queue, &entry.wait);
    atomic_fetch_or_explicit(&lock->word, RWLOCK_WAITERS, memory_order_acq_rel);
    grant_locked(lock);
    spin_unlock_irq(&lock->queue.lock, irq);

    const exo_status_t status = grant_wait(&lock->queue, &entry.wait, deadline_ns, may_fail, &irq);

    if (status != EXO_OK && list_is_empty(&lock->queue.waiters)) {
        atomic_fetch_and_explicit(&lock->word, ~RWLOCK_WAITERS, memory_order_relaxed);
    }
    /* Readers may have waited behind this writer, which gives up, or behind the batch of this
     * reader. */
    grant_locked(lock);
    spin_unlock_irq(&lock->queue.lock, irq);
    trace_object(TRACE_CONTEND_END, lock, 0);
    return status;
}

/* A holder has left and others wait: see whether the first can have it. */
static void release_slow(struct rwlock *lock)
{
    const hal_irq_t irq = spin_lock_irq(&lock->queue.lock);

    grant_locked(lock);
    spin_unlock_irq(&lock->queue.lock, irq);
}

/* Also where the lock is free this time; nothing in release builds. */
static void check_may_block(const char *what)
{
    if (EXO_CONFIG_DEBUG) {
        assert_may_block(what);
    }
}

bool rwlock_try_read_lock(struct rwlock *lock)
{
    uint32_t word = atomic_load_explicit(&lock->word, memory_order_relaxed);

    while ((word & (RWLOCK_WRITER | RWLOCK_WAITERS)) == 0) {
        if (atomic_compare_exchange_weak_explicit(&lock->word, &word, word + RWLOCK_READER,
                                                  memory_order_acquire, memory_order_relaxed)) {
            return true;
        }
    }
    return false;
}

bool rwlock_try_write_lock(struct rwlock *lock)
{
    uint32_t expected = 0;

    if (!atomic_compare_exchange_strong_explicit(&lock->word, &expected, RWLOCK_WRITER,
                                                 memory_order_acquire, memory_order_relaxed)) {
        return false;
    }
    atomic_store_explicit(&lock->writer, hal_current(), memory_order_release); /* for spin() */
    return true;
}

exo_status_t rwlock_read_lock_until(struct rwlock *lock, uint64_t deadline_ns)
{
    check_may_block("rwlock_read_lock_until");
    return rwlock_try_read_lock(lock) ? EXO_OK : lock_slow(lock, false, deadline_ns, true);
}

exo_status_t rwlock_write_lock_until(struct rwlock *lock, uint64_t deadline_ns)
{
    check_may_block("rwlock_write_lock_until");
    return rwlock_try_write_lock(lock) ? EXO_OK : lock_slow(lock, true, deadline_ns, true);
}

void rwlock_read_lock(struct rwlock *lock)
{
    check_may_block("rwlock_read_lock");
    if (!rwlock_try_read_lock(lock)) {
        (void)lock_slow(lock, false, WAIT_FOREVER, false);
    }
}

void rwlock_write_lock(struct rwlock *lock)
{
    check_may_block("rwlock_write_lock");
    if (!rwlock_try_write_lock(lock)) {
        (void)lock_slow(lock, true, WAIT_FOREVER, false);
    }
}

void rwlock_read_unlock(struct rwlock *lock)
{
    const uint32_t was =
        atomic_fetch_sub_explicit(&lock->word, RWLOCK_READER, memory_order_acq_rel);

    if (was < RWLOCK_READER) {
        panic("rwlock: read-unlocked, but no reader holds it");
    }
    if (was == (RWLOCK_READER | RWLOCK_WAITERS)) {
        release_slow(lock);
    }
}

void rwlock_write_unlock(struct rwlock *lock)
{
    if (!is_mine(lock)) {
        panic("rwlock: write-unlocked by a thread that is not its writer");
    }
    atomic_store_explicit(&lock->writer, NULL, memory_order_relaxed);
    const uint32_t was =
        atomic_fetch_and_explicit(&lock->word, ~RWLOCK_WRITER, memory_order_acq_rel);

    if ((was & RWLOCK_WAITERS) != 0) {
        release_slow(lock);
    }
}
