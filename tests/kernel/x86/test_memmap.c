/*
 * test_memmap.c - the memory map from what a loader may say: order, overlaps, nonsense, limits,
 * cutting.
 */
#include "exo_check.h"

#include "platform/x86_64/memmap.h"

static struct memmap g_map;
static struct boot_info g_info;

static void map_begin(void)
{
    g_map = (struct memmap){ .count = 0 };
}

static void map_build(void)
{
    g_info.region_count = memmap_build(&g_map, g_info.region, BOOT_REGIONS_MAX);
}

static void region_is(uint32_t index, uint64_t base, uint64_t len_bytes, enum boot_region_kind kind)
{
    ck_assert_uint_lt(index, g_info.region_count);
    ck_assert_uint_eq(g_info.region[index].base, base);
    ck_assert_uint_eq(g_info.region[index].len_bytes, len_bytes);
    ck_assert_int_eq((int)g_info.region[index].kind, (int)kind);
}

START_TEST(memmap_sorts_and_merges_neighbours)
{
    map_begin();
    ck_assert(memmap_add(&g_map, 0x300000, 0x100000, BOOT_REGION_FREE));
    ck_assert(memmap_add(&g_map, 0x100000, 0x100000, BOOT_REGION_FREE));
    ck_assert(memmap_add(&g_map, 0x200000, 0x100000, BOOT_REGION_FREE));
    ck_assert(memmap_add(&g_map, 0x400000, 0x1000, BOOT_REGION_ACPI));
    map_build();
    ck_assert_uint_eq(g_info.region_count, 2);
    region_is(0, 0x100000, 0x300000, BOOT_REGION_FREE);
    region_is(1, 0x400000, 0x1000, BOOT_REGION_ACPI);
    ck_assert_uint_eq(g_map.overlap_count, 0);
}
END_TEST

/* A page that anybody but the free list claims is not free, whichever comes first in the list. */
START_TEST(memmap_overlap_never_frees_a_claimed_page)
{
    for (int reversed = 0; reversed < 2; reversed++) {
        map_begin();
        if (reversed == 0) {
            ck_assert(memmap_add(&g_map, 0x1000, 0x9000, BOOT_REGION_FREE));
        }
        ck_assert(memmap_add(&g_map, 0x3000, 0x2000, BOOT_REGION_FIRMWARE));
        ck_assert(memmap_add(&g_map, 0x4000, 0x2000, BOOT_REGION_ACPI));
        if (reversed != 0) {
            ck_assert(memmap_add(&g_map, 0x1000, 0x9000, BOOT_REGION_FREE));
        }
        map_build();
        ck_assert_uint_eq(g_info.region_count, 4);
        region_is(0, 0x1000, 0x2000, BOOT_REGION_FREE);
        region_is(1, 0x3000, 0x2000, BOOT_REGION_FIRMWARE);
        region_is(2, 0x5000, 0x1000, BOOT_REGION_ACPI);
        region_is(3, 0x6000, 0x4000, BOOT_REGION_FREE);
        ck_assert_uint_eq(g_map.overlap_count, 3);
    }
}
END_TEST

START_TEST(memmap_kernel_and_modules_win_over_everything)
{
    map_begin();
    ck_assert(memmap_add(&g_map, 0x100000, 0x10000, BOOT_REGION_KERNEL));
    ck_assert(memmap_add(&g_map, 0x108000, 0x10000, BOOT_REGION_MODULE));
    ck_assert(memmap_add(&g_map, 0x0, 0x1000000, BOOT_REGION_FREE));
    ck_assert(memmap_add(&g_map, 0x0, 0x1000000, BOOT_REGION_FIRMWARE));
    map_build();
    region_is(0, 0, 0x100000, BOOT_REGION_FIRMWARE);
    region_is(1, 0x100000, 0x10000, BOOT_REGION_KERNEL);
    region_is(2, 0x110000, 0x8000, BOOT_REGION_MODULE);
    region_is(3, 0x118000, 0xee8000, BOOT_REGION_FIRMWARE);
}
END_TEST

