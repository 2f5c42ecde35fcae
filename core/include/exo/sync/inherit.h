/*
 * exo/sync/inherit.h - priority inheritance: who holds a lock runs as urgently as who waits for it.
 *
 * A lock that wants it embeds a `struct inherit` and reports three events. Chains are followed: if
 * the holder itself waits for another such lock, that one's holder is raised as well, and so on.
 * What is inherited is the level (deadline, real time 0-99, normal, idle) and, between deadline
 * threads, the deadline; not the weight of a normal thread, since normal threads never starve.
 *
 * Use (mutex, under its queue's lock so that holder and waiters agree; uncontended paths call
 * none):
 *   a thread is about to wait      sched_inherit(&m->inherit, holder)     again after each lost
 *   race it waits no longer             sched_inherit_end(&m->inherit)         won, timed out,
 *   interrupted the lock changes hands         sched_inherit_move(&m->inherit, next)  NULL: nobody
 *   has it now
 *
 * Declared here for the locks above it; core/sched/inherit.c defines it.
 *
 * Locks:   RANK_INHERIT and RANK_RUN_QUEUE inside; callable under RANK_WAIT_QUEUE.
 * Context: any but NMI; the caller of the first two is the waiting thread.
 */
#ifndef EXO_SYNC_INHERIT_H
#define EXO_SYNC_INHERIT_H

#include "exo/lib/list.h"

struct thread;

/* Keys: [i] the one lock of inheritance in core/sched/inherit.c. */
struct inherit {
    struct list_node donors;    /* [i] threads that wait for it */
    struct list_node held_node; /* [i] linked in the holder's list while there are donors */
    struct thread *holder;      /* [i] whom the donors raise, NULL if nobody */
};

#define INHERIT_INIT(name)                                                                         \
    {                                                                                              \
        .donors = LIST_INIT((name).donors), .held_node = LIST_INIT((name).held_node)               \
    }

void sched_inherit_init(struct inherit *lock);

/* The calling thread waits for the lock that `holder` has (NULL: given back a moment ago). The
 * holder must be alive: it cannot give the lock back before the caller's lock is free. A thread
 * waits for one lock at a time; repeated calls for the same one only change the holder. */
void sched_inherit(struct inherit *lock, struct thread *holder);

/* The calling thread waits for it no longer. Nothing happens if it did not. */
void sched_inherit_end(struct inherit *lock);

/* The lock now belongs to `next`; those that still wait raise it instead of the former holder. */
void sched_inherit_move(struct inherit *lock, struct thread *next);

#endif /* EXO_SYNC_INHERIT_H */
