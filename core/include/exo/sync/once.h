/*
 * exo/sync/once.h - something that is done by whoever needs it first, and once.
 *
 * Context: thread, may block.  Locks: RANK_WAIT_QUEUE inside; none while the function runs.
 */
#ifndef EXO_SYNC_ONCE_H
#define EXO_SYNC_ONCE_H

#include "exo/sync/wait.h"

enum once_state {
    ONCE_NEW,
    ONCE_RUNNING,
    ONCE_DONE,
};

struct once {
    _Atomic uint32_t state;          /* [a] enum once_state */
    _Atomic(struct thread *) runner; /* [a] who calls the function, to check that it does not wait
                                        for itself */
    struct wait_queue queue;
};

#define ONCE_INIT(name)                                                                            \
    {                                                                                              \
        .state = ONCE_NEW, .queue = WAIT_QUEUE_INIT((name).queue)                                  \
    }

void once_init(struct once *once);
void once_fini(struct once *once); /* panics if its function runs */

/* Out of line: not known to be done. */
exo_status_t once_run_slow(struct once *once, exo_status_t (*fn)(void *arg), void *arg);

/* Return EXO_OK once fn has succeeded, whoever called it; call it if nobody has or does. If it
 * fails, its caller gets its status and the next one in line tries again. If fn runs the
 * same once, it panics.  Errors: those of fn. */
EXO_MUST_CHECK static inline exo_status_t once_run(struct once *once, exo_status_t (*fn)(void *arg),
                                                   void *arg)
{
    /* Acquire: what fn did is seen by all who come later. */
    if (EXO_LIKELY(atomic_load_explicit(&once->state, memory_order_acquire) == ONCE_DONE)) {
        return EXO_OK;
    }
    return once_run_slow(once, fn, arg);
}

#endif /* EXO_SYNC_ONCE_H */
