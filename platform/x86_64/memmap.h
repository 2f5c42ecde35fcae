/*
 * memmap.h - from what the loader says about memory to the sorted list that the core gets: pure
 * functions.
 *
 * Ranges may come in any order, overlap, touch no page boundary or make no sense. Where two cover
 * the same page the later kind of enum boot_region_kind does not win by itself: the order is free,
 * firmware tables, other firmware, module, kernel; so a page is handed out only if nobody else
 * claims it.
 */
#ifndef PLATFORM_X86_64_MEMMAP_H
#define PLATFORM_X86_64_MEMMAP_H

#include "exo/abi/status.h"
#include "exo/hal/boot_info.h"

#define MEMMAP_RANGES_MAX  256u
#define MEMMAP_ADDRESS_MAX (1ull << 46) /* what the direct map has room for */

struct memmap_range {
    uint64_t base;
    uint64_t end; /* first byte behind */
    enum boot_region_kind kind;
};

struct memmap {
    uint32_t count;
    uint32_t absurd_count; /* empty, wrapping round or beyond MEMMAP_ADDRESS_MAX: passed over */
    uint32_t
        dropped_count; /* more than MEMMAP_RANGES_MAX, or regions that did not fit the result */
    uint32_t
        overlap_count; /* pieces that two entries of different kinds claim; memmap_build() counts */
    struct memmap_range range[MEMMAP_RANGES_MAX];
};

/* Note one range, bytes; free ones shrink to whole pages, all others grow. False if it was passed
 * over. */
bool memmap_add(struct memmap *map, uint64_t base, uint64_t len_bytes, enum boot_region_kind kind);

/* Write the sorted, merged, disjoint regions to out[max]; returns how many there are. */
uint32_t memmap_build(struct memmap *map, struct boot_region *out, uint32_t max);

/* Take len_bytes (whole pages) from the upper end of the highest free region that ends at or below
 * `limit`, or from below `limit` in one that reaches over it, and mark them as `kind`.
 * Errors: EXO_ERR_NO_MEMORY, EXO_ERR_NO_RESOURCES (the list is full). */
EXO_MUST_CHECK exo_status_t memmap_carve(struct boot_info *info, uint64_t len_bytes, uint64_t limit,
                                         enum boot_region_kind kind, paddr_t *out);

#endif /* PLATFORM_X86_64_MEMMAP_H */
