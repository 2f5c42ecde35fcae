/* tests/core/mem/virtual/test_pt.c - the portable page table. */
#include "exo/hal.h"
#include "exo/mem/phys.h"
#include "exo/mem/pt.h"
#include "exo_check.h"

#define FLAGS (PT_READ | PT_USER)
#define FAR   0x7ffe00000000ull /* another entry of the top table */
#define LIMIT 0x800000000000ull

static uint64_t frames_free(void)
{
    struct phys_stats stats;

    phys_stats(&stats);
    return stats.frames_free;
}

/* What was mapped is found with its frame and rights, its neighbours are not. */
START_TEST(pt_lookup_finds_what_was_mapped)
{
    paddr_t root = 0;
    struct pt_entry entry = { 0 };

    ck_assert_int_eq(pt_create(&root), EXO_OK);
    ck_assert_int_eq(pt_map(root, 0x40000000, 0x5000, 2, FLAGS | PT_WRITE), EXO_OK);
    ck_assert(pt_lookup(root, 0x40001abc, &entry));
    ck_assert_uint_eq(entry.paddr, 0x6000);
    ck_assert_uint_eq(entry.flags, FLAGS | PT_WRITE);
    ck_assert(!pt_lookup(root, 0x3ffff000, &entry));
    ck_assert(!pt_lookup(root, 0x40002000, &entry));
    pt_destroy(root, UINT64_MAX);
}
END_TEST

/* Mapping over an entry replaces it; rights follow. */
START_TEST(pt_map_replaces_an_entry)
{
    paddr_t root = 0;
    struct pt_entry entry = { 0 };

    ck_assert_int_eq(pt_create(&root), EXO_OK);
    ck_assert_int_eq(pt_map(root, FAR, 0x5000, 1, FLAGS | PT_WRITE), EXO_OK);
    ck_assert_int_eq(pt_map(root, FAR, 0x9000, 1, FLAGS | PT_EXEC), EXO_OK);
    ck_assert(pt_lookup(root, FAR, &entry));
    ck_assert_uint_eq(entry.paddr, 0x9000);
    ck_assert_uint_eq(entry.flags, FLAGS | PT_EXEC);
    pt_destroy(root, UINT64_MAX);
}
END_TEST

/* Unmapping removes exactly its range and passes over absent pages, also where there is no
 * table. */
START_TEST(pt_unmap_removes_its_range)
{
    paddr_t root = 0;
    struct pt_entry entry = { 0 };

    ck_assert_int_eq(pt_create(&root), EXO_OK);
    ck_assert_int_eq(pt_map(root, 0x1ff000, 0x5000, 3, FLAGS), EXO_OK);
    pt_unmap(root, 0x200000, 1);
    pt_unmap(root, FAR, 4);
    ck_assert(pt_lookup(root, 0x1ff000, &entry));
    ck_assert(!pt_lookup(root, 0x200000, &entry));
    ck_assert(pt_lookup(root, 0x201000, &entry));
    pt_destroy(root, UINT64_MAX);
}
END_TEST

/* The walk gives leaves in order over gaps of every table level, and stops at its limit. */
START_TEST(pt_next_walks_over_gaps)
{
    static const vaddr_t pages[] = { 0x10000, 0x11000, 0x200000, 0x40000000, 0x8000000000, FAR };
    paddr_t root = 0;
    struct pt_entry entry = { 0 };
    vaddr_t at = 0;
    vaddr_t from = 0;

    ck_assert_int_eq(pt_create(&root), EXO_OK);
    for (size_t i = 0; i < ARRAY_COUNT(pages); i++) {
        ck_assert_int_eq(pt_map(root, pages[i], i * PAGE_SIZE, 1, FLAGS), EXO_OK);
    }
    for (size_t i = 0; i < ARRAY_COUNT(pages); i++) {
        ck_assert(pt_next(root, from, LIMIT, &at, &entry));
        ck_assert_uint_eq(at, pages[i]);
        ck_assert_uint_eq(entry.paddr, i * PAGE_SIZE);
        from = at + PAGE_SIZE;
    }
    ck_assert(!pt_next(root, from, LIMIT, &at, &entry));
    ck_assert(!pt_next(root, 0x12000, 0x200000, &at, &entry));
    ck_assert(pt_next(root, 0x12000, 0x201000, &at, &entry));
    ck_assert(!pt_next(root, from, UINT64_MAX, &at, &entry)); /* over the hole to the very end */
    pt_destroy(root, UINT64_MAX);
}
END_TEST

/* Destroying gives every table back: those of the range first, the rest and the root with the
 * whole. */
START_TEST(pt_destroy_frees_every_table)
{
    const uint64_t before = frames_free();
    paddr_t root = 0;
    struct pt_entry entry = { 0 };

    ck_assert_int_eq(pt_create(&root), EXO_OK);
    ck_assert_int_eq(pt_map(root, 0x10000, 0x5000, 1, FLAGS), EXO_OK);
    ck_assert_int_eq(pt_map(root, FAR, 0x6000, 1, FLAGS), EXO_OK);
    ck_assert_uint_eq(frames_free(), before - 7);
    pt_destroy(root, 0x20000);
    ck_assert_uint_eq(frames_free(), before - 4);
    ck_assert(!pt_lookup(root, 0x10000, &entry));
    ck_assert(pt_lookup(root, FAR, &entry));
    pt_destroy(root, UINT64_MAX);
    ck_assert_uint_eq(frames_free(), before);
}
END_TEST

/* Without a frame for a table, mapping says so and leaks nothing. */
START_TEST(pt_map_reports_exhaustion)
{
    const uint64_t before = frames_free();
    paddr_t root = 0;

    ck_assert_int_eq(pt_create(&root), EXO_OK);
    for (uint32_t n = 1; n <= 3; n++) {
        (void)phys_test_fail_after(n);
        ck_assert_int_eq(pt_map(root, n * (1ull << 39), 0x5000, 1, FLAGS), EXO_ERR_NO_MEMORY);
    }
    (void)phys_test_fail_after(0);
    pt_destroy(root, UINT64_MAX);
    ck_assert_uint_eq(frames_free(), before);
    (void)phys_test_fail_after(1);
    ck_assert_int_eq(pt_create(&root), EXO_ERR_NO_MEMORY);
    (void)phys_test_fail_after(0);
}
END_TEST

EXO_SUITE(pt, EXO_TEST(pt_lookup_finds_what_was_mapped), EXO_TEST(pt_map_replaces_an_entry),
          EXO_TEST(pt_unmap_removes_its_range), EXO_TEST(pt_next_walks_over_gaps),
          EXO_TEST(pt_destroy_frees_every_table), EXO_TEST(pt_map_reports_exhaustion))
