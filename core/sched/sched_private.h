/*
 * sched_private.h - threads, run queues and the policy's table, as the files of core/sched share
 * them.
 */
#ifndef SCHED_PRIVATE_H
#define SCHED_PRIVATE_H

#include <stdatomic.h>

#include "exo/hal.h"
#include "exo/lib/list.h"
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

/* Keys: [c] constant once ready, [s] the thread itself, [p] the CPU whose current it is, [r] lock
 * of the run queue of `cpu`, [l] lock of the thread list, [a] atomic by the protocol of sched.c. */
struct thread {
    struct hal_context context;  /* [p] valid while on_cpu is false */
    _Atomic uint32_t state;      /* [a] enum thread_state */
    _Atomic uint32_t park;       /* [a] enum park_word */
    _Atomic uint32_t cpu;        /* [a] where it runs, is queued, or ran last */
    _Atomic bool on_cpu;         /* [a] a CPU is still on its stack */
    bool at_rest;                /* [s] idle or in user mode: the epoch scheme need not wait */
    uint32_t pinned;             /* [c] the only CPU it may run on, or THREAD_ANY_CPU */
    struct list_node run_node;   /* [r] linked while queued */
    _Atomic uint64_t run_cycles; /* [p] on CPUs so far */
    _Atomic uint64_t switches;   /* [p] times switched to */
    struct timer sleep_timer;
    _Atomic uintptr_t join; /* [a] JOIN_* or the thread that waits */
    _Atomic uint32_t refs;
    int exit_status;            /* [s] then constant */
    uint32_t id;                /* [c] */
    char name[THREAD_NAME_MAX]; /* [c] */
    void (*entry)(void *);      /* [c] */
    void *arg;                  /* [c] */
    void *user_data;            /* [s] */
    struct hal_stack
        stack; /* [c] whole; the struct lies at its top. base is NULL for idle threads */
    struct list_node all_node; /* [l] */
    struct epoch_node free_node;
};

struct run_queue {
    struct spinlock lock;
    struct list_node ready;     /* [r] the policy's; first come first served */
    uint32_t count;             /* [r] threads in it */
    _Atomic uint32_t stealable; /* [r] written; read by anybody: those not pinned */
    struct thread *current;     /* [r] */
    bool tick_armed;            /* [r] the tick timer is or will be pending */
    bool kicked;                /* [r] an interrupt is on its way that will look at this queue */
};

/* What the scheduler has per CPU. */
struct sched_cpu {
    struct run_queue queue;
    _Atomic bool online;
    struct thread *leaving;    /* [p] whom the switch under way leaves */
    uint64_t switched_at;      /* [p] hal_cycles() of the last switch */
    struct timer tick;         /* ends slices while threads wait */
    _Atomic uint64_t switches; /* [p] */
    _Atomic uint64_t stolen;   /* [p] */
    _Atomic uint64_t ticks;    /* [p] */
    struct thread idle;
} EXO_ALIGNED(CACHE_LINE);

/* A policy decides which ready thread is next; everything else is the scheduler's. All functions
 * are called with the queue's lock held. */
struct sched_policy {
    const char *name;
    uint64_t tick_ns; /* how often on_tick() is asked while threads wait */
    /* Queue `thread`, which was woken, or ran until now and could go on. */
    void (*enqueue)(struct run_queue *queue, struct thread *thread);
    /* Take out the thread to run next; NULL if there is none. */
    struct thread *(*pick)(struct run_queue *queue);
    /* Take out a thread that another CPU may run: not pinned, not on_cpu; NULL if there is none. */
    struct thread *(*steal)(struct run_queue *queue);
    /* True if the current thread, on its CPU for ran_ns, has to make way for those that wait. */
    bool (*on_tick)(struct run_queue *queue, uint64_t ran_ns);
    /* True if `woken` has to run before the current thread. */
    bool (*preempts)(const struct run_queue *queue, const struct thread *woken);
};

extern const struct sched_policy g_sched_policy_fifo;

struct sched_cpu *sched_cpu(uint32_t cpu);

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
