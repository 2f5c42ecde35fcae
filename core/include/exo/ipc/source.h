/*
 * exo/ipc/source.h - what can be waited for: a set of signals inside an object.
 *
 * Signals are bits that are set and stay until somebody takes them; those in `kept` stay for ever.
 * Threads wait for some of them, and ports (exo/ipc/port.h) are told of them.
 *
 * Locks:   RANK_SOURCE, RANK_PORT and RANK_WAIT_QUEUE inside.
 * Context: any but NMI, unless it says otherwise.
 */
#ifndef EXO_IPC_SOURCE_H
#define EXO_IPC_SOURCE_H

#include <stdatomic.h>

#include "exo/abi/signal.h"
#include "exo/abi/status.h"
#include "exo/lib/types.h"
#include "exo/sync/spinlock.h"
#include "exo/sync/wait.h"

#define SOURCE_BINDINGS_MAX 64u /* ports are told under the lock */

/* Keys: [c] constant after init, [l] guarded by lock, [a] atomic, written under the lock. */
struct source {
    struct spinlock lock;      /* RANK_SOURCE */
    _Atomic uint64_t signals;  /* [a] and SOURCE_CLOSED */
    uint64_t kept;             /* [c] */
    struct list_node bindings; /* [l] of ports */
    uint32_t bindings_count;   /* [l] */
    struct wait_queue waiters;
};

void source_init(struct source *source, uint64_t kept);
void source_fini(struct source *source); /* panics if it is bound, or somebody waits */

/* Set signals, of EXO_SIGNALS_ALL; wake and tell who waits for them. */
void source_set(struct source *source, uint64_t signals);

/* Clear signals, kept ones too. */
void source_clear(struct source *source, uint64_t signals);

/* Nobody will set signals any more: who waits for others than are set is told EXO_ERR_DEAD. */
void source_close(struct source *source);

/* Wait until one of `want` is set; *got tells which of them are, and those not kept are taken.
 * Context: thread, may block; not at all if deadline_ns is 0.
 * Errors:  EXO_ERR_TIMED_OUT, EXO_ERR_INTERRUPTED, EXO_ERR_DEAD. */
EXO_MUST_CHECK exo_status_t source_wait(struct source *source, uint64_t want, uint64_t deadline_ns,
                                        uint64_t *got);

#endif /* EXO_IPC_SOURCE_H */
