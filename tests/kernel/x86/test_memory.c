/*
 * test_memory.c - the running kernel's own tables and stacks: rights, sharing, guard areas.
 */
#include <stdatomic.h>

#include "exo_check.h"

#include "exo/hal.h"
#include "exo/hal/user.h"
#include "exo/mem/kva.h"
#include "exo/mem/phys.h"
#include "exo/mem/pt.h"
#include "platform/x86_64/cpuid.h"
#include "platform/x86_64/io.h"
#include "platform/x86_64/layout.h"
#include "platform/x86_64/mmio.h"
#include "platform/x86_64/paging.h"
#include "platform/x86_64/remote.h"
#include "platform/x86_64/stack.h"

struct rights_seen {
    uint64_t leaves;
    uint64_t code_leaves;
    uint64_t both;        /* writable and executable at once */
    uint64_t user;        /* open to user code */
    uint64_t alias_write; /* writable views of code or constants, through whatever address */
};

static void rights_visit(const struct paging_leaf *leaf, void *arg)
{
    struct rights_seen *seen = arg;
    const bool writable = (leaf->entry & PTE_WRITABLE) != 0;
    const bool executable = (leaf->entry & PTE_NX) == 0;
    const paddr_t hard_start = layout_image_phys(kernel_image_start);
    const paddr_t hard_end = layout_image_phys(kernel_data_start);

    seen->leaves++;
    seen->code_leaves += executable ? 1 : 0;
    seen->both += writable && executable ? 1 : 0;
    seen->user += (leaf->entry & PTE_USER) != 0 ? 1 : 0;
    if (writable && leaf->paddr < hard_end && leaf->paddr + leaf->len_bytes > hard_start) {
        seen->alias_write++;
    }
}

START_TEST(kernel_tables_have_no_page_writable_and_executable)
{
    struct rights_seen seen = { 0 };

    paging_walk(paging_kernel_root(), LAYOUT_KERNEL_HALF, PT_ENTRIES, rights_visit, &seen);
    ck_assert_uint_gt(seen.leaves, 100);
    ck_assert_uint_eq(seen.code_leaves,
                      (uint64_t)(kernel_text_end - kernel_text_start) / PAGE_SIZE);
    ck_assert_uint_eq(seen.both, 0);
    ck_assert_uint_eq(seen.user, 0);
    ck_assert_uint_eq(seen.alias_write, 0);
}
END_TEST

START_TEST(kernel_tables_have_nothing_in_the_lower_half)
{
    struct rights_seen seen = { 0 };

    paging_walk(paging_kernel_root(), 0, LAYOUT_KERNEL_HALF, rights_visit, &seen);
    ck_assert_uint_eq(seen.leaves, 0);
}
END_TEST

/* The one page that code below 1 MiB runs from is executable in tables of its own, and not
 * writable. */
START_TEST(trampoline_page_is_executable_but_not_writable)
{
    struct rights_seen seen = { 0 };

    paging_walk(paging_trampoline_root(0x8000), 0, LAYOUT_KERNEL_HALF, rights_visit, &seen);
    ck_assert_uint_eq(seen.code_leaves, 1);
    ck_assert_uint_eq(seen.both, 0);
}
END_TEST

START_TEST(every_space_shares_the_kernel_half)
{
    struct hal_space *space = NULL;
    paddr_t root = 0;

    ck_assert_int_eq(pt_create(&root), EXO_OK);
    ck_assert_int_eq(hal_space_create(root, &space), EXO_OK);
    const uint64_t *mine = hal_phys_to_virt(root);
    const uint64_t *kernel = hal_phys_to_virt(paging_kernel_root());

    for (uint32_t i = 0; i < PT_ENTRIES; i++) {
        /* The accessed bit is the CPU's own business. */
        ck_assert_uint_eq(mine[i] & ~0x60ull, i < LAYOUT_KERNEL_HALF ? 0 : kernel[i] & ~0x60ull);
    }
    hal_space_destroy(space);
    pt_destroy(root, HAL_USER_MAX);
    phys_free(root, 1);
}
END_TEST

START_TEST(direct_map_of_firmware_memory_is_not_writable)
{
    struct pt_entry entry;

    /* Where a PC has its firmware: present without holes, read-only, uncached. */
    ck_assert(pt_lookup(paging_kernel_root(), HAL_DIRECT_MAP + 0xfff00000ull, &entry));
    ck_assert_uint_eq(entry.paddr & ~PAGE_MASK, 0xfff00000ull);
    ck_assert_uint_eq(entry.flags & (PT_WRITE | PT_EXEC | PT_USER), 0);
    ck_assert_uint_eq(entry.flags & PT_UNCACHED, PT_UNCACHED);
}
END_TEST

