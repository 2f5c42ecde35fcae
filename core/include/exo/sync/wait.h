/*
 * exo/sync/wait.h - wait queues and completions: blocking until somebody says so.
 *
 * A waiter queues itself first and looks at its condition afterwards; a waker makes the condition
 * true first and wakes afterwards. Both take the queue's lock in between, so one of them sees the
 * other.
 *
 * Locks:   RANK_WAIT_QUEUE inside.
 * Context: waiting: thread, may block. Waking: any but NMI.
 */
#ifndef EXO_SYNC_WAIT_H
#define EXO_SYNC_WAIT_H

#include "exo/lib/list.h"
#include "exo/sync/spinlock.h"

#define WAIT_FOREVER UINT64_MAX

struct wait_queue {
    struct spinlock lock;
    struct list_node waiters; /* [lock] struct wait_entry.node, first come first */
};

/* One waiter, on its own stack. */
struct wait_entry {
    struct list_node node; /* [queue lock] */
    struct thread *thread; /* [c] */
};

#define WAIT_QUEUE_INIT(name)                                                                      \
    {                                                                                              \
        .lock = SPINLOCK_INIT(RANK_WAIT_QUEUE), .waiters = LIST_INIT((name).waiters)               \
    }

void wait_queue_init(struct wait_queue *queue);

/* Before its storage goes; panics if somebody waits. */
void wait_queue_fini(struct wait_queue *queue);

/* Put `entry` into the queue, again if a wake-up took it out. */
void wait_prepare(struct wait_queue *queue, struct wait_entry *entry);

/* Take it out; before its storage goes. */
void wait_finish(struct wait_queue *queue, struct wait_entry *entry);

/* Wake the first waiter, or all that wait now. */
void wait_wake_one(struct wait_queue *queue);
void wait_wake_all(struct wait_queue *queue);

/* Wait until `condition` holds or the clock reaches deadline_ns; sets *(status_out) to EXO_OK or
 * EXO_ERR_TIMED_OUT; it cannot be interrupted. The condition is evaluated with no lock held, at
 * least once, and once more after the deadline. */
#define WAIT_UNTIL(queue, condition, deadline_ns, status_out)                                      \
    WAIT_UNTIL_BY(sync_park, queue, condition, deadline_ns, status_out)

/* The same, cut short by thread_interrupt() and thread_kill(): EXO_ERR_INTERRUPTED, unless the
 * condition holds then. */
#define WAIT_INTERRUPTIBLY(queue, condition, deadline_ns, status_out)                              \
    WAIT_UNTIL_BY(sync_park_interruptible, queue, condition, deadline_ns, status_out)

#define WAIT_UNTIL_BY(park, queue, condition, deadline_ns, status_out)                             \
    do {                                                                                           \
        struct wait_entry wait_entry_ = { .thread = hal_current() };                               \
        exo_status_t wait_status_ = EXO_OK;                                                        \
                                                                                                   \
        list_init(&wait_entry_.node);                                                              \
        for (;;) {                                                                                 \
            wait_prepare((queue), &wait_entry_);                                                   \
            if (condition) {                                                                       \
                wait_status_ = EXO_OK;                                                             \
                break;                                                                             \
            }                                                                                      \
            if (wait_status_ != EXO_OK) {                                                          \
                break;                                                                             \
            }                                                                                      \
            wait_status_ = park(deadline_ns);                                                      \
        }                                                                                          \
        wait_finish((queue), &wait_entry_);                                                        \
        *(status_out) = wait_status_;                                                              \
    } while (0)

/* ---- completion: one event that happens once; whoever saw it may let the storage go as soon as no
 * other waiter is in a call ---- */

struct completion {
    struct wait_queue queue;
    _Atomic bool done;
};

#define COMPLETION_INIT(name)                                                                      \
    {                                                                                              \
        .queue = WAIT_QUEUE_INIT((name).queue), .done = false                                      \
    }

void completion_init(struct completion *completion);
void completion_fini(struct completion *completion);     /* panics if somebody waits */
void completion_complete(struct completion *completion); /* any context but NMI */
/* Errors: EXO_ERR_TIMED_OUT, EXO_ERR_INTERRUPTED. */
EXO_MUST_CHECK exo_status_t completion_wait(struct completion *completion, uint64_t deadline_ns);

#endif /* EXO_SYNC_WAIT_H */
