/*
 * core/lib/bitmap.c - runs of bits, a word at a time.
 */
#include "exo/lib/bitmap.h"

/* Bits [low, low + count) of one word; low + count is at most 64 and count at least 1. */
static uint64_t word_mask(unsigned low, uint64_t count)
{
    return (count == 64 ? UINT64_MAX : ((1ull << count) - 1)) << low;
}

void bitmap_set_run(uint64_t *words, uint64_t first, uint64_t count)
{
    while (count > 0) {
        const unsigned low = (unsigned)(first % 64);
        const uint64_t here = min_u64(count, 64 - low);

        words[first / 64] |= word_mask(low, here);
        first += here;
        count -= here;
    }
}

void bitmap_clear_run(uint64_t *words, uint64_t first, uint64_t count)
{
    while (count > 0) {
        const unsigned low = (unsigned)(first % 64);
        const uint64_t here = min_u64(count, 64 - low);

        words[first / 64] &= ~word_mask(low, here);
        first += here;
        count -= here;
    }
}

/* First bit in [from, end) that differs from `flip`'s bits: flip is 0 to find set ones, all ones to
 * find clear ones. */
static uint64_t next_bit(const uint64_t *words, uint64_t from, uint64_t end, uint64_t flip)
{
    while (from < end) {
        const uint64_t rest = (words[from / 64] ^ flip) >> (from % 64);

        if (rest != 0) {
            return min_u64(from + (unsigned)__builtin_ctzll(rest), end);
        }
        from = (from / 64 + 1) * 64;
    }
    return end;
}

uint64_t bitmap_next_clear(const uint64_t *words, uint64_t from, uint64_t end)
{
    return next_bit(words, from, end, UINT64_MAX);
}

uint64_t bitmap_next_set(const uint64_t *words, uint64_t from, uint64_t end)
{
    return next_bit(words, from, end, 0);
}

uint64_t bitmap_find_run(const uint64_t *words, const struct bitmap_query *query)
{
    uint64_t at = query->from;

    for (;;) {
        at = bitmap_next_clear(words, at, query->end);
        at = align_up(at + query->offset, query->align) - query->offset;
        if (at >= query->end || query->end - at < query->count) {
            return BITMAP_NONE;
        }
        const uint64_t used = bitmap_next_set(words, at, at + query->count);

        if (used == at + query->count) {
            return at;
        }
        at = used + 1;
    }
}
