/*
 * exo/sync/address.h - wait-on-address: sleeping on a place in an object, without storage there.
 *
 * The place is named by (object, offset), so all who map one object meet, whatever address they see
 * it at; futexes and sleeping on rings stand on this. The caller keeps the object alive while it
 * waits. The look at the value and the queueing are one step for every waker of that place: whoever
 * changes the value first and wakes afterwards misses nobody.
 *
 * Locks:   RANK_WAIT_BUCKET inside.
 * Context: waiting: thread, may block. Waking and requeueing: any but NMI.
 */
#ifndef EXO_SYNC_ADDRESS_H
#define EXO_SYNC_ADDRESS_H

#include "exo/sync/wait.h"

#define ADDRESS_ALL UINT32_MAX /* wake or move as many as there are */

struct address_key {
    const void *object;
    uint64_t offset;
};

/* Does the place still hold what the caller saw? Runs under a spinlock with interrupts off: it
 * reads one word, from user memory by a _nofault form. EXO_OK to go on, any other status to return
 * that instead. */
struct address_check {
    exo_status_t (*fn)(void *arg); /* NULL: go on */
    void *arg;
};

/* Sleep until woken, if `check` says to.
 * Errors: what check returns; EXO_ERR_TIMED_OUT, EXO_ERR_INTERRUPTED. A wake-up wins over both. */
EXO_MUST_CHECK exo_status_t address_wait(const struct address_key *key,
                                         const struct address_check *check, uint64_t deadline_ns);

/* Wake the first `max` of those that wait there now; returns how many. */
uint32_t address_wake(const struct address_key *key, uint32_t max);

struct address_requeue {
    struct address_key from;
    struct address_key to; /* another place */
    struct address_check check;
    uint32_t wake_max; /* of those at `from`: wake so many */
    uint32_t move_max; /* and let so many of the rest wait at `to`, behind who waits there */
};

struct address_moved {
    uint32_t woken;
    uint32_t moved;
};

/* Check, and of those that wait at `from` at that moment wake the first and move the next, in their
 * order. Many are handled a batch at a time, the locks free in between: who wakes meanwhile finds
 * each of them at one place or the other.
 * Errors: what check returns; nothing has happened then.  EXO_ERR_INVALID (from is to). */
EXO_MUST_CHECK exo_status_t address_requeue(const struct address_requeue *what,
                                            struct address_moved *out);

#endif /* EXO_SYNC_ADDRESS_H */
