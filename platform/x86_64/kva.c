/*
 * kva.c - the kernel's address area in the kernel's own tables.
 *
 * Invariants:
 *   (1) the tables of the area are all made by hal_kva_reserve(): mapping needs no frame, and every
 *       space shares them by its copy of the top-level entries;
 *   (2) an entry's memory type never contradicts a cached view in the direct map: write-combining
 *       stores may pass by the caches that hold the other view.
 *
 * Spec: Intel SDM volume 3A section 11.12.4 (aliases of different memory types).
 */
#include "exo/hal/kva.h"

#include "exo/hal.h"
#include "exo/lib/assert.h"
#include "exo/mem/pt.h"

#include "cpuid.h"
#include "layout.h"
#include "paging.h"
#include "remote.h"
#include "testhooks.h"

#define TYPES (PT_UNCACHED | PT_WRITE_COMBINE)

/* More pages than this are dropped by one flush of everything: that costs about as much. */
#define FLUSH_ONE_BY_ONE_MAX 32u

exo_status_t hal_kva_reserve(size_t page_count, vaddr_t *base)
{
    const exo_status_t status = paging_window_reserve(LAYOUT_KVA, page_count * PAGE_SIZE);

    if (status == EXO_OK) {
        *base = LAYOUT_KVA;
    }
    return status;
}

/* Does the direct map have any of these frames cached? */
static bool is_cached_elsewhere(paddr_t paddr, size_t page_count)
{
    vaddr_t at = 0;
    struct pt_entry entry;

    for (size_t i = 0; i < page_count; i++) {
        const vaddr_t vaddr = HAL_DIRECT_MAP + paddr + i * PAGE_SIZE;

        if (pt_next(paging_kernel_root(), vaddr, vaddr + PAGE_SIZE, &at, &entry) &&
            (entry.flags & TYPES) == 0) {
            return true;
        }
    }
    return false;
}

exo_status_t hal_kva_map(vaddr_t vaddr, paddr_t paddr, size_t page_count, uint32_t flags)
{
    const uint64_t limit = 1ull << cpuid_info()->physical_bits;

    if (testhooks_fail_now()) {
        return EXO_ERR_NO_MEMORY;
    }
    if (paddr >= limit || page_count > (limit - paddr) / PAGE_SIZE ||
        ((flags & TYPES) != 0 && is_cached_elsewhere(paddr, page_count))) {
        return EXO_ERR_INVALID;
    }
    if ((flags & PT_WRITE_COMBINE) != 0 && !cpuid_info()->pat) {
        flags = (flags & ~TYPES) | PT_UNCACHED;
    }
    const exo_status_t status =
        pt_map(paging_kernel_root(), vaddr, paddr, page_count, flags | PT_GLOBAL);

    KASSERT(status == EXO_OK); /* invariant (1) */
    return EXO_OK;
}

/* Drop what this CPU remembers, so that a wrong access is caught here at once. */
static void forget_here(vaddr_t vaddr, size_t page_count)
{
    if (page_count > FLUSH_ONE_BY_ONE_MAX) {
        paging_flush_all();
        return;
    }
    for (size_t i = 0; i < page_count; i++) {
        paging_flush_page(vaddr + i * PAGE_SIZE);
    }
}

exo_status_t hal_kva_protect(vaddr_t vaddr, size_t page_count, uint32_t rights)
{
    const paddr_t root = paging_kernel_root();

    for (size_t i = 0; i < page_count; i++) {
        struct pt_entry entry = { 0 };
        const bool mapped = pt_lookup(root, vaddr + i * PAGE_SIZE, &entry);

        KASSERT(mapped);
        const exo_status_t status = pt_map(root, vaddr + i * PAGE_SIZE, entry.paddr, 1,
                                           rights | PT_GLOBAL | (entry.flags & TYPES));

        KASSERT(status == EXO_OK); /* invariant (1) */
    }
    return EXO_OK;
}

void hal_kva_unmap(vaddr_t vaddr, size_t page_count)
{
    pt_unmap(paging_kernel_root(), vaddr, page_count);
    forget_here(vaddr, page_count);
}

bool hal_kva_lookup(vaddr_t vaddr, struct pt_entry *out)
{
    return pt_lookup(paging_kernel_root(), vaddr, out);
}

static void flush_all_here(void *arg)
{
    (void)arg;
    paging_flush_all();
}

void hal_kva_flush(void)
{
    remote_call(REMOTE_ALL, flush_all_here, NULL);
}
