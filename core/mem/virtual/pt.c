/*
 * core/mem/virtual/pt.c - the portable 4-level page table.
 *
 * Invariants:
 *   (1) an entry is written whole, after what it names is complete: a table is zeroed before it is
 *       linked, so a look-up that runs beside a change sees the old entry or the new one;
 *   (2) a table, once linked, stays until pt_destroy();
 *   (3) this file makes leaves of 4 KiB only; larger ones that a platform made are read, never
 *       split.
 */
#include "exo/mem/pt.h"

#include "exo/hal.h"
#include "exo/lib/assert.h"
#include "exo/mem/phys.h"

#define PT_INDEX_BITS 9u
#define PT_LEVEL_TOP  (PT_LEVELS - 1u)
#define PT_CANONICAL  0xffff000000000000ull /* the bits that repeat bit 47 */

static hal_pte_t *table_at(paddr_t table)
{
    return hal_phys_to_virt(table);
}

static uint32_t level_shift(uint32_t level)
{
    return PAGE_SHIFT + PT_INDEX_BITS * level;
}

static uint64_t level_size(uint32_t level)
{
    return 1ull << level_shift(level);
}

static hal_pte_t *slot_in(paddr_t table, vaddr_t vaddr, uint32_t level)
{
    return &table_at(table)[(vaddr >> level_shift(level)) & (PT_ENTRIES - 1)];
}

static hal_pte_t pte_read(const hal_pte_t *slot)
{
    return __atomic_load_n(slot, __ATOMIC_ACQUIRE);
}

static void pte_write(hal_pte_t *slot, hal_pte_t value)
{
    __atomic_store_n(slot, value, __ATOMIC_RELEASE);
}

exo_status_t pt_create(paddr_t *root)
{
    return phys_alloc_zeroed(root);
}

/* Free the tables below and including `table`, an entry's level-1 table: its leaves' tables, then
 * itself. */
static void free_level1(paddr_t table)
{
    for (uint32_t i = 0; i < PT_ENTRIES; i++) {
        const hal_pte_t pte = pte_read(&table_at(table)[i]);

        if (hal_pte_present(pte) && !hal_pte_is_leaf(pte, 1)) {
            phys_free(hal_pte_paddr(pte), 1);
        }
    }
    phys_free(table, 1);
}

static void free_level2(paddr_t table)
{
    for (uint32_t i = 0; i < PT_ENTRIES; i++) {
        const hal_pte_t pte = pte_read(&table_at(table)[i]);

        if (hal_pte_present(pte) && !hal_pte_is_leaf(pte, 2)) {
            free_level1(hal_pte_paddr(pte));
        }
    }
    phys_free(table, 1);
}

void pt_destroy(paddr_t root, vaddr_t limit)
{
    const bool everything = limit == UINT64_MAX;
    const uint64_t top_size = level_size(PT_LEVEL_TOP);
    const uint64_t wanted = everything ? PT_ENTRIES : (limit + top_size - 1) / top_size;
    const uint64_t count = min_u64(wanted, PT_ENTRIES);

    for (uint64_t i = 0; i < count; i++) {
        hal_pte_t *slot = &table_at(root)[i];
        const hal_pte_t pte = pte_read(slot);

        if (hal_pte_present(pte)) {
            pte_write(slot, 0);
            free_level2(hal_pte_paddr(pte));
        }
    }
    if (everything) {
        phys_free(root, 1);
    }
}

/* Give the level-0 slot of `vaddr`, making the tables above it. */
static exo_status_t slot_make(paddr_t root, vaddr_t vaddr, hal_pte_t **out)
{
    paddr_t table = root;

    for (uint32_t level = PT_LEVEL_TOP; level > 0; level--) {
        hal_pte_t *slot = slot_in(table, vaddr, level);
        const hal_pte_t pte = pte_read(slot);

        if (hal_pte_present(pte)) {
            KASSERT(!hal_pte_is_leaf(pte, level)); /* invariant (3) */
            table = hal_pte_paddr(pte);
            continue;
        }
        const exo_status_t status = phys_alloc_zeroed(&table);

        if (status != EXO_OK) {
            return status;
        }
        pte_write(slot, hal_pte_table(table));
    }
    *out = slot_in(table, vaddr, 0);
    return EXO_OK;
}

