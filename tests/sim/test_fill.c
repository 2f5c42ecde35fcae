/*
 * test_fill.c - the bytes of new and freed memory come out of the seed (tests/sim/check-faults).
 *
 * The suite has the name of those that "all" leaves out: two bodies end in a panic on purpose.
 */
#include "exo/debug/panic.h"
#include "exo/hal.h"
#include "exo/mem/fill.h"
#include "exo/mem/heap.h"
#include "exo/mem/phys.h"
#include "exo_check.h"

#define OBJECT_BYTES 200u

/* Every use has its own byte with every mask that fits, and never 0. */
START_TEST(fill_bytes_differ_under_every_mask)
{
    static const uint8_t use[] = { FILL_FRAME_FREED, FILL_FRAME_NEW, FILL_HEAP_NEW, FILL_HEAP_ZONE,
                                   FILL_HEAP_FREED };
    const uint8_t before = g_fill_mask;
    uint32_t fitting = 0;

    for (uint32_t mask = 0; mask < 256; mask++) {
        bool zero = false;

        g_fill_mask = (uint8_t)mask;
        for (uint32_t i = 0; i < ARRAY_COUNT(use); i++) {
            zero = zero || fill_byte(use[i]) == 0;
            for (uint32_t j = 0; j < i; j++) {
                ck_assert_uint_ne(fill_byte(use[i]), fill_byte(use[j]));
            }
        }
        g_fill_mask = before;
        ck_assert(zero != fill_mask_fits((uint8_t)mask));
        fitting += zero ? 0 : 1;
    }
    ck_assert_uint_eq(fitting, 256 - ARRAY_COUNT(use));
    ck_assert(fill_mask_fits(g_fill_mask));
}
END_TEST

/* Print what a new frame and a new object hold. */
START_TEST(fill_is_shown)
{
    uint8_t *const object = heap_alloc_any(OBJECT_BYTES);
    paddr_t frame = 0;

    ck_assert_ptr_nonnull(object);
    ck_assert_int_eq(phys_alloc(1, 1, &frame), EXO_OK);
    const uint8_t *const bytes = hal_phys_to_virt(frame);

    ck_assert_uint_eq(bytes[100], fill_byte(FILL_FRAME_NEW));
    kprintf("fill: frame %02x object %02x\n", bytes[100], object[100]);
    phys_free(frame, 1);
    heap_free(object);
}
END_TEST

/* Whatever the bytes are, who writes to a freed frame is found by who gets it next. */
START_TEST(fill_finds_a_freed_frame_written)
{
    paddr_t frame = 0;

    ck_assert_int_eq(phys_alloc(1, 1, &frame), EXO_OK);
    uint8_t *const bytes = hal_phys_to_virt(frame);

    phys_free(frame, 1);
    bytes[100] ^= 0x10;
    for (uint32_t i = 0; i < 4096; i++) {
        ck_assert_int_eq(phys_alloc(1, 1, &frame), EXO_OK);
    }
}
END_TEST

/* And who writes behind an object by who frees it. */
START_TEST(fill_finds_an_overrun_object)
{
    uint8_t *const object = heap_alloc_any(OBJECT_BYTES);
    uint8_t *volatile behind = object + OBJECT_BYTES;

    ck_assert_ptr_nonnull(object);
    *behind ^= 0x10;
    heap_free(object);
}
END_TEST

EXO_SUITE(planted, EXO_TEST(fill_bytes_differ_under_every_mask), EXO_TEST(fill_is_shown),
          EXO_TEST(fill_finds_a_freed_frame_written), EXO_TEST(fill_finds_an_overrun_object))
