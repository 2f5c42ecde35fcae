/*
 * test_area.c - runs of page numbers, against a plain array as the oracle.
 */
#include "area.h"
#include "exo/lib/string.h"
#include "exo_check.h"

#define PAGES 1000u /* not a multiple of a leaf, not a power of two */

static uint64_t g_storage[1024];
static struct area g_area;

static void area_fresh(void)
{
    ck_assert_uint_le(area_bytes(PAGES), sizeof(g_storage));
    memset(g_storage, 0, sizeof(g_storage));
    area_init(&g_area, PAGES, g_storage);
}

/* All of it can be taken, in one piece or page by page, and not one page more. */
START_TEST(area_gives_every_page_once)
{
    static bool seen[PAGES];

    area_fresh();
    ck_assert_uint_eq(area_take(&g_area, PAGES + 1), AREA_NONE);
    ck_assert_uint_eq(area_take(&g_area, PAGES), 0);
    ck_assert_uint_eq(area_take(&g_area, 1), AREA_NONE);
    area_give(&g_area, 0, PAGES);
    memset(seen, 0, sizeof(seen));
    for (size_t i = 0; i < PAGES; i++) {
        const size_t page = area_take(&g_area, 1);

        ck_assert_uint_lt(page, PAGES);
        ck_assert(!seen[page]);
        seen[page] = true;
    }
    ck_assert_uint_eq(area_take(&g_area, 1), AREA_NONE);
    ck_assert_uint_eq(g_area.pages_free, 0);
}
END_TEST

/* Pieces given back in any order become one run again; while one page in the middle is held, the
 * longest run is the larger side. */
START_TEST(area_merges_what_comes_back)
{
    area_fresh();
    for (size_t i = 0; i < PAGES / 10; i++) {
        ck_assert_uint_eq(area_take(&g_area, 10), i * 10);
    }
    for (size_t i = 0; i < PAGES / 10; i += 2) {
        area_give(&g_area, i * 10, 10);
    }
    ck_assert_uint_eq(area_take(&g_area, 11), AREA_NONE); /* half is free, in pieces */
    ck_assert_uint_eq(g_area.pages_free, PAGES / 2);
    for (size_t i = 1; i < PAGES / 10; i += 2) {
        if (i != 31) {
            area_give(&g_area, i * 10, 10);
        }
    }
    ck_assert_uint_eq(area_take(&g_area, PAGES - 319), AREA_NONE);
    ck_assert_uint_eq(area_take(&g_area, PAGES - 320), 320);
    area_give(&g_area, 320, PAGES - 320);
    area_give(&g_area, 310, 10);
    ck_assert_uint_eq(area_take(&g_area, PAGES), 0);
}
END_TEST

static size_t oracle_find(const bool *used, size_t count)
{
    size_t run = 0;

    for (size_t i = 0; i < PAGES; i++) {
        run = used[i] ? 0 : run + 1;
        if (run == count) {
            return i + 1 - count;
        }
    }
    return AREA_NONE;
}

static uint64_t random_next(uint64_t *state)
{
    *state = *state * 6364136223846793005ull + 1442695040888963407ull;
    return *state >> 33;
}

/* Ten thousand random takes and gives: a take finds a run exactly when there is one. */
START_TEST(area_agrees_with_a_plain_array)
{
    static bool used[PAGES];
    static struct {
        size_t first;
        size_t count;
    } held[64];
    uint64_t seed = 7;

    area_fresh();
    memset(used, 0, sizeof(used));
    memset(held, 0, sizeof(held));
    for (uint32_t round = 0; round < 10000; round++) {
        const size_t slot = random_next(&seed) % ARRAY_COUNT(held);

        if (held[slot].count > 0) {
            area_give(&g_area, held[slot].first, held[slot].count);
            memset(used + held[slot].first, 0, held[slot].count);
            held[slot].count = 0;
            continue;
        }
        const size_t count = 1 + random_next(&seed) % 150;
        const size_t first = area_take(&g_area, count);

        ck_assert((first == AREA_NONE) == (oracle_find(used, count) == AREA_NONE));
        if (first != AREA_NONE) {
            ck_assert_uint_le(first + count, PAGES);
            for (size_t i = first; i < first + count; i++) {
                ck_assert(!used[i]);
                used[i] = true;
            }
            held[slot].first = first;
            held[slot].count = count;
        }
    }
}
END_TEST

EXO_SUITE(kva_area, EXO_TEST(area_gives_every_page_once), EXO_TEST(area_merges_what_comes_back),
          EXO_TEST(area_agrees_with_a_plain_array))
