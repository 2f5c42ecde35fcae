/*
 * exo/mem/phys.h - the boot frame allocator: one bitmap over all free regions of the memory map.
 *
 * Locks:   RANK_PHYS, interrupt-saving, taken inside.  Context: any but NMI.
 */
#ifndef EXO_MEM_PHYS_H
#define EXO_MEM_PHYS_H

#include "exo/abi/status.h"
#include "exo/hal/boot_info.h"
#include "exo/lib/types.h"

struct phys_stats {
    uint64_t frames_total; /* frames the allocator manages */
    uint64_t frames_free;
    uint64_t frames_low_water; /* fewest free so far */
};

/* Take over the free regions. Called once, first thing of the boot order. Panics if there is no
 * room for the bitmap. */
void phys_init(const struct boot_info *info);

/* Allocate frame_count consecutive frames, the first aligned to align_frames (a power of two, 1 =
 * any). Contents are undefined; test builds poison them.
 * Errors: EXO_ERR_NO_MEMORY, EXO_ERR_INVALID (zero count, bad alignment). */
EXO_MUST_CHECK exo_status_t phys_alloc(size_t frame_count, size_t align_frames, paddr_t *out);

/* Allocate one zeroed frame. */
EXO_MUST_CHECK exo_status_t phys_alloc_zeroed(paddr_t *out);

/* Free frames that phys_alloc gave, in whole or in parts. Freeing one that is free, or outside
 * every region, panics and names it. */
void phys_free(paddr_t base, size_t frame_count);

void phys_stats(struct phys_stats *out);

/* Make the n-th allocation from now fail with EXO_ERR_NO_MEMORY, once; 0 disarms (fault sweeps). */
void phys_test_fail_after(uint32_t n);

#endif /* EXO_MEM_PHYS_H */
