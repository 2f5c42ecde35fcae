/*
 * exo/lib/bitmap.h - bits in an array of 64-bit words, and runs of clear ones.
 *
 * Locks: none; the owner serialises.  Context: any.
 */
#ifndef EXO_LIB_BITMAP_H
#define EXO_LIB_BITMAP_H

#include "exo/lib/types.h"

#define BITMAP_NONE UINT64_MAX

static inline size_t bitmap_words(uint64_t bit_count)
{
    return (size_t)((bit_count + 63) / 64);
}

static inline bool bitmap_test(const uint64_t *words, uint64_t bit)
{
    return (words[bit / 64] >> (bit % 64) & 1) != 0;
}

void bitmap_set_run(uint64_t *words, uint64_t first, uint64_t count);
void bitmap_clear_run(uint64_t *words, uint64_t first, uint64_t count);

/* First bit in [from, end) that is clear (or set), or `end`. */
uint64_t bitmap_next_clear(const uint64_t *words, uint64_t from, uint64_t end);
uint64_t bitmap_next_set(const uint64_t *words, uint64_t from, uint64_t end);

/* What bitmap_find_run() looks for: `count` clear bits inside [from, end), the first one at an
 * index that is a multiple of `align` (a power of two) once `offset` is added to it. */
struct bitmap_query {
    uint64_t from;
    uint64_t end;
    uint64_t count;
    uint64_t align;
    uint64_t offset;
};

/* Return the lowest first bit of such a run, or BITMAP_NONE. */
uint64_t bitmap_find_run(const uint64_t *words, const struct bitmap_query *query);

#endif /* EXO_LIB_BITMAP_H */
