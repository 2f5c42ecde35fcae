/*
 * paging.c - the kernel's page tables, built once at boot.
 *
 * Invariants:
 *   (1) no page is both writable and executable, nor is the direct map's view of an executable or
 *       constant page of the image writable;
 *   (2) nothing is mapped in the lower half of the kernel's root;
 *   (3) top-level entries of the kernel half do not change after paging_init() and the one
 *       paging_window_reserve(), both before there is another root or CPU;
 *   (4) below 4 GiB the direct map has no holes: what is not memory is there read-only and
 *       uncached, so that a wrong pointer in a firmware table reads rubbish and does not fault.
 *
 * Spec: AMD64 APM volume 2 chapter 5.
 */
#include "paging.h"

#include "exo/debug/panic.h"
#include "exo/lib/assert.h"
#include "exo/mem/phys.h"
#include "exo/sync/spinlock.h"

#include "cpuid.h"
#include "memmap.h"
#include "mmio.h"

#define ENTRIES      512u
#define LEVELS       4u
#define FOUR_GIB     (4ull << 30)
#define POOL_PAGES   16u
#define DIRECT_FLAGS (PTE_PRESENT | PTE_GLOBAL | PTE_NX)
#define UNCACHED     (PTE_PCD | PTE_PWT)

static EXO_ALIGNED(4096) uint64_t g_root[ENTRIES];
static EXO_ALIGNED(4096) uint64_t g_trampoline_table[LEVELS][ENTRIES];

static struct boot_info *g_boot_memory; /* where tables come from; NULL: from the core */
static paddr_t g_pool_next;
static uint32_t g_pool_pages;
static struct spinlock g_mmio_lock = SPINLOCK_INIT(RANK_PLATFORM);
static vaddr_t g_mmio_next =
    LAYOUT_MMIO; /* guarded by g_mmio_lock, as are the tables of the window */

extern char boot_stack_guard[];

struct mapping {
    vaddr_t vaddr;
    paddr_t paddr;
    uint64_t len_bytes;
    uint64_t flags;    /* of the leaf, PTE_PRESENT included */
    uint64_t leaf_max; /* largest page to use, bytes */
};

/* A zeroed page for a table. */
static exo_status_t table_alloc(paddr_t *out)
{
    if (g_boot_memory == NULL) {
        return phys_alloc_zeroed(out);
    }
    if (g_pool_pages == 0) {
        const exo_status_t status = memmap_carve(g_boot_memory, POOL_PAGES * PAGE_SIZE, FOUR_GIB,
                                                 BOOT_REGION_KERNEL, &g_pool_next);

        if (status != EXO_OK) {
            return status;
        }
        g_pool_pages = POOL_PAGES;
    }
    uint64_t *table = hal_phys_to_virt(g_pool_next);

    for (uint32_t i = 0; i < ENTRIES; i++) {
        table[i] = 0;
    }
    *out = g_pool_next;
    g_pool_next += PAGE_SIZE;
    g_pool_pages--;
    return EXO_OK;
}

/* Step from the entry to the table that it names, making one if there is none. */
static exo_status_t table_enter(uint64_t *entry, uint64_t **out)
{
    if (!hal_pte_present(*entry)) {
        paddr_t table = 0;
        const exo_status_t status = table_alloc(&table);

        if (status != EXO_OK) {
            return status;
        }
        *entry = table | PTE_PRESENT | PTE_WRITABLE; /* never user: the kernel half */
    }
    *out = hal_phys_to_virt(hal_pte_paddr(*entry));
    return EXO_OK;
}

static uint32_t index_at(vaddr_t vaddr, uint32_t level)
{
    return (uint32_t)(vaddr >> (PAGE_SHIFT + 9 * level)) & (ENTRIES - 1);
}

/* The largest page that fits at the start of what is left. */
static uint32_t leaf_level(const struct mapping *map)
{
    const uint64_t both = map->vaddr | map->paddr;

    if (map->leaf_max >= GIANT_PAGE_BYTES && (both & (GIANT_PAGE_BYTES - 1)) == 0 &&
        map->len_bytes >= GIANT_PAGE_BYTES) {
        return 2;
    }
    if (map->leaf_max >= LARGE_PAGE_BYTES && (both & (LARGE_PAGE_BYTES - 1)) == 0 &&
        map->len_bytes >= LARGE_PAGE_BYTES) {
        return 1;
    }
    return 0;
}

/* Map a range in the kernel's root with the largest pages that fit; nothing may be mapped there
 * yet. */
static exo_status_t range_map(struct mapping map)
{
    while (map.len_bytes > 0) {
        const uint32_t level = leaf_level(&map);
        const uint64_t leaf_bytes = PAGE_SIZE << (9 * level);
        uint64_t *table = g_root;

        for (uint32_t at = LEVELS - 1; at > level; at--) {
            const exo_status_t status = table_enter(&table[index_at(map.vaddr, at)], &table);

            if (status != EXO_OK) {
                return status;
            }
        }
        uint64_t *entry = &table[index_at(map.vaddr, level)];

        KASSERT(!hal_pte_present(*entry));
        *entry = map.paddr | map.flags | (level > 0 ? PTE_LARGE : 0);
        map.vaddr += leaf_bytes;
        map.paddr += leaf_bytes;
        map.len_bytes -= leaf_bytes;
    }
    return EXO_OK;
}

