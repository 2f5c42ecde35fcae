/*
 * test_memory.c - the running kernel's own tables and stacks: rights, sharing, guard areas.
 */
#include "exo_check.h"

#include "exo/hal.h"
#include "exo/hal/user.h"
#include "exo/mem/phys.h"
#include "exo/mem/pt.h"
#include "platform/x86_64/layout.h"
#include "platform/x86_64/mmio.h"
#include "platform/x86_64/paging.h"
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

/* An address comes back only after every CPU has forgotten its former frame: two stacks made one
 * after the other never share one, but the addresses never run out either. */
START_TEST(stack_addresses_are_recycled_after_a_flush_only)
{
    struct hal_stack stack;
    void *former = NULL;

    for (uint32_t i = 0; i < 2 * LAYOUT_STACKS_BYTES / (2 * KERNEL_STACK_BYTES); i++) {
        ck_assert_int_eq(hal_stack_create(&stack), EXO_OK);
        ck_assert_ptr_ne(stack.base, former);
        *(volatile char *)stack.base = 1;
        former = stack.base;
        hal_stack_destroy(&stack);
    }
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
          EXO_TEST(mmio_map_refuses_more_than_its_window))
