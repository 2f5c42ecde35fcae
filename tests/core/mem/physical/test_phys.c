/*
 * tests/core/mem/physical/test_phys.c - the boot frame allocator.
 */
#include "exo/mem/phys.h"

#include "exo/hal.h"
#include "exo/lib/string.h"
#include "exo_check.h"
#include "exo_panic.h"

#define MANY 64u

static uint64_t frames_free(void)
{
    struct phys_stats stats;

    phys_stats(&stats);
    return stats.frames_free;
}

START_TEST(phys_alloc_gives_distinct_aligned_frames)
{
    paddr_t frame[MANY];
    const uint64_t before = frames_free();

    for (size_t i = 0; i < MANY; i++) {
        ck_assert_int_eq(phys_alloc(1, 1, &frame[i]), EXO_OK);
        ck_assert_uint_eq(frame[i] % PAGE_SIZE, 0);
        ck_assert_uint_ne(frame[i], 0);
        *(uint64_t *)hal_phys_to_virt(frame[i]) = frame[i];
    }
    ck_assert_uint_eq(frames_free(), before - MANY);
    for (size_t i = 0; i < MANY; i++) {
        ck_assert_uint_eq(*(uint64_t *)hal_phys_to_virt(frame[i]), frame[i]);
        phys_free(frame[i], 1);
    }
    ck_assert_uint_eq(frames_free(), before);
}
END_TEST

START_TEST(phys_alloc_honours_count_and_alignment)
{
    paddr_t base[5];

    for (size_t i = 0; i < ARRAY_COUNT(base); i++) {
        const size_t align = (size_t)1 << (2 * i);

        ck_assert_int_eq(phys_alloc(3 + i, align, &base[i]), EXO_OK);
        ck_assert_uint_eq(base[i] % (align * PAGE_SIZE), 0);
        memset(hal_phys_to_virt(base[i]), 1, (3 + i) * PAGE_SIZE);
    }
    for (size_t i = 0; i < ARRAY_COUNT(base); i++) {
        for (size_t k = 0; k < ARRAY_COUNT(base); k++) {
            ck_assert(k == i || base[k] + (3 + k) * PAGE_SIZE <= base[i] ||
                      base[i] + (3 + i) * PAGE_SIZE <= base[k]);
        }
    }
    for (size_t i = 0; i < ARRAY_COUNT(base); i++) {
        phys_free(base[i] + PAGE_SIZE, 2 + i); /* in parts */
        phys_free(base[i], 1);
    }
}
END_TEST

START_TEST(phys_alloc_refuses_nonsense_and_too_much)
{
    struct phys_stats stats;
    paddr_t out = 1;

    phys_stats(&stats);
    ck_assert_int_eq(phys_alloc(0, 1, &out), EXO_ERR_INVALID);
    ck_assert_int_eq(phys_alloc(1, 0, &out), EXO_ERR_INVALID);
    ck_assert_int_eq(phys_alloc(1, 3, &out), EXO_ERR_INVALID);
    ck_assert_int_eq(phys_alloc(stats.frames_total + 1, 1, &out), EXO_ERR_NO_MEMORY);
    ck_assert_uint_eq(out, 1);
}
END_TEST

START_TEST(phys_alloc_zeroed_is_zero_after_use)
{
    static const uint8_t zeros[PAGE_SIZE];
    paddr_t frame;

    /* Dirty the frames that the search comes to next. */
    paddr_t dirty;

    ck_assert_int_eq(phys_alloc(MANY, 1, &dirty), EXO_OK);
    memset(hal_phys_to_virt(dirty), 0xff, MANY * PAGE_SIZE);
    phys_free(dirty, MANY);
    for (unsigned i = 0; i < 4; i++) {
        ck_assert_int_eq(phys_alloc_zeroed(&frame), EXO_OK);
        ck_assert_mem_eq(hal_phys_to_virt(frame), zeros, PAGE_SIZE);
        memset(hal_phys_to_virt(frame), 0xff, PAGE_SIZE);
        phys_free(frame, 1);
    }
}
END_TEST

START_TEST(phys_poisons_what_it_hands_out)
{
    paddr_t frame;

    ck_assert_int_eq(phys_alloc(1, 1, &frame), EXO_OK);
    const uint8_t *const bytes = hal_phys_to_virt(frame);

    ck_assert_uint_eq(bytes[0], 0xa7);
    ck_assert_uint_eq(bytes[PAGE_SIZE - 1], 0xa7);
    phys_free(frame, 1);
}
END_TEST

/* All of the memory can be had, the low-water mark sees it, and it all comes back. */
START_TEST(phys_alloc_can_give_everything)
{
    struct phys_stats stats;
    paddr_t first = 0;
    paddr_t frame = 0;
    uint64_t count = 0;
    const uint64_t before = frames_free();

    /* A list through the frames themselves. */
    while (phys_alloc(1, 1, &frame) == EXO_OK) {
        *(paddr_t *)hal_phys_to_virt(frame) = first;
        first = frame;
        count++;
    }
    phys_stats(&stats);
    ck_assert_uint_eq(stats.frames_free, 0);
    ck_assert_uint_eq(stats.frames_low_water, 0);
    ck_assert_uint_eq(count, before);
    while (first != 0) {
        frame = first;
        first = *(paddr_t *)hal_phys_to_virt(frame);
        phys_free(frame, 1);
    }
    ck_assert_uint_eq(frames_free(), before);
}
END_TEST

START_TEST(phys_test_fail_after_fails_once)
{
    paddr_t frame;

    phys_test_fail_after(2);
    ck_assert_int_eq(phys_alloc(1, 1, &frame), EXO_OK);
    phys_free(frame, 1);
    ck_assert_int_eq(phys_alloc(1, 1, &frame), EXO_ERR_NO_MEMORY);
    ck_assert_int_eq(phys_alloc(1, 1, &frame), EXO_OK);
    phys_free(frame, 1);
}
END_TEST

static void free_again(void *arg)
{
    phys_free(*(const paddr_t *)arg, 1);
}

START_TEST(phys_free_panics_on_double_and_foreign_frames)
{
    paddr_t frame;

    ck_assert_int_eq(phys_alloc(1, 1, &frame), EXO_OK);
    phys_free(frame, 1);
    ck_assert(panic_is_caught(free_again, &frame, "is free already"));
    frame = 0;
    ck_assert(
        panic_is_caught(free_again, &frame, "freed frame 0x0 (count=1) is not the allocator's"));
    frame = 1ull << 50;
    ck_assert(panic_is_caught(free_again, &frame, "is not the allocator's"));
}
END_TEST

EXO_SUITE(mem_phys, EXO_TEST(phys_alloc_gives_distinct_aligned_frames),
          EXO_TEST(phys_alloc_honours_count_and_alignment),
          EXO_TEST(phys_alloc_refuses_nonsense_and_too_much),
          EXO_TEST(phys_alloc_zeroed_is_zero_after_use), EXO_TEST(phys_poisons_what_it_hands_out),
          EXO_TEST_TIMED(phys_alloc_can_give_everything, 60),
          EXO_TEST(phys_test_fail_after_fails_once),
          EXO_TEST(phys_free_panics_on_double_and_foreign_frames))