exo_status_t pt_map(paddr_t root, vaddr_t vaddr, paddr_t paddr, size_t page_count, uint32_t flags)
{
    KASSERT((vaddr & PAGE_MASK) == 0 && (paddr & PAGE_MASK) == 0);
    for (size_t i = 0; i < page_count; i++) {
        hal_pte_t *slot = NULL;
        const exo_status_t status = slot_make(root, vaddr + i * PAGE_SIZE, &slot);

        if (status != EXO_OK) {
            return status;
        }
        pte_write(slot, hal_pte_make(paddr + i * PAGE_SIZE, flags));
    }
    return EXO_OK;
}

/* Walk to the entry that decides `vaddr`: a leaf, or the absent entry at *level. */
static hal_pte_t *slot_find(paddr_t root, vaddr_t vaddr, uint32_t *level)
{
    paddr_t table = root;

    for (uint32_t at = PT_LEVEL_TOP;; at--) {
        hal_pte_t *slot = slot_in(table, vaddr, at);
        const hal_pte_t pte = pte_read(slot);

        if (!hal_pte_present(pte) || hal_pte_is_leaf(pte, at)) {
            *level = at;
            return slot;
        }
        table = hal_pte_paddr(pte);
    }
}

void pt_unmap(paddr_t root, vaddr_t vaddr, size_t page_count)
{
    KASSERT((vaddr & PAGE_MASK) == 0);
    for (size_t i = 0; i < page_count; i++) {
        uint32_t level = 0;
        hal_pte_t *slot = slot_find(root, vaddr + i * PAGE_SIZE, &level);

        if (hal_pte_present(pte_read(slot))) {
            KASSERT(level == 0); /* invariant (3) */
            pte_write(slot, 0);
        }
    }
}

/* Describe the leaf `pte` of `level` as seen from `vaddr` inside it. */
static void entry_fill(hal_pte_t pte, vaddr_t vaddr, uint32_t level, struct pt_entry *out)
{
    out->paddr = hal_pte_paddr(pte) + (align_down(vaddr, PAGE_SIZE) & (level_size(level) - 1));
    out->flags = hal_pte_flags(pte);
}

bool pt_lookup(paddr_t root, vaddr_t vaddr, struct pt_entry *out)
{
    uint32_t level = 0;
    const hal_pte_t pte = pte_read(slot_find(root, vaddr, &level));

    if (!hal_pte_present(pte)) {
        return false;
    }
    entry_fill(pte, vaddr, level, out);
    return true;
}

/* First address after the entry of `level` that covers `vaddr`, 0 past the end of the address
 * space; the hole of non-canonical addresses is jumped. */
static vaddr_t next_entry(vaddr_t vaddr, uint32_t level)
{
    const vaddr_t next = align_down(vaddr, level_size(level)) + level_size(level);

    return next == level_size(PT_LEVEL_TOP) * (PT_ENTRIES / 2) ? PT_CANONICAL | next : next;
}

bool pt_next(paddr_t root, vaddr_t vaddr, vaddr_t limit, vaddr_t *at, struct pt_entry *out)
{
    vaddr_t va = align_down(vaddr, PAGE_SIZE);

    while (va < limit) {
        uint32_t level = 0;
        const hal_pte_t pte = pte_read(slot_find(root, va, &level));

        if (hal_pte_present(pte)) {
            entry_fill(pte, va, level, out);
            *at = va;
            return true;
        }
        va = next_entry(va, level);
        if (va == 0) {
            break;
        }
    }
    return false;
}
