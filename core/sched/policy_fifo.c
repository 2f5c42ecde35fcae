/*
 * core/sched/policy_fifo.c - round robin: one queue per CPU, first come first served, equal slices.
 *
 * Invariant: `ready`, `count` and `stealable` change together, under the queue's lock.
 */
#include "sched_private.h"

#define SLICE_NS 10000000u      /* a thread runs this long at most while others wait */
#define TICK_NS  (SLICE_NS / 2) /* and half of it at least */

static void stealable_add(struct run_queue *queue, const struct thread *thread, uint32_t change)
{
    if (thread->pinned == THREAD_ANY_CPU) {
        const uint32_t now = atomic_load_explicit(&queue->stealable, memory_order_relaxed);

        atomic_store_explicit(&queue->stealable, now + change, memory_order_relaxed);
    }
}

static void fifo_enqueue(struct run_queue *queue, struct thread *thread)
{
    list_add_tail(&queue->ready, &thread->run_node);
    queue->count++;
    stealable_add(queue, thread, 1);
}

static void take_out(struct run_queue *queue, struct thread *thread)
{
    list_remove(&thread->run_node);
    queue->count--;
    stealable_add(queue, thread, UINT32_MAX); /* minus one */
}

static struct thread *fifo_pick(struct run_queue *queue)
{
    if (list_is_empty(&queue->ready)) {
        return NULL;
    }
    struct thread *const thread = container_of(queue->ready.next, struct thread, run_node);

    take_out(queue, thread);
    return thread;
}

static struct thread *fifo_steal(struct run_queue *queue)
{
    LIST_FOR_EACH(node, &queue->ready)
    {
        struct thread *const thread = container_of(node, struct thread, run_node);

        /* Acquire: its saved context is whole before another CPU runs it. */
        if (thread->pinned == THREAD_ANY_CPU &&
            !atomic_load_explicit(&thread->on_cpu, memory_order_acquire)) {
            take_out(queue, thread);
            return thread;
        }
    }
    return NULL;
}

static bool fifo_on_tick(struct run_queue *queue, uint64_t ran_ns)
{
    return queue->count > 0 && ran_ns >= SLICE_NS / 2;
}

static bool fifo_preempts(const struct run_queue *queue, const struct thread *woken)
{
    (void)queue;
    (void)woken;
    return false;
}

const struct sched_policy g_sched_policy_fifo = {
    .name = "fifo",
    .tick_ns = TICK_NS,
    .enqueue = fifo_enqueue,
    .pick = fifo_pick,
    .steal = fifo_steal,
    .on_tick = fifo_on_tick,
    .preempts = fifo_preempts,
};