START_TEST(memmap_free_shrinks_to_pages_and_the_rest_grows)
{
    map_begin();
    ck_assert(memmap_add(&g_map, 0x1234, 0x2000, BOOT_REGION_FREE));
    ck_assert(memmap_add(&g_map, 0x9fc00, 0x400, BOOT_REGION_FIRMWARE));
    ck_assert(memmap_add(&g_map, 0x5001, 0xffe, BOOT_REGION_FREE)); /* not one whole page */
    map_build();
    ck_assert_uint_eq(g_info.region_count, 2);
    region_is(0, 0x2000, 0x1000, BOOT_REGION_FREE);
    region_is(1, 0x9f000, 0x1000, BOOT_REGION_FIRMWARE);
    ck_assert_uint_eq(g_map.absurd_count, 0);
}
END_TEST

START_TEST(memmap_passes_over_absurd_ranges)
{
    map_begin();
    ck_assert(!memmap_add(&g_map, 0x1000, 0, BOOT_REGION_FREE));
    ck_assert(!memmap_add(&g_map, UINT64_MAX - 0xfff, 0x2000, BOOT_REGION_FREE)); /* wraps round */
    ck_assert(!memmap_add(&g_map, MEMMAP_ADDRESS_MAX, 0x1000, BOOT_REGION_FREE));
    ck_assert_uint_eq(g_map.absurd_count, 3);
    ck_assert_uint_eq(g_map.count, 0);

    /* One that begins within reach is cut at its end. */
    ck_assert(memmap_add(&g_map, MEMMAP_ADDRESS_MAX - 0x1000, 0x10000, BOOT_REGION_FREE));
    map_build();
    ck_assert_uint_eq(g_info.region_count, 1);
    region_is(0, MEMMAP_ADDRESS_MAX - 0x1000, 0x1000, BOOT_REGION_FREE);
}
END_TEST

START_TEST(memmap_counts_what_is_beyond_its_limits)
{
    map_begin();
    for (uint64_t i = 0; i < MEMMAP_RANGES_MAX; i++) {
        ck_assert(memmap_add(&g_map, i * 0x2000, 0x1000, BOOT_REGION_FREE));
    }
    ck_assert(!memmap_add(&g_map, 0x10000000, 0x1000, BOOT_REGION_FREE));
    ck_assert_uint_eq(g_map.dropped_count, 1);
    map_build();
    ck_assert_uint_eq(g_info.region_count, BOOT_REGIONS_MAX);
    ck_assert_uint_eq(g_map.dropped_count, 1 + MEMMAP_RANGES_MAX - BOOT_REGIONS_MAX);
    region_is(BOOT_REGIONS_MAX - 1, (BOOT_REGIONS_MAX - 1) * 0x2000, 0x1000, BOOT_REGION_FREE);
}
END_TEST

START_TEST(memmap_carve_takes_from_the_top_and_grows_downwards)
{
    paddr_t first = 0;
    paddr_t second = 0;

    map_begin();
    ck_assert(memmap_add(&g_map, 0x1000, 0x4000, BOOT_REGION_FREE));
    ck_assert(memmap_add(&g_map, 0x100000, 0x100000, BOOT_REGION_FREE));
    map_build();
    ck_assert_int_eq(memmap_carve(&g_info, 0x4000, 1ull << 32, BOOT_REGION_KERNEL, &first), EXO_OK);
    ck_assert_int_eq(memmap_carve(&g_info, 0x2000, 1ull << 32, BOOT_REGION_KERNEL, &second),
                     EXO_OK);
    ck_assert_uint_eq(first, 0x1fc000);
    ck_assert_uint_eq(second, 0x1fa000);
    ck_assert_uint_eq(g_info.region_count, 3); /* the second one joined the first */
    region_is(1, 0x100000, 0xfa000, BOOT_REGION_FREE);
    region_is(2, 0x1fa000, 0x6000, BOOT_REGION_KERNEL);
}
END_TEST

