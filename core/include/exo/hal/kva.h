/*
 * exo/hal/kva.h - how a platform makes pages of the kernel's own address area appear.
 *
 * The core (exo/mem/kva.h) decides what lies where; it never gives the same pages to two calls at
 * the same time, so the platform takes no lock for them. Flags are those of exo/mem/pt.h.
 */
#ifndef EXO_HAL_KVA_H
#define EXO_HAL_KVA_H

#include "exo/abi/status.h"
#include "exo/lib/types.h"

struct pt_entry; /* exo/mem/pt.h */

/* Reserve the area, page_count pages, nothing accessible, and all that later calls need but host
 * resources: mapping allocates no frame.  Context: boot CPU, once, after phys_init().
 * Errors: EXO_ERR_NO_MEMORY. */
EXO_MUST_CHECK exo_status_t hal_kva_reserve(size_t page_count, vaddr_t *base);

/* Map consecutive frames from `paddr`. On failure nothing of this call is mapped.
 * PT_WRITE_COMBINE is uncached where the processor has no such type, and both are plain memory
 * hosted.  Errors: EXO_ERR_INVALID (no such memory; a memory type that contradicts the direct
 * map's), EXO_ERR_NO_MEMORY. */
EXO_MUST_CHECK exo_status_t hal_kva_map(vaddr_t vaddr, paddr_t paddr, size_t page_count,
                                        uint32_t flags);

/* Change the rights of mapped pages; memory types stay. Other CPUs may use the former rights until
 * hal_kva_flush().  Errors: EXO_ERR_NO_MEMORY (some pages may have the new rights). */
EXO_MUST_CHECK exo_status_t hal_kva_protect(vaddr_t vaddr, size_t page_count, uint32_t rights);

/* Unmap; absent pages are passed over. Other CPUs may reach the frames until hal_kva_flush(). */
void hal_kva_unmap(vaddr_t vaddr, size_t page_count);

/* What is mapped at `vaddr`, of the area: false if nothing is.  Context: any, faults included. */
bool hal_kva_lookup(vaddr_t vaddr, struct pt_entry *out);

/* Return when no CPU can use a translation of the area that was changed before the call.
 * Context: thread, interrupts on.  Locks: RANK_PLATFORM inside. */
void hal_kva_flush(void);

#endif /* EXO_HAL_KVA_H */
