/*
 * tests/core/mem/heap/test_check.c - the heap's own detectors in debug builds.
 */
#include "exo/mem/heap.h"

#include "exo/config.h"
#include "exo/lib/string.h"
#include "exo_check.h"
#include "exo_panic.h"

#include "heap_private.h"

#define OBJECT_BYTES 40u

/* A panic inside leaves the object behind; it is freed by who made it. */
static void free_it(void *object)
{
    heap_free(object);
}

/* Goal: a byte behind the object is missed by nobody. Method: hosted checkers look at the object
 * only, so the byte is written where they were told that all is well. */
START_TEST(heap_free_panics_on_overrun)
{
    uint8_t *const object = heap_alloc_any(OBJECT_BYTES);

    if (!EXO_CONFIG_DEBUG) {
        heap_free(object);
        return;
    }
    ck_assert_ptr_nonnull(object);
    hal_mem_allocated(object, OBJECT_BYTES + 1);
    const uint8_t was = object[OBJECT_BYTES];

    object[OBJECT_BYTES] = (uint8_t)(was + 1);
    ck_assert(panic_is_caught(free_it, object, "overrun at +40"));
    object[OBJECT_BYTES] = was;
    heap_free(object);
}
END_TEST

START_TEST(heap_free_panics_on_damaged_trailer)
{
    uint8_t *const object = heap_alloc_any(OBJECT_BYTES);
    uint8_t zone[96 - OBJECT_BYTES];

    if (!EXO_CONFIG_DEBUG) {
        heap_free(object);
        return;
    }
    ck_assert_ptr_nonnull(object);
    hal_mem_allocated(object, 80);
    memcpy(zone, object + OBJECT_BYTES, 80 - OBJECT_BYTES);
    memset(object + OBJECT_BYTES, 0, 80 - OBJECT_BYTES);
    ck_assert(panic_is_caught(free_it, object, "overwritten"));
    memcpy(object + OBJECT_BYTES, zone, 80 - OBJECT_BYTES);
    heap_free(object);
}
END_TEST

START_TEST(heap_free_panics_on_double_free)
{
    void *const object = heap_alloc_any(OBJECT_BYTES);

    ck_assert_ptr_nonnull(object);
    heap_free(object);
    if (EXO_CONFIG_DEBUG) {
        hal_mem_allocated(object, 1); /* what a checker of the host would report first */
        ck_assert(panic_is_caught(free_it, object, "is free already"));
        hal_mem_freed(object, 1);
    }
}
END_TEST

START_TEST(heap_free_panics_on_foreign_pointer)
{
    static uint8_t not_ours[64];

    ck_assert(panic_is_caught(free_it, not_ours, "is not the heap's"));
}
END_TEST

START_TEST(heap_free_panics_on_inner_pointer)
{
    uint8_t *const object = heap_alloc_any(OBJECT_BYTES);
    uint8_t *const large = heap_alloc_any(HEAP_SMALL_MAX + 1);

    ck_assert_ptr_nonnull(object);
    ck_assert_ptr_nonnull(large);
    if (EXO_CONFIG_DEBUG) {
        ck_assert(panic_is_caught(free_it, object + 16, "is not the beginning of one"));
    }
    ck_assert(panic_is_caught(free_it, large + 16, "is not the beginning of one"));
    ck_assert(panic_is_caught(free_it, large + PAGE_SIZE, "is not the heap's"));
    heap_free(object);
    heap_free(large);
}
END_TEST

/* Write to an object that is free and take it again. Method: bitmaps give the object that was freed
 * last to the next who asks on the same CPU. The hosted checkers are told that the write is
 * allowed. */
static void write_after_free(void *arg)
{
    uint8_t **const object = arg;

    hal_preempt_inc();
    *object = heap_alloc_any(OBJECT_BYTES);
    if (*object != NULL) {
        heap_free(*object);
        hal_mem_allocated(*object, OBJECT_BYTES);
        (*object)[7] = 0;
        heap_free(heap_alloc_any(OBJECT_BYTES));
    }
    (void)hal_preempt_dec();
}

START_TEST(heap_alloc_panics_on_write_after_free)
{
    uint8_t *object = NULL;

    if (!EXO_CONFIG_DEBUG) {
        return;
    }
    ck_assert(panic_is_caught(write_after_free, &object, "at +7 after it was freed"));
    object[7] = object[6];
    void *taken = object; /* the allocation had taken it out of its slab before it looked */

    hal_mem_freed(object, OBJECT_BYTES);
    slab_give(&taken, 1);
}
END_TEST

