/*
 * walk.c - reading the core's page tables: the next mapped user page.
 *
 * Entries are read whole, once; tables live as long as the space (exo/mem/pt.h), so this may run beside
 * changes.
 */
#include "platform/hosted/user/stub.h"

#define LEVEL_BITS 9u

static uint32_t level_shift(uint32_t level)
{
    return PAGE_SHIFT + level * LEVEL_BITS;
}

static hal_pte_t entry_at(paddr_t table, vaddr_t vaddr, uint32_t level)
{
    const hal_pte_t *const entry = hal_phys_to_virt(table);
    const uint32_t index = (uint32_t)(vaddr >> level_shift(level)) & (PT_ENTRIES - 1);

    return __atomic_load_n(&entry[index], __ATOMIC_RELAXED);
}

vaddr_t walk_next(paddr_t root, vaddr_t vaddr, vaddr_t limit, struct pt_entry *out)
{
    while (vaddr < limit) {
        paddr_t table = root;
        uint32_t level = PT_LEVELS - 1;
        hal_pte_t entry = entry_at(table, vaddr, level);

        while (hal_pte_present(entry) && !hal_pte_is_leaf(entry, level)) {
            table = hal_pte_paddr(entry);
            level--;
            entry = entry_at(table, vaddr, level);
        }
        if (hal_pte_present(entry) && (hal_pte_flags(entry) & PT_USER) != 0) {
            const uint64_t within = vaddr & ((1ull << level_shift(level)) - 1) & ~(uint64_t)PAGE_MASK;

            out->paddr = hal_pte_paddr(entry) + within;
            out->flags = hal_pte_flags(entry);
            return vaddr;
        }
        vaddr = align_down(vaddr, 1ull << level_shift(level)) + (1ull << level_shift(level));
    }
    return limit;
}
