/*
 * sched_private.h - threads, run queues and the policy's table, as the files of core/sched share
 * them.
 */
#ifndef SCHED_PRIVATE_H
#define SCHED_PRIVATE_H

#include <stdatomic.h>

#include "exo/hal.h"
#include "exo/lib/list.h"
#include "exo/lib/pheap.h"
#include "exo/mem/heap_cache.h"
#include "exo/sched/inherit.h"
#include "exo/sched/sched.h"
#include "exo/sched/thread.h"
#include "exo/sync/epoch.h"
#include "exo/sync/spinlock.h"
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

struct run_queue;

/* What policies know of a thread: one cache line. [r] lock of the queue `home`; level is written
 * under it or by the thread's maker and read by anybody. */
struct sched_entity {
    struct list_node node;  /* [r] linked while queued, unless in the heap of deadlines */
    uint64_t vtime;         /* [r] cycles run, scaled by 1024 / weight, on the scale of `home` */
    struct run_queue *home; /* [r] where it was queued last, NULL at first */
    uint64_t burst;         /* [r] cycles run since its last wake-up */
    uint64_t burst_average; /* [r] moving average of its bursts, in cycles */
    uint32_t inverse;       /* [r] 2^26 / weight */
    _Atomic uint8_t level;  /* in effect: its own, or that of who waits for it */
    uint8_t queued_level;   /* [r] where it is queued */
    uint8_t bucket;         /* [r] where in LEVEL_NORMAL */
    uint8_t temperature;    /* [r] enum temperature */
    bool queued;            /* [r] */
    bool goes_last;         /* [p] it yielded, or its slice is over */
    bool round_robin;       /* [r] real time: slices among equals */
} EXO_ALIGNED(CACHE_LINE);

/* What a deadline thread asked for and has left. runtime_ns is 0 for all others. */
struct sched_budget {
    struct pheap_node node; /* [r] linked while queued in LEVEL_DEADLINE */
    uint64_t runtime_ns;    /* [s] */
    uint64_t relative_ns;   /* [s] */
    uint64_t period_ns;     /* [s] */
    uint64_t deadline_ns;   /* [r] of this instance, or inherited */
    uint64_t period_end_ns; /* [r] when the budget is filled up again */
    int64_t left_ns;        /* [r] */
    bool is_spent;          /* [r] it waits for `refill`, in no queue */
    struct timer refill;
};

/* Keys: [c] constant once ready, [s] the thread itself, [p] the CPU whose current it is, [r] lock
 * of the run queue of `cpu`, [l] lock of the thread list, [i] lock of inheritance, [a] atomic by
 * the protocol of sched.c. */
