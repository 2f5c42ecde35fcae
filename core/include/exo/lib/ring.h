/*
 * exo/lib/ring.h - a ring of bytes over the caller's storage.
 *
 * Locks: none; the owner serialises.  Context: any.
 */
#ifndef EXO_LIB_RING_H
#define EXO_LIB_RING_H

#include "exo/lib/types.h"

struct byte_ring {
    char *bytes;
    uint32_t size; /* a power of two */
    uint32_t head; /* bytes ever written, modulo 2^32 */
    uint32_t tail; /* bytes ever read, modulo 2^32; head - tail are in the ring */
};

/* `size` is a power of two, at most 2^31. */
void byte_ring_init(struct byte_ring *ring, char *bytes, uint32_t size);

static inline uint32_t byte_ring_used(const struct byte_ring *ring)
{
    return ring->head - ring->tail;
}

/* Write as many of bytes[len] as fit; returns how many. */
size_t byte_ring_write(struct byte_ring *ring, const char *bytes, size_t len_bytes);

/* Read at most len bytes; returns how many. */
size_t byte_ring_read(struct byte_ring *ring, char *bytes, size_t len_bytes);

#endif /* EXO_LIB_RING_H */
