/*
 * exo/abi/ring.h - ring objects as programs see them: how one is made, and what happens when it is
 * full. What is done with a ring without the kernel stands in exo/abi/ring_ops.h.
 */
#ifndef EXO_ABI_RING_H
#define EXO_ABI_RING_H

#include "exo/abi/ring_ops.h"

/* Who uses a ring; both can be set. */
#define EXO_RING_MANY_PRODUCERS 1u /* exo_ring_put_shared(), else exo_ring_put() */
#define EXO_RING_MANY_CONSUMERS 2u /* exo_ring_take_shared(), else exo_ring_take() */

/* What a put does to a full ring. */
enum exo_ring_full {
    EXO_RING_FULL_WAITS,    /* sleeps until there is room, or its deadline */
    EXO_RING_FULL_REFUSES,  /* says so at once */
    EXO_RING_FULL_DROPS,    /* succeeds, and the message is lost */
    EXO_RING_FULL_REPLACES, /* the oldest message is lost; only with MANY_CONSUMERS */
};

enum exo_ring_side {
    EXO_RING_PRODUCER,
    EXO_RING_CONSUMER,
};

/* What a ring was made with. */
struct exo_ring_info {
    uint64_t slots;
    uint32_t flags; /* EXO_RING_MANY_* */
    uint32_t full;  /* enum exo_ring_full */
};

#endif /* EXO_ABI_RING_H */
