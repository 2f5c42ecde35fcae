/*
 * core/lib/ring.c - a ring of bytes.
 *
 * Invariant: head - tail (modulo 2^32) is between 0 and size.
 */
#include "exo/lib/ring.h"

#include "exo/lib/assert.h"

void byte_ring_init(struct byte_ring *ring, char *bytes, uint32_t size)
{
    KASSERT(size > 0 && (size & (size - 1)) == 0);
    *ring = (struct byte_ring){ .bytes = bytes, .size = size };
}

size_t byte_ring_write(struct byte_ring *ring, const char *bytes, size_t len_bytes)
{
    size_t done = 0;

    while (done < len_bytes && byte_ring_used(ring) < ring->size) {
        ring->bytes[ring->head & (ring->size - 1)] = bytes[done];
        ring->head++;
        done++;
    }
    return done;
}

size_t byte_ring_read(struct byte_ring *ring, char *bytes, size_t len_bytes)
{
    size_t done = 0;

    while (done < len_bytes && byte_ring_used(ring) > 0) {
        bytes[done] = ring->bytes[ring->tail & (ring->size - 1)];
        ring->tail++;
        done++;
    }
    return done;
}
