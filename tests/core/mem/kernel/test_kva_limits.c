/*
 * test_kva_limits.c - the area of kernel addresses where something runs out or is refused: memory
 * for half a range, addresses that wait for a flush, guards that are no start.
 */
#include "exo/hal.h"
#include "exo/hal/test.h"
#include "exo/mem/kva.h"
#include "exo/mem/phys.h"
#include "exo_check.h"
#include "exo_panic.h"

#define HELD 32u

static uint64_t frames_free(void)
{
    struct phys_stats stats;

    kva_flush();
    phys_stats(&stats);
    return stats.frames_free;
}

static size_t pages_stale(void)
{
    struct kva_stats stats;

    kva_stats(&stats);
    return stats.pages_stale;
}

static void free_it(void *start)
{
    kva_free(start);
}

/* The guard below a stack has four pages: freeing one of them is no freeing of the stack. */
START_TEST(kva_free_refuses_each_page_of_a_guard)
{
    char *stack = NULL;

    ck_assert_int_eq(kva_alloc(2, PT_WRITE | KVA_STACK, (void **)&stack), EXO_OK);
    for (uint32_t page = 1; page <= KVA_STACK_GUARD_PAGES; page++) {
        ck_assert(panic_is_caught(free_it, stack - page * PAGE_SIZE, "not the start of a range"));
    }
    kva_free(stack);
}
END_TEST

/* Goal: a range that fails half-way gives every frame back, mapped or not yet. Method: with every
 * second frame held back, frames come one by one, so that one is always taken ahead of its mapping;
 * the platform refuses the first, second, ... of the mappings. */
START_TEST(kva_alloc_gives_back_what_it_had_before_it_failed)
{
    paddr_t held[HELD];
    void *range = NULL;

    for (uint32_t i = 0; i < HELD; i++) {
        ck_assert_int_eq(phys_alloc(1, 1, &held[i]), EXO_OK);
    }
    for (uint32_t i = 0; i < HELD; i += 2) {
        phys_free(held[i], 1);
    }
    for (uint32_t n = 1; n <= 4; n++) {
        const uint64_t before = frames_free();

        (void)hal_test_fail_after(n);
        ck_assert_int_eq(kva_alloc(8, PT_WRITE, &range), EXO_ERR_NO_MEMORY);
        (void)hal_test_fail_after(0);
        ck_assert_uint_eq(frames_free(), before);
        (void)phys_test_fail_after(n);
        ck_assert_int_eq(kva_alloc(8, PT_WRITE, &range), EXO_ERR_NO_MEMORY);
        (void)phys_test_fail_after(0);
        ck_assert_uint_eq(frames_free(), before);
    }
    for (uint32_t i = 1; i < HELD; i += 2) {
        phys_free(held[i], 1);
    }
}
END_TEST

/* A view that the platform refuses leaves no addresses taken. */
START_TEST(kva_map_gives_back_its_addresses)
{
    struct kva_stats before;
    struct kva_stats after;
    paddr_t frame = 0;
    void *view = NULL;

    ck_assert_int_eq(phys_alloc(1, 1, &frame), EXO_OK);
    kva_flush();
    kva_stats(&before);
    (void)hal_test_fail_after(1);
    ck_assert_int_eq(kva_map(frame, 1, PT_WRITE, &view), EXO_ERR_NO_MEMORY);
    (void)hal_test_fail_after(0);
    kva_flush();
    kva_stats(&after);
    ck_assert_uint_eq(after.pages_free, before.pages_free);
    phys_free(frame, 1);
}
END_TEST

/* The memory that waits for a flush is bounded: a large range does not wait. */
START_TEST(kva_free_lets_little_wait)
{
    void *range = NULL;

    kva_flush();
    ck_assert_int_eq(kva_alloc(80, PT_WRITE, &range), EXO_OK);
    kva_free(range);
    ck_assert_uint_eq(pages_stale(), 0);
    ck_assert_int_eq(kva_alloc(8, PT_WRITE, &range), EXO_OK);
    kva_free(range);
    ck_assert_uint_eq(pages_stale(), 8 + 2);
}
END_TEST

/* Map the same memory until addresses for `page_count` pages run out; returns how often it went. */
static uint32_t addresses_take(paddr_t frames, size_t page_count, void **out, uint32_t max)
{
    uint32_t count = 0;

    while (count < max && kva_map(frames, page_count, PT_READ, &out[count]) == EXO_OK) {
        count++;
    }
    return count;
}

/* Goal: addresses that only wait for a flush are got by one before a call fails. Method: large
 * ranges, then small ones take them all; one small range is freed, which is too little to flush. */
START_TEST(kva_map_flushes_when_addresses_run_out)
{
    static void *large[4096];
    static void *small[4096];
    const size_t each = 1024;
    paddr_t frames = 0;

    ck_assert_int_eq(phys_alloc(each, 1, &frames), EXO_OK);
    const uint32_t larges = addresses_take(frames, each, large, ARRAY_COUNT(large));
    const uint32_t smalls = addresses_take(frames, 1, small, ARRAY_COUNT(small));

    ck_assert_uint_lt(larges, ARRAY_COUNT(large));
    ck_assert_uint_gt(smalls, 0);
    ck_assert_uint_lt(smalls, ARRAY_COUNT(small));
    kva_free(small[0]);
    ck_assert_uint_gt(pages_stale(), 0);
    const exo_status_t status = kva_map(frames, 1, PT_READ, &small[0]);

    for (uint32_t i = status == EXO_OK ? 0 : 1; i < smalls; i++) {
        kva_free(small[i]);
    }
    for (uint32_t i = 0; i < larges; i++) {
        kva_free(large[i]);
    }
    ck_assert_int_eq(status, EXO_OK);
    phys_free(frames, each);
}
END_TEST

EXO_SUITE(kva_limits, EXO_TEST(kva_map_flushes_when_addresses_run_out),
          EXO_TEST(kva_free_refuses_each_page_of_a_guard),
          EXO_TEST(kva_alloc_gives_back_what_it_had_before_it_failed),
          EXO_TEST(kva_map_gives_back_its_addresses), EXO_TEST(kva_free_lets_little_wait))