START_TEST(memmap_carve_keeps_below_the_limit)
{
    paddr_t at = 77;

    map_begin();
    ck_assert(memmap_add(&g_map, 0x1000, 0x3000, BOOT_REGION_FREE));
    ck_assert(memmap_add(&g_map, 0x8000, 0x100000, BOOT_REGION_FREE));
    map_build();
    ck_assert_int_eq(memmap_carve(&g_info, 0x1000, 0xa000, BOOT_REGION_KERNEL, &at), EXO_OK);
    ck_assert_uint_eq(at, 0x9000); /* inside the second region: it is split in three */
    ck_assert_uint_eq(g_info.region_count, 4);
    region_is(1, 0x8000, 0x1000, BOOT_REGION_FREE);
    region_is(2, 0x9000, 0x1000, BOOT_REGION_KERNEL);
    region_is(3, 0xa000, 0xfe000, BOOT_REGION_FREE);

    ck_assert_int_eq(memmap_carve(&g_info, 0x1000, 0x1000, BOOT_REGION_KERNEL, &at),
                     EXO_ERR_NO_MEMORY);
    ck_assert_uint_eq(at, 0x9000); /* untouched by the error */
}
END_TEST

START_TEST(memmap_carve_of_a_whole_region_leaves_no_empty_one)
{
    paddr_t at = 0;

    map_begin();
    ck_assert(memmap_add(&g_map, 0x1000, 0x3000, BOOT_REGION_FREE));
    ck_assert(memmap_add(&g_map, 0x8000, 0x2000, BOOT_REGION_FREE));
    map_build();
    ck_assert_int_eq(memmap_carve(&g_info, 0x2000, 1ull << 32, BOOT_REGION_MODULE, &at), EXO_OK);
    ck_assert_uint_eq(g_info.region_count, 2);
    region_is(1, 0x8000, 0x2000, BOOT_REGION_MODULE);
    ck_assert_int_eq(memmap_carve(&g_info, 0x3000, 1ull << 32, BOOT_REGION_MODULE, &at), EXO_OK);
    ck_assert_uint_eq(g_info.region_count, 2);
    region_is(0, 0x1000, 0x3000, BOOT_REGION_MODULE);
    ck_assert_int_eq(memmap_carve(&g_info, 0x1000, 1ull << 32, BOOT_REGION_MODULE, &at),
                     EXO_ERR_NO_MEMORY);
}
END_TEST

START_TEST(memmap_carve_refuses_when_the_list_is_full)
{
    paddr_t at = 0;

    map_begin();
    for (uint64_t i = 0; i < BOOT_REGIONS_MAX; i++) {
        ck_assert(memmap_add(&g_map, i * 0x10000, 0x8000, BOOT_REGION_FREE));
    }
    map_build();
    ck_assert_uint_eq(g_info.region_count, BOOT_REGIONS_MAX);
    ck_assert_int_eq(memmap_carve(&g_info, 0x1000, 1ull << 32, BOOT_REGION_KERNEL, &at),
                     EXO_ERR_NO_RESOURCES);
    ck_assert_uint_eq(g_info.region_count, BOOT_REGIONS_MAX);
}
END_TEST

EXO_SUITE(x86_memmap, EXO_TEST(memmap_sorts_and_merges_neighbours),
          EXO_TEST(memmap_overlap_never_frees_a_claimed_page),
          EXO_TEST(memmap_kernel_and_modules_win_over_everything),
          EXO_TEST(memmap_free_shrinks_to_pages_and_the_rest_grows),
          EXO_TEST(memmap_passes_over_absurd_ranges),
          EXO_TEST(memmap_counts_what_is_beyond_its_limits),
          EXO_TEST(memmap_carve_takes_from_the_top_and_grows_downwards),
          EXO_TEST(memmap_carve_keeps_below_the_limit),
          EXO_TEST(memmap_carve_of_a_whole_region_leaves_no_empty_one),
          EXO_TEST(memmap_carve_refuses_when_the_list_is_full))