START_TEST(stack_guard_covers_the_page_below_and_no_byte_of_the_stack)
{
    struct hal_stack stack;
    struct pt_entry entry;
    void *base = NULL;

    ck_assert_int_eq(hal_stack_create(&stack), EXO_OK);
    const vaddr_t low = (vaddr_t)stack.base;

    ck_assert(!pt_lookup(paging_kernel_root(), low - 1, &entry));
    ck_assert(pt_lookup(paging_kernel_root(), low, &entry));
    ck_assert_uint_eq(entry.flags & (PT_WRITE | PT_EXEC | PT_USER), PT_WRITE);
    ck_assert(pt_lookup(paging_kernel_root(), low + stack.size_bytes - 1, &entry));
    ck_assert(stack_guard_find(low - 1, &base));
    ck_assert_ptr_eq(base, stack.base);
    base = NULL;
    ck_assert(stack_guard_find(low - PAGE_SIZE, &base));
    ck_assert(!stack_guard_find(low, &base));
    ck_assert(!stack_guard_find(low + stack.size_bytes - 1, &base));
    hal_stack_destroy(&stack);
    ck_assert(!stack_guard_find(low - 1, &base)); /* not of a live stack any more */
    ck_assert(!pt_lookup(paging_kernel_root(), low, &entry));
}
END_TEST

/* Neither an address nor a frame comes back before every CPU has forgotten it: two stacks made one
 * after the other never share one, but neither runs out. */
START_TEST(stack_addresses_are_recycled_after_a_flush_only)
{
    struct hal_stack stack;
    struct kva_stats stats;
    void *former = NULL;

    kva_stats(&stats);
    const uint64_t rounds = 2 * stats.pages_total / (KERNEL_STACK_BYTES / PAGE_SIZE);

    for (uint64_t i = 0; i < min_u64(rounds, 150000); i++) { /* on large machines: for long */
        ck_assert_int_eq(hal_stack_create(&stack), EXO_OK);
        ck_assert_ptr_ne(stack.base, former);
        *(volatile char *)stack.base = 1;
        former = stack.base;
        hal_stack_destroy(&stack);
    }
}
END_TEST

/* What the entry of an address in the kernel's tables says, PWT, PCD and the rights. */
static uint64_t entry_of(vaddr_t vaddr)
{
    paddr_t table = paging_kernel_root();
    uint64_t entry = 0;

    for (uint32_t level = PT_LEVELS; level-- > 0;) {
        entry = ((const uint64_t *)hal_phys_to_virt(
            table))[(vaddr >> (PAGE_SHIFT + 9 * level)) & (PT_ENTRIES - 1)];
        ck_assert((entry & PTE_PRESENT) != 0);
        ck_assert(level == 0 || (entry & PTE_LARGE) == 0);
        table = entry & PTE_ADDR;
    }
    return entry;
}

#define VGA_TEXT 0xb8000ull /* no memory of ours: uncached in the direct map */

/* The bits of an entry choose the type out of the table; without one (CPUID) the bits mean what
 * they always did, and write-combining memory is uncached, the one type that is right for any
 * device. */
START_TEST(kva_memory_types_are_entries_of_the_page_attribute_table)
{
    const bool has_table = cpuid_info()->pat;
    const struct {
        uint32_t flags;
        uint64_t bits;
        uint64_t type;
    } wanted[] = {
        { 0, 0, 6 },
        { PT_WRITE_COMBINE, has_table ? PTE_PWT : PTE_PCD | PTE_PWT, 1 },
        { PT_UNCACHED, PTE_PCD | PTE_PWT, 0 },
    };
    const uint64_t pat = has_table ? msr_read(0x277) : 0;
    void *view = NULL;

    for (uint32_t i = 0; i < ARRAY_COUNT(wanted); i++) {
        ck_assert_int_eq(kva_map(VGA_TEXT, 1, PT_WRITE | wanted[i].flags, &view), EXO_OK);
        const uint64_t entry = entry_of((vaddr_t)view);
        const uint64_t index = ((entry & PTE_PWT) != 0 ? 1 : 0) | ((entry & PTE_PCD) != 0 ? 2 : 0);

        ck_assert_uint_eq(entry & (PTE_PWT | PTE_PCD | PTE_PAT), wanted[i].bits);
        ck_assert(!has_table || ((pat >> (8 * index)) & 0xff) == wanted[i].type);
        ck_assert_uint_eq(entry & PTE_ADDR, VGA_TEXT);
        ck_assert((entry & PTE_NX) != 0 && (entry & PTE_GLOBAL) != 0);
        ck_assert_int_eq(kva_protect(view, 1, PT_READ), EXO_OK);
        ck_assert_uint_eq(entry_of((vaddr_t)view) & (PTE_PWT | PTE_PCD | PTE_WRITABLE),
                          wanted[i].bits);
        kva_free(view);
    }
}
END_TEST

