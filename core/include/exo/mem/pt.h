/*
 * exo/mem/pt.h - the portable 4-level page table: core owns it, hal_pte_* give the entries their
 * format.
 *
 * 512 entries a level, level 0 is the leaf of 4 KiB pages. Tables are frames reached through the
 * direct map. Used for user spaces on both back ends and for the kernel half on x86_64.
 *
 * Locks:   none taken; the owner of the root serialises changes. Look-up may run beside changes:
 *          entries are read and written whole, tables are not freed before pt_destroy().
 * Context: any that may allocate frames.
 */
#ifndef EXO_MEM_PT_H
#define EXO_MEM_PT_H

#include "exo/abi/status.h"
#include "exo/lib/types.h"

#define PT_READ     0x01u /* implied by presence on x86; kept for machines that tell it apart */
#define PT_WRITE    0x02u
#define PT_EXEC     0x04u
#define PT_USER     0x08u
#define PT_GLOBAL   0x10u /* kernel mapping, the same in every space */
#define PT_UNCACHED 0x20u /* device memory */
#define PT_WRITE_COMBINE                                                                           \
    0x40u /* frame buffers: writes gathered, reads uncached. Not with PT_UNCACHED */

#define PT_LEVELS  4u
#define PT_ENTRIES 512u

struct pt_entry {
    paddr_t paddr;
    uint32_t flags; /* PT_* */
};

/* Allocate an empty top-level table.  Errors: EXO_ERR_NO_MEMORY. */
EXO_MUST_CHECK exo_status_t pt_create(paddr_t *root);

/* Free every table that serves [0, limit), limit rounded up to 512 GiB, and, if limit is
 * UINT64_MAX, the root. Leaves are the owner's. */
void pt_destroy(paddr_t root, vaddr_t limit);

/* Map page_count pages from `vaddr` to consecutive frames from `paddr`; entries present before are
 * replaced. On failure pages mapped so far stay; the caller unmaps.  Errors: EXO_ERR_NO_MEMORY. */
EXO_MUST_CHECK exo_status_t pt_map(paddr_t root, vaddr_t vaddr, paddr_t paddr, size_t page_count,
                                   uint32_t flags);

/* Clear page_count entries; absent ones are passed over. */
void pt_unmap(paddr_t root, vaddr_t vaddr, size_t page_count);

/* Give the leaf that maps `vaddr`: false if there is none, *out is then untouched. */
bool pt_lookup(paddr_t root, vaddr_t vaddr, struct pt_entry *out);

/* Find the first leaf at or above `vaddr` and below `limit`, passing over empty tables in one step:
 * false if there is none, *at and *out are then untouched. *at is the start of the leaf's page. */
bool pt_next(paddr_t root, vaddr_t vaddr, vaddr_t limit, vaddr_t *at, struct pt_entry *out);

#endif /* EXO_MEM_PT_H */
