/*
 * sched_private.h - what the scheduler has per CPU, and what its files want of each other.
 */
#ifndef SCHED_PRIVATE_H
#define SCHED_PRIVATE_H

#include "exo/sched/sched.h"

#include "policy.h"

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
    uint64_t epoch_told;                     /* [p] of epoch_quiescent_since() */
    _Atomic uint32_t promised; /* [a] to deadline threads, in millionths of this CPU's time */
    struct thread idle;
} EXO_ALIGNED(CACHE_LINE);

extern struct sched_cpu g_sched_cpu[CPUS_MAX];
extern _Atomic uint32_t g_sched_cpu_limit; /* above the number of every CPU whose queue is made;
                                              only grows, by release */

static inline struct sched_cpu *sched_cpu(uint32_t cpu)
{
    return &g_sched_cpu[cpu];
}

/* One writer: no read-modify-write needed. */
static inline void count_up(_Atomic uint64_t *counter, uint64_t by)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + by,
                          memory_order_relaxed);
}

/* ---- switch.c ---- */

/* Switch to the thread that the policy chooses; the current one goes on later unless it is blocked
 * or dead.  Context: thread, interrupts off before and after, count zero, no lock held. May return
 * on another CPU. */
void sched_switch(void);

/* What every thread does first after a switch to it, its first time included.  Context: interrupts
 * off. */
void sched_arrive(void);

/* ---- wake.c ---- */

/* Make a thread that is in no queue and is not running ready; whoever wins the right to do so (park
 * word, creation) calls it once.  Context: any but NMI. */
void sched_make_ready(struct thread *thread);

/* Queue it there, `is_woken` or only moved.  Context: interrupts off. */
void sched_ready_on(struct thread *thread, uint32_t cpu, bool is_woken);

enum wake_action { WAKE_NOTHING, WAKE_RESCHED, WAKE_TICK, WAKE_KICK };

/* What the CPU of `target` must be told of `thread`, just queued there; the caller does so by
 * sched_wake_act() once the queue is unlocked. */
enum wake_action sched_wake_action_locked(struct sched_cpu *target, const struct thread *thread,
                                          bool is_here);
void sched_wake_act(struct sched_cpu *target, uint32_t cpu, enum wake_action action);

/* Put the thread's level into effect: `change` runs under the lock of its queue, and the thread is
 * queued anew if it waits. */
void sched_change(struct thread *thread, void (*change)(struct thread *thread, uint64_t value),
                  uint64_t value);

/* A `change` that stores the affinity mask. */
void sched_affinity_change(struct thread *thread, uint64_t mask);

/* Set the thread's own level; what it inherits may still be above it. */
void sched_own_level_set(struct thread *thread, uint8_t level);

void sched_on_resched(void);    /* HAL_IPI_RESCHED */
void sched_fence_on_call(void); /* HAL_IPI_CALL: fence.c */

/* Let the current thread of the queue pay for its time so far. */
static inline void sched_charge_current_locked(struct sched_cpu *self, uint64_t now)
{
    struct run_queue *const queue = &self->queue;

    if ((int64_t)(now - queue->charged_at) <= 0) {
        return; /* clocks of two CPUs may differ by a little */
    }
    count_up(&queue->current->run_cycles, now - queue->charged_at);
    g_sched_policy->charge(queue, queue->current, now - queue->charged_at);
    queue->charged_at = now;
}

/* ---- tick.c ---- */

/* Decide under the lock whether the tick has to be armed; the caller does so after unlocking. */
static inline bool sched_tick_claim_locked(struct run_queue *queue)
{
    if (queue->count == 0 || queue->tick_armed) {
        return false;
    }
    queue->tick_armed = true;
    return true;
}

void sched_tick_arm(struct sched_cpu *self);
void sched_on_tick(struct timer *timer); /* its callback */

/* ---- balance.c ---- */

/* The CPU for a thread that becomes ready: claimed, if it idles. */
uint32_t sched_select_cpu(struct thread *thread);

/* Take a waiting thread from another CPU; NULL if there is none. */
struct thread *sched_steal(struct sched_cpu *self, uint32_t here);

/* Learn which CPUs are near to each other.  Context: the first CPU's start. */
void sched_nodes_init(void);

/* Of the idle CPUs, those to try for a thread of `cpu`: of its node if one is among them, else all
 * if it may go far. */
uint64_t sched_candidates(uint64_t idle, uint32_t cpu, bool far_too);

/* A tick has passed while threads waited here: let CPUs of other nodes take them too. */
void sched_overdue(struct sched_cpu *self);

/* Give one cold thread to the CPU with the least to do, if that has at least two threads fewer, of
 * another node four. */
void sched_balance(struct sched_cpu *self);

/* Threads wait here that another CPU could run: if one idles, wake it to take one. */
void sched_nudge(void);

/* Anything on another CPU's queue that this one could run? */
bool sched_is_work_elsewhere(uint32_t here);

/* This CPU is about to idle; whoever claims it sends it an interrupt. */
void sched_idle_enter(uint32_t cpu);

/* Take an idle CPU for a thread that is about to be queued there. False if it is not idle. */
bool sched_idle_claim(uint32_t cpu);

/* ---- deadline.c, statistics.c ---- */

/* A deadline thread's budget is full again; its timer's callback. */
void sched_refill(struct timer *timer);

/* The current deadline thread has used up its budget; the callback of the CPU's timer. */
void sched_on_budget(struct timer *timer);

/* Give back what the deadline thread was promised. */
void sched_deadline_end(struct thread *thread);

/* How long it took from the thread's wake-up to this switch. */
void sched_latency_record(struct sched_cpu *self, struct thread *thread, uint64_t now);

#endif /* SCHED_PRIVATE_H */
