/*
 * tests/core/ipc/threads.h - a thread for a test, wherever the scheduler puts it.
 */
#ifndef TESTS_CORE_IPC_THREADS_H
#define TESTS_CORE_IPC_THREADS_H

#include "exo/sched/thread.h"
#include "exo_check.h"

/* Run entry(arg); to be joined. */
static inline struct thread *test_thread(const char *name, void (*entry)(void *), void *arg)
{
    const struct thread_spec spec = {
        .name = name, .entry = entry, .arg = arg, .cpu = THREAD_ANY_CPU
    };
    struct thread *thread = NULL;

    ck_assert_int_eq(thread_create(&spec, &thread), EXO_OK);
    return thread;
}

#endif /* TESTS_CORE_IPC_THREADS_H */
