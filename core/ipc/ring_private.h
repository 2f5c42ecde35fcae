/*
 * core/ipc/ring_private.h - layout of a ring object, shared by ring.c and ring_wait.c.
 */
#ifndef CORE_IPC_RING_PRIVATE_H
#define CORE_IPC_RING_PRIVATE_H

#include <stdatomic.h>

#include "exo/ipc/ring.h"
#include "exo/lib/types.h"
#include "exo/mem/object.h"
#include "exo/sync/spinlock.h"

/* Keys: [c] constant after create, [a] atomic, [l] guarded by the ring's lock, [o] by the thread
 * that is `owner`. */
struct ring_end {
    struct exo_ring view;           /* shared, mask [c]; position [o] */
    _Atomic(struct thread *) owner; /* [a] set under the lock; NULL for a side for many */
    bool is_for_many;               /* [c] */
    uint32_t waiting;               /* [l] have announced themselves and not left */
    uint32_t permits;               /* [l] wake-ups not used up by those who leave */
    uint64_t sleeps;                /* [l] */
    uint64_t wakes;                 /* [l] */
} EXO_ALIGNED(CACHE_LINE);

struct ring {
    struct kobj object;
    struct vm_object pages; /* what areas show: they keep the memory, also after the object's end */
    struct exo_ring_shared *shared; /* [c] the kernel's mapping */
    size_t frames;                  /* [c] of `shared`, contiguous */
    struct ring_spec spec;          /* [c] */
    _Atomic uint64_t lost;          /* [a] */
    struct spinlock lock;           /* RANK_RING */
    uint32_t closing;               /* [l] 0, EXO_RING_CLOSED, with EXO_RING_SEALED */
    struct ring_end end[RING_SIDES];
};

#endif /* CORE_IPC_RING_PRIVATE_H */
