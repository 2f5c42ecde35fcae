/*
 * core/sync/mutex.c - the mutex when it is contended.
 *
 * word: 0 -(mutex_try_lock)-> owner -(mutex_unlock)-> 0
 *       owner -(mutex_lock_slow)-> owner|WAITERS -(mutex_unlock_slow)-> heir or heir|WAITERS
 *       owner|WAITERS -(mutex_lock_slow, the last waiter gives up)-> owner
 *
 * Invariants while queue.lock is free:
 *   (1) word has WAITERS exactly while the queue is not empty;
 *   (2) word is not 0 while the queue is not empty: a release with waiters makes the most urgent of
 *       them the owner, of equals the first, under the lock. So the short ways, which leave WAITERS
 *       alone, can never pass by a waiter;
 *   (3) the owner cannot give the mutex back as long as WAITERS is set and the lock held, so under
 *       the lock it is alive: inheritance may look at it;
 *   (4) the donors of inherit are those in the queue, and its holder is the owner;
 *   (5) a thread that gives the mutex away by the long way does so as its last store but that of
 *       the queue's lock, which the new owner, a waiter, takes once more before it returns: so it
 *       may let the storage go.
 */
#include "exo/sync/mutex.h"

#include "exo/debug/panic.h"
#include "exo/debug/trace.h"
#include "exo/sync/epoch.h"

#include "grant.h"
#include "look.h"

struct mutex_waiter {
    struct wait_entry wait;
    struct inherit_donor donor; /* in mutex.inherit exactly while `wait` is in the queue */
};

void mutex_init(struct mutex *mutex)
{
    atomic_store_explicit(&mutex->word, 0, memory_order_relaxed);
    wait_queue_init(&mutex->queue);
    sched_inherit_init(&mutex->inherit);
}

void mutex_fini(struct mutex *mutex)
{
    if (atomic_load_explicit(&mutex->word, memory_order_acquire) != 0) {
        panic("mutex: it goes, but somebody holds it");
    }
    wait_queue_fini(&mutex->queue); /* the last owner's unlock is over, too */
}

/* Is it worth while to look again soon: held, nobody queued, the owner on a CPU? */
static bool owner_runs(struct mutex *mutex)
{
    /* In a section: an owner seen here stays valid memory to its end, even if it ends meanwhile. */
    epoch_enter();
    const uintptr_t word = atomic_load_explicit(&mutex->word, memory_order_acquire);
    const bool runs =
        word == 0 || ((word & MUTEX_WAITERS) == 0 && sync_is_running((const struct thread *)word));

    epoch_exit(); /* whoever is due here runs first */
    return runs;
}

/* Try for a while; true if it was taken. */
static bool spin(struct mutex *mutex)
{
    for (unsigned look = 1; look <= LOOKS_MAX && owner_runs(mutex); look++) {
        if (atomic_load_explicit(&mutex->word, memory_order_relaxed) == 0 &&
            mutex_try_lock(mutex)) {
            return true;
        }
        look_pause(look);
    }
    return false;
}

/* Take it, or set WAITERS and store the owner; true if taken. */
static bool take_or_announce_locked(struct mutex *mutex, struct thread **owner)
{
    uintptr_t word = atomic_load_explicit(&mutex->word, memory_order_relaxed);

    spin_assert_held(&mutex->queue.lock);
    for (;;) {
        const uintptr_t next = word == 0 ? (uintptr_t)hal_current() : word | MUTEX_WAITERS;

        /* Acquire: taken, the data; announced, what the owner's inheritance looks at. Release: who
         * finds this thread's pointer there may look at the thread. */
        if (atomic_compare_exchange_weak_explicit(&mutex->word, &word, next, memory_order_acq_rel,
                                                  memory_order_relaxed)) {
            *owner = (struct thread *)(word & ~MUTEX_WAITERS);
            return word == 0;
        }
    }
}

exo_status_t mutex_lock_slow(struct mutex *mutex, uint64_t deadline_ns, bool may_fail)
{
    struct mutex_waiter waiter;
    struct thread *owner = NULL;

    if (mutex_is_mine(mutex)) {
        panic("mutex: locked again by its owner");
    }
    trace_contend(mutex, RANK_NONE, __builtin_return_address(0));
    if (spin(mutex)) {
        trace_object(TRACE_CONTEND_END, mutex, 0);
        return EXO_OK;
    }
    hal_irq_t irq = spin_lock_irq(&mutex->queue.lock);

    if (take_or_announce_locked(mutex, &owner)) {
        spin_unlock_irq(&mutex->queue.lock, irq);
        trace_object(TRACE_CONTEND_END, mutex, 0);
        return EXO_OK;
    }
    grant_enqueue_locked(&mutex->queue, &waiter.wait);
    sched_inherit(&mutex->inherit, &waiter.donor, owner);
    spin_unlock_irq(&mutex->queue.lock, irq);

    const exo_status_t status =
        grant_wait(&mutex->queue, &waiter.wait, deadline_ns, may_fail, &irq);

    if (status != EXO_OK) {
        sched_inherit_end(&waiter.donor);
        if (list_is_empty(&mutex->queue.waiters)) {
            atomic_fetch_and_explicit(&mutex->word, ~MUTEX_WAITERS, memory_order_relaxed);
        }
    }
    spin_unlock_irq(&mutex->queue.lock, irq);
    trace_object(TRACE_CONTEND_END, mutex, 0);
    return status;
}

/* Make the most urgent waiter the owner; false if nobody waits. */
static bool hand_over_locked(struct mutex *mutex)
{
    spin_assert_held(&mutex->queue.lock);
    struct inherit_donor *const donor = sched_inherit_pass(&mutex->inherit);

    if (donor == NULL) {
        return false;
    }
    struct mutex_waiter *const heir = container_of(donor, struct mutex_waiter, donor);

    list_remove(&heir->wait.node);
    const uintptr_t more = list_is_empty(&mutex->queue.waiters) ? 0 : MUTEX_WAITERS;

    atomic_store_explicit(&mutex->word, (uintptr_t)heir->wait.thread | more, memory_order_release);
    sync_unpark(heir->wait.thread);
    return true;
}

void mutex_unlock_slow(struct mutex *mutex)
{
    uintptr_t expected = 0;

    if (!mutex_is_mine(mutex)) {
        panic("mutex: unlocked by a thread that is not its owner");
    }
    do {
        const hal_irq_t irq = spin_lock_irq(&mutex->queue.lock);
        const bool is_passed_on = hand_over_locked(mutex);

        spin_unlock_irq(&mutex->queue.lock, irq);
        if (is_passed_on) {
            return;
        }
        /* The last waiter gave up: out of the lock first, then the short way, invariant (5). */
        expected = (uintptr_t)hal_current();
    } while (!atomic_compare_exchange_strong_explicit(&mutex->word, &expected, 0,
                                                      memory_order_release, memory_order_relaxed));
}
