/*
 * thread_private.h - what a thread consists of, as the files of core/sched share it.
 */
#ifndef THREAD_PRIVATE_H
#define THREAD_PRIVATE_H

#include <stdatomic.h>

#include "exo/hal.h"
#include "exo/lib/list.h"
#include "exo/lib/pheap.h"
#include "exo/mem/heap_cache.h"
#include "exo/sched/thread.h"
#include "exo/sync/epoch.h"
#include "exo/sync/inherit.h"
#include "exo/time/timer.h"

enum thread_state { THREAD_READY, THREAD_RUNNING, THREAD_BLOCKED, THREAD_DEAD };

/* The word that a thread and its wakers agree by. */
enum park_word {
    PARK_EMPTY,
    PARK_PERMIT,  /* the next park returns at once, or a wake-up is on its way */
    PARK_PARKED,  /* asleep; whoever replaces this makes the thread ready */
    PARK_TIMEOUT, /* the deadline came first */
};

#define JOIN_NOBODY 0u
#define JOIN_EXITED                                                                                \
    1u /* it runs no more, not even on its stack; any other value is the joining thread */

/* Levels, the most urgent first; threads of a level go before all of those behind it. */
#define LEVEL_DEADLINE 0u
#define LEVEL_REALTIME 1u   /* of priority 99; priority p has level 100 - p */
#define LEVEL_NORMAL   101u /* shares by weight */
#define LEVEL_IDLE     102u /* only when nothing else is ready */

/* How long a thread runs at a time, by its moving average. */
enum temperature { TEMPERATURE_HOT, TEMPERATURE_NORMAL, TEMPERATURE_COLD, TEMPERATURES };

/* Which CPUs may run it. */
enum reach { REACH_ALL, REACH_SOME, REACH_ONE };

/* What sched_arrive() has to do for a thread that has left its CPU. */
enum aftermath { AFTER_NOTHING, AFTER_BURY, AFTER_MOVE };

struct run_queue;

/* What policies know of a thread: one cache line. [r] lock of the queue `home`; level is written
 * under it or by the thread's maker and read by anybody. */
struct sched_entity {
    struct list_node node; /* [r] linked while queued, unless in the heap of deadlines */
    uint64_t vtime;        /* [r] cycles run, scaled by 1024 / weight, on the scale of `home` */
    _Atomic(struct run_queue *) home; /* [r] where it was queued last, NULL at first */
    uint64_t burst;                   /* [r] cycles run since its last wake-up */
    uint64_t burst_limit;             /* [r] the burst that makes it warmer */
    uint32_t burst_average;           /* [r] moving average of its bursts, in units of 256 cycles */
    uint32_t inverse;                 /* [r] 2^26 / weight */
    _Atomic uint8_t level;            /* in effect: its own, or that of who waits for it */
    uint8_t queued_level;             /* [r] where it is queued */
    uint8_t bucket;                   /* [r] where in LEVEL_NORMAL */
    uint8_t temperature;              /* [r] enum temperature */
    uint8_t reach;       /* [r] enum reach: of thread->affinity, which is in another line */
    _Atomic bool queued; /* [r], and looked at from elsewhere by entity_is_in() */
    bool goes_last;      /* [p] it yielded, or its slice is over */
    bool round_robin;    /* [r] real time: slices among equals */
} EXO_ALIGNED(CACHE_LINE);

_Static_assert(sizeof(struct sched_entity) == CACHE_LINE,
               "10 000 threads cost one cache miss a turn");

static inline struct run_queue *entity_home(const struct sched_entity *entity)
{
    return atomic_load_explicit(&entity->home, memory_order_relaxed);
}

static inline void entity_home_set(struct sched_entity *entity, struct run_queue *queue)
{
    atomic_store_explicit(&entity->home, queue, memory_order_relaxed);
}

static inline bool entity_queued(const struct sched_entity *entity)
{
    return atomic_load_explicit(&entity->queued, memory_order_relaxed);
}

/* Release: who sees it queued sees its home. */
static inline void entity_queued_set(struct sched_entity *entity, bool queued)
{
    atomic_store_explicit(&entity->queued, queued, memory_order_release);
}

/* Whether it is in `queue`, whose lock is held. Another CPU may be queueing it elsewhere meanwhile,
 * under a lock that is not held here. */
static inline bool entity_is_in(const struct sched_entity *entity, const struct run_queue *queue)
{
    return atomic_load_explicit(&entity->queued, memory_order_acquire) &&
           entity_home(entity) == queue;
}

