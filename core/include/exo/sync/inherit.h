/*
 * exo/sync/inherit.h - priority inheritance: who holds a lock runs as urgently as who waits for it.
 *
 * A lock that wants it embeds a `struct inherit`, and each of its waiters a `struct inherit_donor`.
 * Chains are followed: if the holder itself waits for another such lock, that one's holder is
 * raised as well, and so on. What is inherited is the level (deadline, real time 0-99, normal,
 * idle) and, between deadline threads, the deadline; not the weight of a normal thread, since
 * normal threads never starve.
 *
 * Use, under the lock's queue lock, so that holder and waiters agree; uncontended paths call none:
 *   a thread is about to wait                      sched_inherit(&m->inherit, &donor, holder)
 *   it waits no longer (timed out, interrupted)    sched_inherit_end(&donor)
 *   the lock goes to its most urgent waiter        sched_inherit_pass(&m->inherit)
 *
 * Declared here for the locks above it; core/sched/inherit.c defines it.
 *
 * Locks:   RANK_INHERIT and RANK_RUN_QUEUE inside; callable under RANK_WAIT_QUEUE.
 * Context: any but NMI; the caller of the first two is the waiting thread.
 */
#ifndef EXO_SYNC_INHERIT_H
#define EXO_SYNC_INHERIT_H

#include "exo/lib/list.h"
#include "exo/lib/pheap.h"

struct thread;

/* One waiter, in storage of its own that lasts as long as it waits. Keys: [i] the one lock of
 * inheritance in core/sched/inherit.c. */
struct inherit_donor {
    struct pheap_node node; /* [i] in lock->donors */
    struct thread *thread;  /* [i] */
    struct inherit *lock;   /* [i] what it waits for; NULL: it waits no longer */
    uint64_t deadline_ns;   /* [i] of a deadline thread, as it was when the waiting began */
    uint64_t arrival;       /* [i] lock->arrivals when it came */
    uint8_t level;          /* [i] the thread's level in effect */
};

struct inherit {
    struct pheap donors;        /* [i] most urgent first, of equals who came first */
    struct list_node held_node; /* [i] linked in the holder's list while there are donors */
    struct thread *holder;      /* [i] whom the donors raise, NULL while there are none */
    uint64_t arrivals;          /* [i] donors so far */
};

#define INHERIT_INIT(name)                                                                         \
    {                                                                                              \
        .donors = PHEAP_INIT(sched_inherit_before), .held_node = LIST_INIT((name).held_node)       \
    }

/* The order in which donors are served. */
bool sched_inherit_before(const struct pheap_node *a, const struct pheap_node *b);

void sched_inherit_init(struct inherit *lock);

/* The calling thread waits for the lock that `holder` has. The holder must be alive: it cannot give
 * the lock back before the caller's lock is free. A thread waits for one lock at a time. */
void sched_inherit(struct inherit *lock, struct inherit_donor *donor, struct thread *holder);

/* The calling thread gives up waiting: its holder is as urgent at once as those that still wait
 * make it. Nothing happens if the lock was passed to it. */
void sched_inherit_end(struct inherit_donor *donor);

/* The lock goes to the most urgent that waits: it waits no longer and is the holder, raised by the
 * others instead of the former holder, who falls back, all in one step. Returns it, NULL if nobody
 * waits. */
struct inherit_donor *sched_inherit_pass(struct inherit *lock);

#endif /* EXO_SYNC_INHERIT_H */
