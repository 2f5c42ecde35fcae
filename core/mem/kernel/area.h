/*
 * area.h - runs of page numbers: taken first fit, given back merged, in logarithmic time.
 *
 * A bitmap of pages and above it a complete binary tree; a node knows the longest free run in its
 * part and those at its two ends. Neighbours merge by themselves: there are no records of ranges
 * that could be lost or could need memory.
 *
 * Locks: the owner serialises.
 */
#ifndef CORE_MEM_KERNEL_AREA_H
#define CORE_MEM_KERNEL_AREA_H

#include "exo/lib/types.h"

#define AREA_NONE       SIZE_MAX
#define AREA_LEAF_PAGES 64u

struct area_node {
    uint32_t first; /* free pages at the low end */
    uint32_t last;  /* free pages at the high end */
    uint32_t best;  /* longest free run */
};

struct area {
    uint64_t *used;         /* bitmap, one bit a page */
    struct area_node *node; /* [1] is the root, children of i at 2i and 2i+1 */
    size_t leaf_count;      /* power of two */
    size_t pages_free;
};

/* Bytes that area_init() needs for page_count pages. */
size_t area_bytes(size_t page_count);

/* All pages [0, page_count) free. `storage` has area_bytes() zeroed bytes, aligned to 8. */
void area_init(struct area *area, size_t page_count, void *storage);

/* Take page_count (not 0) consecutive pages: the first of them, or AREA_NONE. */
size_t area_take(struct area *area, size_t page_count);

/* Give back pages that are taken, all of them. */
void area_give(struct area *area, size_t first, size_t page_count);

#endif /* CORE_MEM_KERNEL_AREA_H */