static void range_map_or_panic(const struct mapping *map)
{
    if (range_map(*map) != EXO_OK) {
        panic("no memory for the kernel's page tables at 0x%llx", (unsigned long long)map->vaddr);
    }
}

static void direct_map_range(paddr_t base, paddr_t end, uint64_t rights)
{
    const struct mapping map = {
        .vaddr = HAL_DIRECT_MAP + base,
        .paddr = base,
        .len_bytes = end - base,
        .flags = DIRECT_FLAGS | rights,
        .leaf_max = cpuid_info()->pages_1g ? GIANT_PAGE_BYTES : LARGE_PAGE_BYTES,
    };

    range_map_or_panic(&map);
}

static uint64_t region_rights(enum boot_region_kind kind)
{
    switch (kind) {
    case BOOT_REGION_FREE:
    case BOOT_REGION_KERNEL:
    case BOOT_REGION_MODULE:
        return PTE_WRITABLE;
    case BOOT_REGION_ACPI:
        return 0;
    case BOOT_REGION_FIRMWARE:
        return UNCACHED;
    }
    return UNCACHED;
}

/* Map [base, end) of one kind of memory; constant parts of the kernel image are read-only. */
static void direct_map_memory(paddr_t base, paddr_t end, uint64_t rights)
{
    const paddr_t hard_start = layout_image_phys(kernel_image_start);
    const paddr_t hard_end = layout_image_phys(kernel_data_start);

    if (rights == PTE_WRITABLE && base < hard_end && end > hard_start) {
        if (base < hard_start) {
            direct_map_range(base, hard_start, rights);
        }
        direct_map_range(max_u64(base, hard_start), min_u64(end, hard_end), 0);
        base = min_u64(end, hard_end);
    }
    if (base < end) {
        direct_map_range(base, end, rights);
    }
}

/* Map everything that the regions name, neighbours of equal rights as one, and below 4 GiB the
 * holes. */
static uint64_t direct_map_build(const struct boot_info *info)
{
    uint64_t done = 0; /* all below is mapped, or a hole above 4 GiB */
    uint64_t solid = 0;
    uint32_t i = 0;

    while (i < info->region_count) {
        const struct boot_region *first = &info->region[i];
        const uint64_t rights = region_rights(first->kind);
        uint64_t end = first->base + first->len_bytes;

        for (i++; i < info->region_count && info->region[i].base == end &&
                  region_rights(info->region[i].kind) == rights;
             i++) {
            end += info->region[i].len_bytes;
        }
        if (first->base > done && done < FOUR_GIB) {
            direct_map_range(done, min_u64(first->base, FOUR_GIB), UNCACHED);
            done = min_u64(first->base, FOUR_GIB);
        }
        if (rights == UNCACHED && end > FOUR_GIB) {
            end = max_u64(first->base, FOUR_GIB); /* firmware's own, out of reach of any table */
        }
        solid = first->base <= max_u64(done, solid) ? end : solid;
        if (end > first->base) {
            direct_map_memory(first->base, end, rights);
            done = end;
        }
    }
    if (done < FOUR_GIB) {
        direct_map_range(done, FOUR_GIB, UNCACHED);
    }
    return max_u64(solid, FOUR_GIB);
}

static void image_map(const char *start, const char *end, uint64_t rights)
{
    const struct mapping map = {
        .vaddr = (vaddr_t)start,
        .paddr = layout_image_phys(start),
        .len_bytes = (uint64_t)(end - start),
        .flags = PTE_PRESENT | PTE_GLOBAL | rights,
        .leaf_max = PAGE_SIZE,
    };

    range_map_or_panic(&map);
}

exo_status_t paging_window_reserve(vaddr_t start, uint64_t len_bytes)
{
    for (vaddr_t vaddr = start; vaddr < start + len_bytes; vaddr += LARGE_PAGE_BYTES) {
        uint64_t *table = g_root;

        for (uint32_t at = LEVELS - 1; at > 0; at--) {
            const exo_status_t status = table_enter(&table[index_at(vaddr, at)], &table);

            if (status != EXO_OK) {
                return status;
            }
        }
    }
    return EXO_OK;
}

uint64_t paging_init(struct boot_info *info)
{
    static struct boot_info before; /* the pool changes the regions while they are mapped */

    g_boot_memory = info;
    before = *info;
    const uint64_t solid = direct_map_build(&before);

    image_map(kernel_text_start, kernel_text_end, 0);
    image_map(kernel_rodata_start, kernel_data_start, PTE_NX);
    image_map(kernel_data_start, boot_stack_guard, PTE_NX | PTE_WRITABLE);
    image_map(boot_stack_guard + PAGE_SIZE, kernel_image_end, PTE_NX | PTE_WRITABLE);
    if (paging_window_reserve(LAYOUT_MMIO, LARGE_PAGE_BYTES) != EXO_OK) {
        panic("no memory for the kernel's page tables");
    }
    paging_load_kernel();
    return solid;
}

