/*
 * policy.h - run queues, and the table of functions that is a scheduling policy.
 */
#ifndef SCHED_POLICY_H
#define SCHED_POLICY_H

#include "exo/sync/spinlock.h"

#include "thread_private.h"

#define BUCKETS 64u /* of virtual time in LEVEL_NORMAL: one word of bits */

struct run_queue {
    struct spinlock lock;
    uint32_t count;             /* [r] threads in it */
    uint64_t level_bits[2];     /* [r] bit per level that has threads */
    uint64_t bucket_bits;       /* [r] bit per bucket that has threads */
    _Atomic uint64_t base;      /* [r] written: number of the earliest bucket; only grows */
    _Atomic uint32_t stealable; /* [r] written; read by anybody: those that any CPU may run */
    _Atomic uint32_t choosy;    /* [r] written: those that some other CPUs may run */
    _Atomic bool is_overdue;    /* threads have waited here for a tick: other nodes may take one */
    struct thread *current;     /* [r] */
    uint64_t charged_at;        /* [r] hal_cycles() up to which the current thread has paid */
    uint64_t debt;              /* [r] of limit.h, in cycles */
    bool is_limited;            /* [r] real-time threads make way until it is paid back */
    bool tick_armed;            /* [r] the tick timer is or will be pending */
    bool kicked;                /* [r] an interrupt is on its way that will look at this queue */
    bool look_again;            /* [r] and ask the policy whether the current one may stay */
    struct pheap deadlines;     /* [r] LEVEL_DEADLINE, earliest first */
    struct list_node bucket[BUCKETS];       /* [r] LEVEL_NORMAL */
    struct list_node level[LEVEL_IDLE + 1]; /* [r] the others; round robin uses the first */
};

/* A policy decides which ready thread is next; everything else is the scheduler's. All functions
 * are called with the queue's lock held. */
struct sched_policy {
    const char *name;
    bool heeds_classes; /* levels, deadlines and inheritance mean something */
    uint64_t tick_ns;   /* how often on_tick() is asked while threads wait */
    /* The boot CPU's first call: learn the machine's speed. */
    void (*init)(struct run_queue *queue);
    /* `thread`, taken out of another CPU's queue, is this one's from now on and will run without
     * being queued here. */
    void (*adopt)(struct run_queue *queue, struct thread *thread);
    /* `thread`, or the CPU's idle thread, has run on this CPU for `cycles` more. */
    void (*charge)(struct run_queue *queue, struct thread *thread, uint64_t cycles);
    /* Queue `thread`, which was woken, or ran until now and could go on. */
    void (*enqueue)(struct run_queue *queue, struct thread *thread, bool is_woken);
    /* Take out the thread to run next; NULL if there is none. */
    struct thread *(*pick)(struct run_queue *queue);
    /* charge(), enqueue() and pick() in one, for the current thread `prev`, which could go on but
     * whose turn may be over, while others wait: the way of every preemption and yield. If `prev`
     * is out of budget, it is not queued afterwards. */
    struct thread *(*turn)(struct run_queue *queue, struct thread *prev, uint64_t cycles);
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

extern const struct sched_policy *g_sched_policy; /* the one in force; constant from the boot on */

/* All fields of an empty queue but its current thread. */
void run_queue_init(struct run_queue *queue);

static inline void count_change(_Atomic uint32_t *counter, uint32_t change)
{
    /* Written under the queue's lock only. */
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + change,
                          memory_order_relaxed);
}

/* Keep `count` and what other CPUs see of it right: a thread comes (1) or goes (-1). */
static inline void run_queue_count(struct run_queue *queue, const struct thread *thread, int change)
{
    queue->count += (uint32_t)change;
    if (EXO_LIKELY(thread->entity.reach == REACH_ALL)) {
        count_change(&queue->stealable, (uint32_t)change);
    } else if (thread->entity.reach == REACH_SOME) {
        count_change(&queue->choosy, (uint32_t)change);
    }
}

/* The first of the list's first few threads that `find` of a policy asks for. */
struct thread *run_queue_scan(struct list_node *list, uint32_t thief, bool cold_only);

/* The weight of a normal thread, as 2^26 / weight; nice 0 weighs 1024. */
uint32_t sched_inverse_weight(int nice);
int sched_nice_of(uint32_t inverse); /* the other way round */

#endif /* SCHED_POLICY_H */