/* What a deadline thread asked for and has left. runtime_ns is 0 for all others. */
struct sched_budget {
    struct pheap_node node; /* [r] linked while queued in LEVEL_DEADLINE */
    uint64_t runtime_ns;    /* [s] */
    uint64_t relative_ns;   /* [s] */
    uint64_t period_ns;     /* [s] */
    uint64_t deadline_ns;   /* [r] of this instance, or inherited */
    uint64_t period_end_ns; /* [r] when the budget is filled up again */
    int64_t left_ns;        /* [r] */
    uint64_t refills;       /* [r] times it was filled up after it had been spent */
    bool is_spent;          /* [r] it waits for `refill`, in no queue */
    struct timer refill;
};

/* Keys: [c] constant once ready, [s] the thread itself, [p] the CPU whose current it is, [r] lock
 * of the run queue of `cpu`, [l] lock of the thread list, [i] lock of inheritance, [a] atomic by
 * the protocol of switch.c. */
struct thread {
    struct heap_cache heap;     /* [s] first: the heap finds it as hal_current() */
    struct sched_entity entity; /* the policy's */
    /* What every switch touches, in the next cache line. */
    struct hal_context context;   /* [p] valid while on_cpu is false */
    _Atomic uint64_t affinity;    /* [a] bit per CPU that it may run on */
    _Atomic uint64_t run_cycles;  /* [r] of the queue it runs from: on CPUs so far */
    _Atomic uint64_t switches;    /* [p] times switched to */
    _Atomic uint64_t ready_at;    /* [a] hal_cycles() of a wake-up not followed by a run, or 0 */
    _Atomic uint32_t state;       /* [a] enum thread_state */
    _Atomic bool on_cpu;          /* [a] a CPU is still on its stack */
    bool at_rest;                 /* [s] idle or in user mode: the epoch scheme need not wait */
    uint8_t aftermath;            /* [p] enum aftermath */
    bool has_deadlines;           /* [r] budget is in use */
    _Atomic uint32_t park;        /* [a] enum park_word */
    _Atomic uint32_t cpu;         /* [a] where it runs, is queued, or ran last */
    _Atomic uint64_t latency_max; /* [p] longest way from wake-up to run, in cycles */
    _Atomic uint64_t latency_sum; /* [p] all of them */
    _Atomic uint64_t wakeups;     /* [p] their number */
    struct sched_budget budget;
    uint64_t deadline_affinity;    /* [s] what it had before its deadlines */
    uint32_t promised;             /* [s] millionths of its CPU */
    _Atomic uint8_t own_level;     /* [i] written: as asked for, without inheritance */
    struct inherit_donor *donates; /* [i] its part in a lock that it waits for, or NULL */
    struct list_node held;         /* [i] struct inherit.held_node of those that others wait for */
    _Atomic uint32_t signals;      /* [a] THREAD_SIGNAL_*: asked to stop waiting, or to end */
    _Atomic bool waits_lightly;    /* [s] its park may be cut short */
    struct timer sleep_timer;
    _Atomic uintptr_t join; /* [a] JOIN_* or the thread that waits */
    _Atomic uint32_t refs;
    int exit_status;                /* [s] then constant */
    uint32_t id;                    /* [c] */
    char name[THREAD_NAME_MAX];     /* [c] */
    void (*entry)(void *);          /* [c] */
    void *arg;                      /* [c] */
    void *user_data;                /* [s] */
    void *local[THREAD_LOCALS_MAX]; /* [s] */
    struct hal_stack
        stack; /* [c] whole; the struct lies at its top. base is NULL for idle threads */
    struct list_node all_node; /* [l] */
    struct epoch_node free_node;
};

#define THREAD_SIGNAL_INTERRUPT 1u
#define THREAD_SIGNAL_KILL      2u

/* Under the lock of its queue, or by its maker. */
static inline void thread_affinity_store(struct thread *thread, uint64_t mask)
{
    atomic_store_explicit(&thread->affinity, mask, memory_order_relaxed);
    thread->entity.reach = mask == AFFINITY_ALL       ? REACH_ALL
                           : (mask & (mask - 1)) != 0 ? REACH_SOME
                                                      : REACH_ONE;
}

/* May `cpu` run it? */
static inline bool thread_allows(const struct thread *thread, uint32_t cpu)
{
    return (atomic_load_explicit(&thread->affinity, memory_order_relaxed) >> cpu & 1) != 0;
}

#define STACK_FILL 0x57ac57ac57ac57acull /* what no frame of a stack has touched */

/* Fill in what all threads have in common. */
void thread_setup(struct thread *thread, const struct thread_spec *spec);

/* The thread `dead` has been left for ever: tell who waits for it and give up its own reference. */
void thread_bury(struct thread *dead);

/* The sleep timer's callback, in its interrupt. */
void thread_on_timeout(struct timer *timer);

/* The facts of a live thread, under the lock of the thread list. */
void thread_info_fill(const struct thread *thread, struct thread_info *out);

#endif /* THREAD_PRIVATE_H */