void paging_core_takes_over(void)
{
    g_boot_memory = NULL; /* what is left of the pool stays the kernel's: at most POOL_PAGES */
}

paddr_t paging_kernel_root(void)
{
    return layout_image_phys(g_root);
}

void paging_share_kernel_half(paddr_t root)
{
    uint64_t *table = hal_phys_to_virt(root);

    for (uint32_t i = LAYOUT_KERNEL_HALF; i < ENTRIES; i++) {
        table[i] = g_root[i];
    }
}

paddr_t paging_trampoline_root(paddr_t trampoline)
{
    uint64_t(*table)[ENTRIES] = g_trampoline_table;

    for (uint32_t level = LEVELS - 1; level > 0; level--) {
        table[level][index_at(trampoline, level)] =
            layout_image_phys(table[level - 1]) | PTE_PRESENT;
    }
    for (uint32_t i = 0; i < ENTRIES; i++) {
        table[0][i] = i == index_at(trampoline, 0) ? trampoline | PTE_PRESENT : 0;
    }
    for (uint32_t i = LAYOUT_KERNEL_HALF; i < ENTRIES; i++) {
        table[LEVELS - 1][i] = g_root[i];
    }
    return layout_image_phys(table[LEVELS - 1]);
}

void paging_load_kernel(void)
{
    paging_load(paging_kernel_root());
}

void paging_flush_all(void)
{
    const uint64_t pge = 1ull << 7;

    if (!cpuid_info()->pge) {
        paging_flush_user(); /* no entry is global */
        return;
    }
    const hal_irq_t irq = hal_irq_save();
    uint64_t cr4;

    __asm__ volatile("movq %%cr4, %0" : "=r"(cr4));
    __asm__ volatile("movq %0, %%cr4"
                     :
                     : "r"(cr4 ^ pge)
                     : "memory"); /* any change of PGE flushes all */
    __asm__ volatile("movq %0, %%cr4" : : "r"(cr4) : "memory");
    hal_irq_restore(irq);
}

volatile void *mmio_map(paddr_t paddr, size_t len_bytes)
{
    const uint64_t offset = paddr & PAGE_MASK;
    const uint64_t mapped = align_up(offset + len_bytes, PAGE_SIZE);
    struct mapping map = {
        .paddr = paddr - offset,
        .len_bytes = mapped,
        .flags = DIRECT_FLAGS | PTE_WRITABLE | UNCACHED,
        .leaf_max = PAGE_SIZE,
    };

    bool done = false;

    spin_lock(&g_mmio_lock);
    if (len_bytes <= LAYOUT_MMIO_BYTES && mapped <= LAYOUT_MMIO + LAYOUT_MMIO_BYTES - g_mmio_next) {
        map.vaddr = g_mmio_next;
        g_mmio_next += mapped; /* spent even if the tables fail half-way: addresses are plentiful */
        done = range_map(map) == EXO_OK;
    }
    spin_unlock(&g_mmio_lock);
    return done ? (volatile void *)(map.vaddr + offset) : NULL;
}

void paging_walk(paddr_t root, uint32_t first, uint32_t last,
                 void (*visit)(const struct paging_leaf *leaf, void *arg), void *arg)
{
    const uint64_t *table[LEVELS];
    uint32_t index[LEVELS] = { 0 };
    uint64_t rights[LEVELS + 1] = { [LEVELS] = PTE_WRITABLE | PTE_USER };
    uint32_t level = LEVELS - 1;

    table[level] = hal_phys_to_virt(root);
    index[level] = first;
    while (level < LEVELS) {
        if (index[level] == (level == LEVELS - 1 ? last : ENTRIES)) {
            level++;
            if (level < LEVELS) {
                index[level]++;
            }
            continue;
        }
        const uint64_t entry = table[level][index[level]];

        /* Writable and user need every level's consent, no-execute needs one level's veto. */
        rights[level] = (rights[level + 1] & entry & (PTE_WRITABLE | PTE_USER)) |
                        ((rights[level + 1] | entry) & PTE_NX);
        if (hal_pte_present(entry) && !hal_pte_is_leaf(entry, level)) {
            level--;
            table[level] = hal_phys_to_virt(hal_pte_paddr(entry));
            index[level] = 0;
            continue;
        }
        if (hal_pte_present(entry)) {
            vaddr_t vaddr = 0;

            for (uint32_t i = level; i < LEVELS; i++) {
                vaddr |= (vaddr_t)index[i] << (PAGE_SHIFT + 9 * i);
            }
            vaddr |= (vaddr & (1ull << 47)) != 0 ? 0xffff000000000000ull : 0;
            const struct paging_leaf leaf = {
                .vaddr = vaddr,
                .paddr = hal_pte_paddr(entry) & ~((PAGE_SIZE << (9 * level)) - 1),
                .len_bytes = PAGE_SIZE << (9 * level),
                .entry = rights[level] | (entry & ~(PTE_WRITABLE | PTE_USER | PTE_NX | PTE_ADDR)),
            };

            visit(&leaf, arg);
        }
        index[level]++;
    }
}
