/*
 * workers.h - threads that tests of locks start and join by the dozen.
 */
#ifndef TESTS_CORE_SYNC_WORKERS_H
#define TESTS_CORE_SYNC_WORKERS_H

#include "exo/sched/thread.h"
#include "exo/sync/wait.h"
#include "exo_check.h"

static inline void start(struct thread **thread, void (*entry)(void *), void *arg)
{
    const struct thread_spec spec = {
        .name = "worker", .entry = entry, .arg = arg, .cpu = THREAD_ANY_CPU
    };

    ck_assert_int_eq(thread_create(&spec, thread), EXO_OK);
}

static inline void start_all(struct thread *thread[], uint32_t count, void (*entry)(void *),
                             void *arg)
{
    for (uint32_t i = 0; i < count; i++) {
        start(&thread[i], entry, arg);
    }
}

static inline void join_all(struct thread *thread[], uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        thread_join(thread[i], NULL);
    }
}

/* How many wait in `queue`. */
static inline uint32_t queued(struct wait_queue *queue)
{
    uint32_t count = 0;
    const hal_irq_t irq = spin_lock_irq(&queue->lock);

    LIST_FOR_EACH(node, &queue->waiters)
    {
        count++;
    }
    spin_unlock_irq(&queue->lock, irq);
    return count;
}

/* How many threads are ready to run but do not. */
static inline uint32_t ready_count(void)
{
    static struct thread_info facts[256];
    const size_t count = min_u64(thread_list(facts, ARRAY_COUNT(facts)), ARRAY_COUNT(facts));
    uint32_t ready = 0;

    for (size_t i = 0; i < count; i++) {
        ready += facts[i].state == 'r' ? 1 : 0;
    }
    return ready;
}

/* From here on the calling thread is a real-time thread of CPU 0, until all_cpus(). */
static inline void one_cpu(uint32_t priority)
{
    ck_assert_int_eq(thread_affinity_set(thread_current(), 1), EXO_OK);
    ck_assert_int_eq(thread_class_set(thread_current(), THREAD_CLASS_FIFO, priority), EXO_OK);
}

static inline void all_cpus(void)
{
    ck_assert_int_eq(thread_class_set(thread_current(), THREAD_CLASS_NORMAL, 0), EXO_OK);
    ck_assert_int_eq(thread_affinity_set(thread_current(), AFFINITY_ALL), EXO_OK);
}

/* Start a real-time thread on CPU 0: if it is more urgent than the caller, who is there too, it has
 * run until it blocked or ended when this returns. */
static inline void start_on_one_cpu(struct thread **thread, void (*entry)(void *), void *arg,
                                    uint32_t priority)
{
    const struct thread_spec spec = { .name = "worker", .entry = entry, .arg = arg, .cpu = 0 };

    ck_assert_int_eq(thread_create(&spec, thread), EXO_OK);
    ck_assert_int_eq(thread_class_set(*thread, THREAD_CLASS_FIFO, priority), EXO_OK);
}

#endif /* TESTS_CORE_SYNC_WORKERS_H */
