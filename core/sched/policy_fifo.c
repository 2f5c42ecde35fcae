/*
 * core/sched/policy_fifo.c - plain round robin: one queue per CPU, first come first served, equal
 * slices, whatever the threads' priorities.
 *
 * Invariant: the queue's first level holds all threads; `count` and the list change together.
 */
#include "sched_private.h"

#define SLICE_NS 10000000u      /* a thread runs this long at most while others wait */
#define TICK_NS  (SLICE_NS / 2) /* and half of it at least */

static void fifo_init(struct run_queue *queue)
{
    (void)queue;
}

static void fifo_adopt(struct run_queue *queue, struct thread *thread)
{
    entity_home_set(&thread->entity, queue);
}

static void fifo_charge(struct run_queue *queue, struct thread *thread, uint64_t cycles)
{
    (void)queue;
    (void)thread;
    (void)cycles;
}

static void fifo_enqueue(struct run_queue *queue, struct thread *thread, bool is_woken)
{
    (void)is_woken;
    entity_home_set(&thread->entity, queue);
    entity_queued_set(&thread->entity, true);
    thread->entity.goes_last = false;
    list_add_tail(&queue->level[0], &thread->entity.node);
    run_queue_count(queue, thread, 1);
}

static void fifo_dequeue(struct run_queue *queue, struct thread *thread)
{
    list_remove(&thread->entity.node);
    entity_queued_set(&thread->entity, false);
    run_queue_count(queue, thread, -1);
}

static struct thread *fifo_pick(struct run_queue *queue)
{
    if (list_is_empty(&queue->level[0])) {
        return NULL;
    }
    struct thread *const thread = container_of(queue->level[0].next, struct thread, entity.node);

    fifo_dequeue(queue, thread);
    return thread;
}

static struct thread *fifo_turn(struct run_queue *queue, struct thread *prev, uint64_t cycles)
{
    (void)cycles;
    fifo_enqueue(queue, prev, false);
    return fifo_pick(queue);
}

static struct thread *fifo_find(struct run_queue *queue, uint32_t thief, bool cold_only)
{
    (void)cold_only;
    return run_queue_scan(&queue->level[0], thief, false);
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
    .name = "rr",
    .tick_ns = TICK_NS,
    .init = fifo_init,
    .adopt = fifo_adopt,
    .charge = fifo_charge,
    .enqueue = fifo_enqueue,
    .pick = fifo_pick,
    .turn = fifo_turn,
    .dequeue = fifo_dequeue,
    .find = fifo_find,
    .on_tick = fifo_on_tick,
    .preempts = fifo_preempts,
};