static void pat_read(void *arg)
{
    *(uint64_t *)arg = msr_read(0x277);
}

static _Atomic uint64_t g_pat_differ;

static void pat_compare(void *arg)
{
    if (msr_read(0x277) != *(const uint64_t *)arg) {
        atomic_fetch_or_explicit(&g_pat_differ, 1ull << hal_cpu_id(), memory_order_relaxed);
    }
}

START_TEST(page_attribute_table_is_the_same_on_every_cpu)
{
    uint64_t mine = 0;

    if (!cpuid_info()->pat) {
        return; /* there is no such register */
    }
    pat_read(&mine);
    ck_assert_uint_eq(mine, 0x0007010600070106ull);
    atomic_store(&g_pat_differ, 0);
    remote_call(REMOTE_ALL, pat_compare, &mine);
    ck_assert_uint_eq(atomic_load(&g_pat_differ), 0);
}
END_TEST

/* Write-combining stores may pass by a cached view of the same memory. */
START_TEST(kva_map_refuses_a_second_memory_type)
{
    paddr_t frame = 0;
    void *view = NULL;

    ck_assert_int_eq(phys_alloc(1, 1, &frame), EXO_OK);
    ck_assert_int_eq(kva_map(frame, 1, PT_WRITE | PT_WRITE_COMBINE, &view), EXO_ERR_INVALID);
    ck_assert_int_eq(kva_map(frame, 1, PT_WRITE | PT_UNCACHED, &view), EXO_ERR_INVALID);
    phys_free(frame, 1);
}
END_TEST

static void sizes_visit(const struct paging_leaf *leaf, void *arg)
{
    uint64_t *largest = arg;

    ck_assert_uint_eq(leaf->paddr & (leaf->len_bytes - 1), 0);
    ck_assert_uint_eq(leaf->vaddr, HAL_DIRECT_MAP + leaf->paddr);
    *largest = max_u64(*largest, leaf->len_bytes);
}

/* Every leaf shows the frame that its address says, aligned to its size; the largest are the
 * largest that the processor has, or 2 MiB if memory has no whole GiB of one kind. */
START_TEST(direct_map_uses_large_pages)
{
    const uint32_t first = (uint32_t)(HAL_DIRECT_MAP >> (PAGE_SHIFT + 27)) & (PT_ENTRIES - 1);
    uint64_t largest = 0;

    paging_walk(paging_kernel_root(), first, first + 1, sizes_visit, &largest);
    ck_assert_uint_ge(largest, cpuid_info()->pages_1g ? GIANT_PAGE_BYTES : LARGE_PAGE_BYTES);
}
END_TEST

START_TEST(mmio_map_refuses_more_than_its_window)
{
    ck_assert_ptr_null((void *)(uintptr_t)mmio_map(0xfee00000, LAYOUT_MMIO_BYTES + 1));
    ck_assert_ptr_null((void *)(uintptr_t)mmio_map(0xfee00000, SIZE_MAX - PAGE_SIZE));
}
END_TEST

EXO_SUITE(x86_memory, EXO_TEST(kernel_tables_have_no_page_writable_and_executable),
          EXO_TEST(kernel_tables_have_nothing_in_the_lower_half),
          EXO_TEST(trampoline_page_is_executable_but_not_writable),
          EXO_TEST(every_space_shares_the_kernel_half),
          EXO_TEST(direct_map_of_firmware_memory_is_not_writable),
          EXO_TEST(stack_guard_covers_the_page_below_and_no_byte_of_the_stack),
          EXO_TEST(stack_addresses_are_recycled_after_a_flush_only),
          EXO_TEST(kva_memory_types_are_entries_of_the_page_attribute_table),
          EXO_TEST(page_attribute_table_is_the_same_on_every_cpu),
          EXO_TEST(kva_map_refuses_a_second_memory_type), EXO_TEST(direct_map_uses_large_pages),
          EXO_TEST(mmio_map_refuses_more_than_its_window))
