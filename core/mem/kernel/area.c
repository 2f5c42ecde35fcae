/*
 * core/mem/kernel/area.c - runs of page numbers.
 *
 * Invariants between calls:
 *   (1) a leaf describes its word of the bitmap, an inner node its two children;
 *   (2) pages behind the end, up to the power of two, are used;
 *   (3) pages_free is the number of clear bits.
 */
#include "area.h"

#include "exo/lib/assert.h"

static size_t leaves_for(size_t page_count)
{
    size_t leaves = 1;

    while (leaves * AREA_LEAF_PAGES < page_count) {
        leaves *= 2;
    }
    return leaves;
}

size_t area_bytes(size_t page_count)
{
    const size_t leaves = leaves_for(page_count);

    return leaves * sizeof(uint64_t) + 2 * leaves * sizeof(struct area_node);
}

/* Longest run of set bits: each round shortens every run by one. */
static uint32_t longest_run(uint64_t bits)
{
    uint32_t len = 0;

    while (bits != 0) {
        bits &= bits << 1;
        len++;
    }
    return len;
}

static struct area_node leaf_describe(uint64_t used)
{
    if (used == 0) {
        return (struct area_node){ AREA_LEAF_PAGES, AREA_LEAF_PAGES, AREA_LEAF_PAGES };
    }
    return (struct area_node){ .first = (uint32_t)__builtin_ctzll(used),
                               .last = (uint32_t)__builtin_clzll(used),
                               .best = longest_run(~used) };
}

static uint32_t max_u32(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

/* Describe a node of two children, `half` pages each. */
static struct area_node node_join(const struct area_node *low, const struct area_node *high,
                                  uint32_t half)
{
    return (struct area_node){
        .first = low->first == half ? half + high->first : low->first,
        .last = high->last == half ? half + low->last : high->last,
        .best = max_u32(max_u32(low->best, high->best), low->last + high->first),
    };
}

/* Describe anew the leaves [first, last] and all above them. */
static void nodes_update(struct area *area, size_t first, size_t last)
{
    uint32_t half = AREA_LEAF_PAGES;

    for (size_t i = first; i <= last; i++) {
        area->node[area->leaf_count + i] = leaf_describe(area->used[i]);
    }
    first = (area->leaf_count + first) / 2;
    last = (area->leaf_count + last) / 2;
    while (first > 0) {
        for (size_t i = first; i <= last; i++) {
            area->node[i] = node_join(&area->node[2 * i], &area->node[2 * i + 1], half);
        }
        half *= 2;
        first /= 2;
        last /= 2;
    }
}

/* Bits [first, end) of one word. */
static uint64_t word_mask(size_t first, size_t end)
{
    const uint64_t below = end == AREA_LEAF_PAGES ? UINT64_MAX : (1ull << end) - 1;

    return below & ~((1ull << first) - 1);
}

/* Turn the bits of [first, first + page_count), which all have the other value. */
static void bits_turn(struct area *area, size_t first, size_t page_count, bool used)
{
    const size_t end = first + page_count;

    for (size_t page = first; page < end;) {
        const size_t word = page / AREA_LEAF_PAGES;
        const size_t base = word * AREA_LEAF_PAGES;
        const size_t stop = (size_t)min_u64(end - base, AREA_LEAF_PAGES);
        const uint64_t mask = word_mask(page - base, stop);

        KASSERT((area->used[word] & mask) == (used ? 0 : mask));
        area->used[word] ^= mask;
        page = base + stop;
    }
    nodes_update(area, first / AREA_LEAF_PAGES, (end - 1) / AREA_LEAF_PAGES);
}

void area_init(struct area *area, size_t page_count, void *storage)
{
    const size_t leaves = leaves_for(page_count);

    KASSERT(page_count > 0 && page_count < UINT32_MAX / 2);
    *area = (struct area){ .used = storage,
                           .node = (struct area_node *)((uint64_t *)storage + leaves),
                           .leaf_count = leaves,
                           .pages_free = page_count };
    nodes_update(area, 0, leaves - 1);
    if (page_count < leaves * AREA_LEAF_PAGES) {
        bits_turn(area, page_count, leaves * AREA_LEAF_PAGES - page_count, true);
    }
}

/* First page of a run of page_count clear bits in a word that has one. */
static size_t run_in_word(uint64_t used, size_t page_count)
{
    uint64_t starts = ~used; /* bit i: page_count pages from i are free, once all rounds are done */

    for (size_t i = 1; i < page_count; i++) {
        starts &= ~used >> i;
    }
    return (size_t)__builtin_ctzll(starts);
}

size_t area_take(struct area *area, size_t page_count)
{
    size_t half = area->leaf_count * AREA_LEAF_PAGES;
    size_t at = 1;
    size_t base = 0;

    if (area->node[1].best < page_count) {
        return AREA_NONE;
    }
    while (at < area->leaf_count) {
        const struct area_node *low = &area->node[2 * at];
        const struct area_node *high = low + 1;

        half /= 2;
        if (low->best >= page_count) {
            at = 2 * at;
        } else if (low->last + high->first >= page_count) {
            base += half - low->last;
            break;
        } else {
            at = 2 * at + 1;
            base += half;
        }
    }
    if (at >= area->leaf_count) {
        base += run_in_word(area->used[at - area->leaf_count], page_count);
    }
    bits_turn(area, base, page_count, true);
    area->pages_free -= page_count;
    return base;
}

void area_give(struct area *area, size_t first, size_t page_count)
{
    bits_turn(area, first, page_count, false);
    area->pages_free += page_count;
}
