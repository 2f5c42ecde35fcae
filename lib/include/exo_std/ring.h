/*
 * exo_std/ring.h - rings: messages of 56 bytes between processes, without the kernel as long as
 * nobody has to sleep.
 *
 * One process makes the ring and gives a capability to the other; each opens the side that it uses.
 * A side that is not for many is one thread's only. Who cannot go on sleeps; to wake him costs the
 * other side a call, but only when somebody sleeps.
 */
#ifndef EXO_STD_RING_H
#define EXO_STD_RING_H

#include "exo/abi/cap.h"
#include "exo/abi/ring.h"
#include "exo/abi/status.h"

#define EXO_FOREVER UINT64_MAX /* a deadline that never comes */

/* One side of a ring, as its user has it. */
struct exo_ring_end {
    struct exo_ring ring;
    exo_cap_t cap;
    struct exo_ring_info info;
    enum exo_ring_side side;
    uint64_t lost;  /* messages that a full ring dropped or replaced */
    uint32_t spins; /* how often to look again before sleeping; 0 at first */
};

/* Make an empty ring.
 * Errors: EXO_ERR_INVALID (slots not a power of two between 2 and EXO_RING_SLOTS_MAX, flags, a
 *         REPLACES without MANY_CONSUMERS), EXO_ERR_NO_MEMORY, EXO_ERR_NO_RESOURCES. */
exo_status_t exo_ring_create(const struct exo_ring_info *info, exo_cap_t *ring);

/* Map a ring and begin with its first message. A capability opens each side once; a side for many,
 * once in each process.
 * Errors: EXO_ERR_BAD_CAP, EXO_ERR_WRONG_TYPE, EXO_ERR_ACCESS_DENIED (no EXO_RIGHT_RING_MAP),
 *         EXO_ERR_NO_MEMORY. */
exo_status_t exo_ring_open(exo_cap_t ring, enum exo_ring_side side, struct exo_ring_end *out);

/* Unmap it; the capability stays. */
void exo_ring_leave(struct exo_ring_end *end);

/* Put a message in; what happens if there is no room was said when the ring was made.
 * Errors: EXO_ERR_TIMED_OUT, EXO_ERR_NO_RESOURCES (full, and it refuses), EXO_ERR_DEAD (closed),
 *         EXO_ERR_BAD_FORMAT (somebody scribbles over the ring), EXO_ERR_INTERRUPTED, and for who
 *         has to sleep, or to wake: EXO_ERR_BAD_CAP, EXO_ERR_ACCESS_DENIED. */
exo_status_t exo_ring_send(struct exo_ring_end *end, const struct exo_ring_message *message,
                           uint64_t deadline_ns);

/* Take the oldest message out.  Errors: the same; EXO_ERR_DEAD: closed, and nothing is left. */
exo_status_t exo_ring_receive(struct exo_ring_end *end, struct exo_ring_message *message,
                              uint64_t deadline_ns);

/* Let no more messages in; those inside can be taken.  Errors: EXO_ERR_BAD_CAP, EXO_ERR_WRONG_TYPE,
 * EXO_ERR_ACCESS_DENIED (no EXO_RIGHT_RING_CLOSE). */
exo_status_t exo_ring_close(exo_cap_t ring);

#endif /* EXO_STD_RING_H */
