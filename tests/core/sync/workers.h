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

#endif /* TESTS_CORE_SYNC_WORKERS_H */