START_TEST(heap_callers_names_who_allocated)
{
    static struct heap_caller list[64];
    void *const object = heap_alloc_any(3000);
    bool found = false;

    ck_assert_ptr_nonnull(object);
    const size_t count = heap_callers(list, ARRAY_COUNT(list));

    for (size_t i = 0; i < count; i++) {
        found = found || (list[i].objects == 1 && list[i].bytes == 3000 && list[i].caller != NULL);
    }
    ck_assert(found == (EXO_CONFIG_DEBUG == 1));
    heap_free(object);
}
END_TEST

/* Goal: what lives as long as the kernel is no leak; what is forgotten is one, small or large, with
 * its size and who allocated it. The report is silent when there is nothing: so is this test's end.
 */
START_TEST(heap_leak_report_knows_what_is_kept)
{
    void *const small = heap_alloc_any(OBJECT_BYTES);
    void *const large = heap_alloc_any(HEAP_SMALL_MAX + 1);
    const uint64_t small_leaks = EXO_CONFIG_DEBUG ? 1 : 0;

    ck_assert_ptr_nonnull(small);
    ck_assert_ptr_nonnull(large);
    ck_assert_uint_eq(heap_leak_report(), small_leaks + 1);
    heap_keep(large);
    ck_assert_uint_eq(heap_leak_report(), small_leaks);
    heap_keep(small);
    ck_assert_uint_eq(heap_leak_report(), 0);
    heap_free(small); /* it may go all the same */
    heap_free(large);
    void *const again = heap_alloc_any(OBJECT_BYTES); /* and is forgotten then */

    ck_assert_ptr_nonnull(again);
    ck_assert_uint_eq(heap_leak_report(), small_leaks);
    heap_free(again);
    ck_assert_uint_eq(heap_leak_report(), 0);
}
END_TEST

/* More callers than the list has room for: nothing is lost, the rest shares the last place. */
START_TEST(heap_callers_sums_up_what_does_not_fit)
{
    struct heap_caller list[2];
    void *const object[3] = { heap_alloc_any(HEAP_SMALL_MAX + 1),
                              heap_alloc_any(HEAP_SMALL_MAX + 2),
                              heap_alloc_any(HEAP_SMALL_MAX + 3) };

    for (size_t i = 0; i < ARRAY_COUNT(object); i++) {
        ck_assert_ptr_nonnull(object[i]);
    }
    ck_assert_uint_eq(heap_callers(list, 0), 0);
    ck_assert_uint_eq(heap_callers(list, ARRAY_COUNT(list)), ARRAY_COUNT(list));
    ck_assert_uint_eq(list[0].objects + list[1].objects, ARRAY_COUNT(object));
    ck_assert_uint_ge(list[0].bytes, list[1].bytes);
    ck_assert(list[0].caller == NULL); /* two objects, no one caller */
    for (size_t i = 0; i < ARRAY_COUNT(object); i++) {
        heap_free(object[i]);
    }
}
END_TEST

/* Objects with red zones are counted in the class of what they need with it. */
START_TEST(heap_class_stats_counts_red_zones)
{
    const uint32_t class = heap_class_of(OBJECT_BYTES + CHECK_TRAILER_BYTES);
    struct heap_class_stats before;
    struct heap_class_stats out;
    struct heap_class_stats after;

    if (!EXO_CONFIG_DEBUG) {
        return;
    }
    ck_assert(heap_class_stats(class, &before));
    void *const object = heap_alloc_any(OBJECT_BYTES);

    ck_assert_ptr_nonnull(object);
    ck_assert(heap_class_stats(class, &out));
    heap_free(object);
    ck_assert(heap_class_stats(class, &after));
    ck_assert_uint_eq(out.allocs, before.allocs + 1);
    ck_assert_uint_eq(out.objects, before.objects + 1);
    ck_assert_uint_ge(out.slabs, 1);
    ck_assert_uint_eq(after.allocs, out.allocs);
    ck_assert_uint_eq(after.objects, before.objects);
}
END_TEST

EXO_SUITE(heap_check, EXO_TEST(heap_class_stats_counts_red_zones),
          EXO_TEST(heap_leak_report_knows_what_is_kept),
          EXO_TEST(heap_callers_sums_up_what_does_not_fit), EXO_TEST(heap_free_panics_on_overrun),
          EXO_TEST(heap_free_panics_on_damaged_trailer), EXO_TEST(heap_free_panics_on_double_free),
          EXO_TEST(heap_free_panics_on_foreign_pointer),
          EXO_TEST(heap_free_panics_on_inner_pointer),
          EXO_TEST(heap_alloc_panics_on_write_after_free),
          EXO_TEST(heap_callers_names_who_allocated))
