/*
 * platform/common/pte.h - page-table entries in the x86_64 format, which both back ends use.
 *
 * Spec: AMD64 APM volume 2, section 5.3 (long-mode page translation).
 */
#ifndef PLATFORM_COMMON_PTE_H
#define PLATFORM_COMMON_PTE_H

#include "exo/lib/types.h"
#include "exo/mem/pt.h"

typedef uint64_t hal_pte_t;

#define PTE_PRESENT  (1ull << 0)
#define PTE_WRITABLE (1ull << 1)
#define PTE_USER     (1ull << 2)
#define PTE_PWT      (1ull << 3)
#define PTE_PCD      (1ull << 4)
#define PTE_LARGE    (1ull << 7) /* levels 1 and 2: maps 2 MiB or 1 GiB */
#define PTE_PAT      (1ull << 7) /* level 0: never set, see features.c */
#define PTE_GLOBAL   (1ull << 8)
#define PTE_NX       (1ull << 63)
#define PTE_ADDR     0x000ffffffffff000ull

static inline hal_pte_t hal_pte_make(paddr_t paddr, uint32_t flags)
{
    hal_pte_t pte = (paddr & PTE_ADDR) | PTE_PRESENT;

    pte |= (flags & PT_WRITE) != 0 ? PTE_WRITABLE : 0;
    pte |= (flags & PT_USER) != 0 ? PTE_USER : 0;
    pte |= (flags & PT_GLOBAL) != 0 ? PTE_GLOBAL : 0;
    pte |= (flags & PT_UNCACHED) != 0 ? PTE_PCD | PTE_PWT : 0;
    pte |= (flags & PT_WRITE_COMBINE) != 0 ? PTE_PWT : 0; /* entry 1 of the PAT (features.c) */
    pte |= (flags & PT_EXEC) != 0 ? 0 : PTE_NX;
    return pte;
}

/* An entry that names the next lower table: rights are decided at the leaf. */
static inline hal_pte_t hal_pte_table(paddr_t table)
{
    return (table & PTE_ADDR) | PTE_PRESENT | PTE_WRITABLE | PTE_USER;
}

static inline bool hal_pte_present(hal_pte_t pte)
{
    return (pte & PTE_PRESENT) != 0;
}

static inline bool hal_pte_is_leaf(hal_pte_t pte, uint32_t level)
{
    return level == 0 || (pte & PTE_LARGE) != 0;
}

static inline paddr_t hal_pte_paddr(hal_pte_t pte)
{
    return pte & PTE_ADDR;
}

static inline uint32_t hal_pte_flags(hal_pte_t pte)
{
    uint32_t flags = PT_READ;

    flags |= (pte & PTE_WRITABLE) != 0 ? PT_WRITE : 0;
    flags |= (pte & PTE_USER) != 0 ? PT_USER : 0;
    flags |= (pte & PTE_GLOBAL) != 0 ? PT_GLOBAL : 0;
    flags |= (pte & PTE_PCD) != 0 ? PT_UNCACHED : 0;
    flags |= (pte & (PTE_PCD | PTE_PWT)) == PTE_PWT ? PT_WRITE_COMBINE : 0;
    flags |= (pte & PTE_NX) != 0 ? 0 : PT_EXEC;
    return flags;
}

#endif /* PLATFORM_COMMON_PTE_H */
