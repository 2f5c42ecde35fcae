/*
 * exo/sync/condition.h - waiting, with a mutex given back meanwhile, for a change of what it
 * guards.
 *
 * Locks:   RANK_WAIT_QUEUE inside.
 * Context: waiting: thread, may block. Signalling: any but NMI, with or without the mutex.
 * Storage: may go once no call on it is under way.
 */
#ifndef EXO_SYNC_CONDITION_H
#define EXO_SYNC_CONDITION_H

#include "exo/sync/mutex.h"

struct condition {
    struct wait_queue queue;
};

#define CONDITION_INIT(name)                                                                       \
    {                                                                                              \
        .queue = WAIT_QUEUE_INIT((name).queue)                                                     \
    }

void condition_init(struct condition *condition);
void condition_fini(struct condition *condition); /* panics if somebody waits */

/* Give `mutex` back and wait for a signal or `deadline_ns`; the mutex is the caller's again on
 * every return. A signal sent after the mutex was given back is not missed, and one that chose this
 * waiter wins over the deadline, so it is never lost.
 * Locks: `mutex`.  Errors: EXO_ERR_TIMED_OUT, EXO_ERR_INTERRUPTED. */
EXO_MUST_CHECK exo_status_t condition_wait(struct condition *condition, struct mutex *mutex,
                                           uint64_t deadline_ns);

void condition_signal(struct condition *condition);    /* the first that waits */
void condition_broadcast(struct condition *condition); /* all that wait now */

#endif /* EXO_SYNC_CONDITION_H */
