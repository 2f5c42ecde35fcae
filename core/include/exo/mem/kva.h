/*
 * exo/mem/kva.h - kernel virtual addresses: ranges of pages, contiguous for the kernel whatever
 * frames lie behind, with guard pages on both sides.
 *
 * Flags are rights and memory types of exo/mem/pt.h. PT_READ is implied; PT_WRITE with PT_EXEC is
 * refused, always. A range that was freed is inaccessible at once on this CPU; its addresses and
 * its frames are used again only after every CPU has dropped it, many ranges at a time.
 *
 * Locks:   RANK_KERNEL_AREA inside, RANK_PLATFORM when it flushes.
 * Context: thread, interrupts on, for all but kva_guard_find() and kva_stats().
 * Spec:    docs/kernel-memory.md.
 */
#ifndef EXO_MEM_KVA_H
#define EXO_MEM_KVA_H

#include "exo/abi/status.h"
#include "exo/mem/pt.h"

#define KVA_STACK 0x10000u /* of kva_alloc: a kernel stack, with a wider guard below */
#define KVA_ZERO  0x20000u /* of kva_alloc: cleared */

#define KVA_STACK_GUARD_PAGES 4u /* wider than any function's frame, which could jump a page */

/* Map page_count frames, each from anywhere, at consecutive addresses.
 * Owns:   *out is the caller's; release with kva_free().
 * Errors: EXO_ERR_INVALID (no page, unknown flags, PT_WRITE with PT_EXEC, a memory type but the
 *         ordinary one), EXO_ERR_NO_MEMORY (frames or addresses; nothing is kept). */
EXO_MUST_CHECK exo_status_t kva_alloc(size_t page_count, uint32_t flags, void **out);

/* Map the memory or device registers at `paddr`, page-aligned: write-back, PT_WRITE_COMBINE or
 * PT_UNCACHED. Memory that the direct map has cached cannot be had in another type (x86_64).
 * Owns:   *out is the caller's; the frames are not taken. Release with kva_free().
 * Errors: EXO_ERR_INVALID (as above; not aligned; beyond the machine), EXO_ERR_NO_MEMORY. */
EXO_MUST_CHECK exo_status_t kva_map(paddr_t paddr, size_t page_count, uint32_t flags, void **out);

/* Give page_count pages from `start`, all of one range, the rights PT_WRITE, PT_EXEC or neither.
 * When it returns no CPU has the former rights.
 * Errors: EXO_ERR_INVALID (not mapped by this area, not one range, both rights),
 *         EXO_ERR_NO_MEMORY (hosted: the host's table of mappings is full). */
EXO_MUST_CHECK exo_status_t kva_protect(void *start, size_t page_count, uint32_t rights);

/* Unmap the whole range that begins at `start`; NULL is a no-op. Anything else that kva_alloc() or
 * kva_map() did not give panics and names it. Frames of kva_alloc() go back after the next flush:
 * at once if many pages wait, else later. */
void kva_free(void *start);

/* Flush now: whatever was freed before is available again. */
void kva_flush(void);

/* From now on the frame allocator has that done when it is short of frames.  Context: thread, once,
 * of the boot order. */
void kva_reclaim_start(void);

/* A place of the area that nobody may touch, for the fault report. */
struct kva_guard {
    enum { KVA_GUARD_BELOW, KVA_GUARD_ABOVE, KVA_GUARD_FREED, KVA_GUARD_UNUSED } kind;
    bool is_stack;   /* KVA_GUARD_BELOW: of a stack */
    vaddr_t address; /* BELOW: the first byte of the range; ABOVE: the first behind it */
};

/* Is `addr` in the area and not in a live range? Then say what it is.  Context: any. */
bool kva_guard_find(vaddr_t addr, struct kva_guard *out);

/* The same in words, "" if it is nothing of the area's. Returns buf.  Context: any. */
const char *kva_guard_describe(vaddr_t addr, char *buf, size_t size);

struct kva_stats {
    size_t pages_total; /* addresses, guards included */
    size_t pages_free;
    size_t pages_stale; /* wait for a flush */
    uint64_t flushes;
};
void kva_stats(struct kva_stats *out);

/* Make the area.  Context: once, of the boot order, after phys_init(). Panics without memory. */
void kva_init(void);

#endif /* EXO_MEM_KVA_H */
