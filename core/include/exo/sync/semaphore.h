/*
 * exo/sync/semaphore.h - a count of things to be had; who finds none waits, in order of arrival.
 *
 * Locks:   RANK_WAIT_QUEUE inside.
 * Context: down: thread, may block. try_down, up: any but NMI.
 * Storage: may go once no call on it is under way; whoever came down has seen the up that let it
 *          through end.
 */
#ifndef EXO_SYNC_SEMAPHORE_H
#define EXO_SYNC_SEMAPHORE_H

#include "exo/sync/wait.h"

struct semaphore {
    struct wait_queue queue;
    uint32_t count; /* [queue.lock] not 0 only while nobody waits */
};

#define SEMAPHORE_INIT(name, initial)                                                              \
    {                                                                                              \
        .queue = WAIT_QUEUE_INIT((name).queue), .count = (initial)                                 \
    }

void semaphore_init(struct semaphore *semaphore, uint32_t count);
void semaphore_fini(struct semaphore *semaphore); /* panics if somebody waits */

/* Take one, waiting until `deadline_ns`.  Errors: EXO_ERR_TIMED_OUT, EXO_ERR_INTERRUPTED. */
EXO_MUST_CHECK exo_status_t semaphore_down(struct semaphore *semaphore, uint64_t deadline_ns);
bool semaphore_try_down(struct semaphore *semaphore);

/* Give one: to the first waiter if there is one.  Errors: EXO_ERR_NO_RESOURCES (the count is
 * UINT32_MAX). */
EXO_MUST_CHECK exo_status_t semaphore_up(struct semaphore *semaphore);

#endif /* EXO_SYNC_SEMAPHORE_H */