struct thread {
    struct heap_cache heap;     /* [s] first: the heap finds it as hal_current() */
    struct sched_entity entity; /* the policy's */
    /* What every switch touches, in the next cache line. */
    struct hal_context context;   /* [p] valid while on_cpu is false */
    _Atomic uint64_t affinity;    /* [a] bit per CPU that it may run on */
    _Atomic uint64_t run_cycles;  /* [p] on CPUs so far */
    _Atomic uint64_t switches;    /* [p] times switched to */
    _Atomic uint64_t ready_at;    /* [a] hal_cycles() of a wake-up not followed by a run, or 0 */
    _Atomic uint32_t state;       /* [a] enum thread_state */
    _Atomic bool on_cpu;          /* [a] a CPU is still on its stack */
    bool at_rest;                 /* [s] idle or in user mode: the epoch scheme need not wait */
    bool is_moving;               /* [p] it leaves a CPU that it may not run on any more */
    bool has_deadlines;           /* [r] budget is in use */
    _Atomic uint32_t park;        /* [a] enum park_word */
    _Atomic uint32_t cpu;         /* [a] where it runs, is queued, or ran last */
    _Atomic uint64_t latency_max; /* [p] longest way from wake-up to run, in cycles */
    struct sched_budget budget;
    uint64_t deadline_affinity;  /* [s] what it had before its deadlines */
    uint32_t promised;           /* [s] millionths of its CPU */
    uint8_t own_level;           /* [i] as asked for, without inheritance */
    struct inherit *waits_for;   /* [i] NULL if for none */
    struct list_node donor_node; /* [i] in waits_for->donors */
    struct list_node held;       /* [i] struct inherit.held_node of those that others wait for */
    _Atomic uint32_t signals;    /* [a] THREAD_SIGNAL_*: asked to stop waiting, or to end */
    _Atomic bool waits_lightly;  /* [s] its park may be cut short */
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

#define BUCKETS 64u /* of virtual time in LEVEL_NORMAL: one word of bits */

struct run_queue {
    struct spinlock lock;
    uint32_t count;             /* [r] threads in it */
    uint64_t level_bits[2];     /* [r] bit per level that has threads */
    uint64_t bucket_bits;       /* [r] bit per bucket that has threads */
    _Atomic uint64_t base;      /* [r] written: number of the earliest bucket; only grows */
    _Atomic uint32_t stealable; /* [r] written; read by anybody: those that any CPU may run */
    _Atomic uint32_t choosy;    /* [r] written: those that some other CPUs may run */
    struct thread *current;     /* [r] */
    uint64_t charged_at;        /* [r] hal_cycles() up to which the current thread has paid */
    bool tick_armed;            /* [r] the tick timer is or will be pending */
    bool kicked;                /* [r] an interrupt is on its way that will look at this queue */
    bool look_again;            /* [r] and ask the policy whether the current one may stay */
    struct pheap deadlines;     /* [r] LEVEL_DEADLINE, earliest first */
    struct list_node bucket[BUCKETS];       /* [r] LEVEL_NORMAL */
    struct list_node level[LEVEL_IDLE + 1]; /* [r] the others; round robin uses the first */
};

#define LATENCY_STEPS SCHED_LATENCY_STEPS

/* What the scheduler has per CPU. */
struct sched_cpu {
    struct run_queue queue;
    _Atomic bool online;
    struct thread *leaving;                  /* [p] whom the switch under way leaves */
    uint64_t switched_at;                    /* [p] hal_cycles() of the last switch */
    struct timer tick;                       /* ends slices while threads wait */
    struct timer budget;                     /* ends the budget of a deadline thread */
    _Atomic uint64_t switches;               /* [p] */
    _Atomic uint64_t stolen;                 /* [p] */
    _Atomic uint64_t moved;                  /* [p] cold threads given to other CPUs by balancing */
    _Atomic uint64_t ticks;                  /* [p] */
    _Atomic uint64_t latency[LATENCY_STEPS]; /* [p] */
    _Atomic uint32_t promised; /* [a] to deadline threads, in millionths of this CPU's time */
    struct thread idle;
} EXO_ALIGNED(CACHE_LINE);

/* A policy decides which ready thread is next; everything else is the scheduler's. All functions
 * are called with the queue's lock held. */
struct sched_policy {
    const char *name;
    uint64_t tick_ns; /* how often on_tick() is asked while threads wait */
    /* The boot CPU's first call: learn the machine's speed. */
    void (*init)(struct run_queue *queue);
    /* `thread` has run on this CPU for `cycles` more. */
    void (*charge)(struct run_queue *queue, struct thread *thread, uint64_t cycles);
    /* Queue `thread`, which was woken, or ran until now and could go on. */
    void (*enqueue)(struct run_queue *queue, struct thread *thread, bool is_woken);
    /* Take out the thread to run next; NULL if there is none. */
    struct thread *(*pick)(struct run_queue *queue);
    /* Take out `thread`, which is queued here. */
    void (*dequeue)(struct run_queue *queue, struct thread *thread);
    /* Find a thread that CPU `thief` may run, not on_cpu, and only a cold one if asked; it stays
     * queued. NULL if there is none among the first few. */
    struct thread *(*find)(struct run_queue *queue, uint32_t thief, bool cold_only);
    /* True if the current thread, on its CPU for ran_ns, has to make way for those that wait. */
    bool (*on_tick)(struct run_queue *queue, uint64_t ran_ns);
    /* True if `woken` has to run before the current thread. */
    bool (*preempts)(const struct run_queue *queue, const struct thread *woken);
};

extern const struct sched_policy g_sched_policy_fair;
extern const struct sched_policy g_sched_policy_fifo;

struct sched_cpu *sched_cpu(uint32_t cpu);

/* All fields of an empty queue but its current thread. */
void run_queue_init(struct run_queue *queue);

/* May `cpu` run it? */
static inline bool thread_allows(const struct thread *thread, uint32_t cpu)
{
    return (atomic_load_explicit(&thread->affinity, memory_order_relaxed) >> cpu & 1) != 0;
}

static inline void count_change(_Atomic uint32_t *counter, uint32_t change)
{
    /* Written under the queue's lock only. */
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + change,
                          memory_order_relaxed);
}

/* Keep `count` and what other CPUs see of it right: a thread comes (1) or goes (-1). */
static inline void run_queue_count(struct run_queue *queue, const struct thread *thread, int change)
{
    const uint64_t affinity = atomic_load_explicit(&thread->affinity, memory_order_relaxed);

    queue->count += (uint32_t)change;
    if (EXO_LIKELY(affinity == AFFINITY_ALL)) {
        count_change(&queue->stealable, (uint32_t)change);
    } else if ((affinity & (affinity - 1)) != 0) {
        count_change(&queue->choosy, (uint32_t)change);
    }
}

/* The first of the list's first few threads that `find` of a policy asks for. */
struct thread *run_queue_scan(struct list_node *list, uint32_t thief, bool cold_only);

/* The weight of a normal thread, as 2^26 / weight; nice 0 weighs 1024. */
uint32_t sched_inverse_weight(int nice);

/* Put the thread's level into effect: `change` runs under the lock of its queue, and the thread is
 * queued anew if it waits. */
void sched_change(struct thread *thread, void (*change)(struct thread *thread, uint64_t value),
                  uint64_t value);

/* Set the thread's own level; what it inherits may still be above it. */
void sched_own_level_set(struct thread *thread, uint8_t level);

/* A deadline thread's budget is full again; its timer's callback. */
void sched_refill(struct timer *timer);

/* Give back what the deadline thread was promised. */
void sched_deadline_end(struct thread *thread);

/* Switch to the thread that the policy chooses; the current one goes on later unless it is blocked
 * or dead.  Context: thread, interrupts off before and after, count zero, no lock held. May return
 * on another CPU. */
void sched_switch(void);

/* What every thread does first after a switch to it, its first time included.  Context: interrupts
 * off. */
void sched_arrive(void);

/* Make a thread that is in no queue and is not running ready; whoever wins the right to do so (park
 * word, creation) calls it once.  Context: any but NMI. */
void sched_make_ready(struct thread *thread);

/* Fill in what all threads have in common. */
void thread_setup(struct thread *thread, const struct thread_spec *spec);

/* The thread `dead` has been left for ever: tell who waits for it and give up its own reference. */
void thread_bury(struct thread *dead);

void sched_on_resched(void); /* HAL_IPI_RESCHED */

#endif /* SCHED_PRIVATE_H */
