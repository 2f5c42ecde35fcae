/*
 * tests/core/mem/heap/test_heap.c - the heap in both modes: with red zones and through the caches.
 */
#include "exo/mem/heap.h"

#include <stdatomic.h>

#include "exo/hal.h"
#include "exo/lib/string.h"
#include "exo/mem/phys.h"
#include "exo/sched/thread.h"
#include "exo_check.h"
#include "exo_panic.h"
#include "exo_test.h"
#include "heap_private.h"

#define MANY   600u
#define ROUNDS 20000u

static uint64_t objects_alive(void)
{
    struct heap_stats stats;

    heap_stats(&stats);
    return stats.small_objects + stats.large_objects;
}

START_TEST(heap_classes_hold_their_sizes)
{
    for (size_t size = 1; size <= HEAP_SMALL_MAX; size++) {
        const uint32_t class = heap_class_of(size);

        ck_assert_uint_ge(class, 1);
        ck_assert_uint_lt(class, HEAP_CLASSES);
        ck_assert_uint_ge(slab_class_size(class), size);
        ck_assert(class == 1 || slab_class_size(class - 1) < size);
    }
}
END_TEST

/* Objects of all sizes do not overlap, in either mode. */
static void check_distinct(void)
{
    static uint8_t *object[MANY];

    for (size_t i = 0; i < MANY; i++) {
        const size_t size = 1 + (i * 97) % (i % 10 == 0 ? 40000 : 600);

        object[i] = heap_alloc_any(size);
        ck_assert_ptr_nonnull(object[i]);
        ck_assert_uint_eq((uintptr_t)object[i] % 16, 0);
        ck_assert_uint_ge(heap_usable_size(object[i]), size);
        memset(object[i], (int)(i & 0xff), size);
    }
    for (size_t i = 0; i < MANY; i++) {
        const size_t size = 1 + (i * 97) % (i % 10 == 0 ? 40000 : 600);

        ck_assert_uint_eq(object[i][0], i & 0xff);
        ck_assert_uint_eq(object[i][size - 1], i & 0xff);
        heap_free(object[i]);
    }
}

START_TEST(heap_alloc_gives_distinct_objects)
{
    const bool was = heap_test_checked_set(true);

    check_distinct();
    (void)heap_test_checked_set(false);
    check_distinct();
    (void)heap_test_checked_set(was);
    (void)heap_reclaim();
}
END_TEST

/* What was freed through the cache comes back from it, last one first, and is counted. */
START_TEST(heap_cache_returns_what_was_freed)
{
    const bool was = heap_test_checked_set(false);
    struct heap_class_stats before;
    struct heap_class_stats after;

    (void)heap_reclaim();
    ck_assert(heap_class_stats(heap_class_of(64), &before));
    for (uint32_t i = 0; i < 1000; i++) {
        void *const object = heap_alloc(64);
        ck_assert_ptr_nonnull(object);
        heap_free(object);
        void *const again = heap_alloc(64);
        ck_assert_ptr_eq(again, object);
        heap_free_sized(again, 64);
    }
    (void)heap_reclaim();
    ck_assert(heap_class_stats(heap_class_of(64), &after));
    ck_assert_uint_eq(after.allocs - before.allocs, 2000);
    ck_assert_uint_eq(after.objects, before.objects);
    ck_assert(!heap_class_stats(0, &after));
    ck_assert(!heap_class_stats(HEAP_CLASSES, &after));
    (void)heap_test_checked_set(was);
}
END_TEST

/* More objects than thread, depot and slabs may keep: frames come back at the latest when asked. */
START_TEST(heap_reclaim_gives_frames_back)
{
    static void *object[4 * MANY];
    const bool was = heap_test_checked_set(false);
    struct heap_stats before;
    struct heap_stats after;

    (void)heap_reclaim();
    heap_stats(&before);
    for (size_t i = 0; i < ARRAY_COUNT(object); i++) {
        object[i] = heap_alloc(2048);
        ck_assert_ptr_nonnull(object[i]);
    }
    for (size_t i = 0; i < ARRAY_COUNT(object); i++) {
        heap_free(object[i]);
    }
    heap_stats(&after);
    ck_assert_uint_gt(after.small_objects, before.small_objects); /* cached */
    ck_assert_uint_gt(heap_reclaim(), 0);
    heap_stats(&after);
    ck_assert_uint_eq(after.small_objects, before.small_objects);
    ck_assert_uint_le(after.frames - after.frames_metadata,
                      before.frames - before.frames_metadata + CPUS_MAX);
    (void)heap_test_checked_set(was);
}
END_TEST

START_TEST(heap_alloc_aligned_honours_alignment)
{
    for (size_t align = 1; align <= 16 * PAGE_SIZE; align *= 2) {
        for (size_t size = 1; size < 3 * align; size += align / 2 + 1) {
            uint8_t *const object = heap_alloc_aligned(size, align);

            ck_assert_ptr_nonnull(object);
            ck_assert_uint_eq((uintptr_t)object % align, 0);
            memset(object, 1, size);
            heap_free(object);
        }
    }
    ck_assert_ptr_null(heap_alloc_aligned(8, 0));
    ck_assert_ptr_null(heap_alloc_aligned(8, 24));
    ck_assert_ptr_null(heap_alloc_aligned(8, 2 * HEAP_ALIGN_MAX));
}
END_TEST

START_TEST(heap_alloc_zeroed_is_zero)
{
    for (size_t size = 1; size < 100000; size = size * 2 + 1) {
        uint8_t *object = heap_alloc_any(size);

        ck_assert_ptr_nonnull(object);
        memset(object, 0xee, size);
        heap_free(object);
        object = heap_alloc_zeroed(size);
        ck_assert_ptr_nonnull(object);
        for (size_t i = 0; i < size; i++) {
            ck_assert_uint_eq(object[i], 0);
        }
        heap_free(object);
    }
}
END_TEST

START_TEST(heap_resize_keeps_contents)
{
    uint8_t *object = heap_resize(NULL, 1);

    ck_assert_ptr_nonnull(object);
    object[0] = 7;
    for (size_t size = 2; size <= 70000; size += size / 2 + 1) {
        uint8_t *const other = heap_resize(object, size);

        ck_assert_ptr_nonnull(other);
        ck_assert_uint_eq(other[0], 7);
        object = other;
        memset(object, 7, size);
    }
    object = heap_resize(object, 20);
    ck_assert_ptr_nonnull(object);
    ck_assert_uint_eq(object[19], 7);
    (void)heap_test_fail_after(1);
    ck_assert_ptr_null(heap_resize(object, 5000));
    (void)heap_test_fail_after(0);
    ck_assert_uint_eq(object[19], 7);
    heap_free(object);
}
END_TEST

START_TEST(heap_alloc_fails_on_impossible_sizes)
{
    ck_assert_ptr_null(heap_alloc_any(SIZE_MAX));
    ck_assert_ptr_null(heap_alloc_any(HEAP_SIZE_MAX + 1));
    ck_assert_ptr_null(heap_alloc_any(HEAP_SIZE_MAX));
    ck_assert_ptr_null(heap_alloc_zeroed(SIZE_MAX));
    heap_free(NULL);
    void *const least = heap_alloc_any(0);
    ck_assert_ptr_nonnull(least);
    heap_free(least);
}
END_TEST

/* Three allocations, the first two given back if the last fails: what a careful caller does. */
static exo_status_t three(void *arg)
{
    const size_t size = *(const size_t *)arg;
    void *const a = heap_alloc_any(size);
    void *const b = heap_alloc_zeroed(size);
    void *const c = heap_alloc_aligned(size, 64);
    const exo_status_t status = a != NULL && b != NULL && c != NULL ? EXO_OK : EXO_ERR_NO_MEMORY;

    heap_free(a);
    heap_free(b);
    heap_free(c);
    return status;
}

START_TEST(heap_alloc_survives_every_failure)
{
    static const size_t sizes[] = { 24, 64, 3000, 30000, 100000 };

    for (uint32_t mode = 0; mode < 2; mode++) {
        const bool was = heap_test_checked_set(mode == 0);

        for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
            size_t size = sizes[i];
            const uint64_t alive = objects_alive();

            for (uint32_t n = 1; n <= 3; n++) {
                (void)heap_test_fail_after(n);
                ck_assert_int_eq(three(&size), EXO_ERR_NO_MEMORY);
            }
            (void)heap_test_fail_after(4);
            ck_assert_int_eq(three(&size), EXO_OK);
            (void)heap_test_fail_after(0);
            for (uint32_t n = 1; n <= 8; n++) { /* the frames below, at any of its steps */
                (void)phys_test_fail_after(n);
                const exo_status_t status = three(&size);
                (void)phys_test_fail_after(0);
                ck_assert(status == EXO_OK || status == EXO_ERR_NO_MEMORY);
            }
            (void)heap_reclaim();
            ck_assert_uint_eq(objects_alive(), alive);
        }
        (void)heap_test_checked_set(was);
    }
}
END_TEST

/* Take memory until there is none: the heap reports it, and gives all back. */
START_TEST(heap_alloc_reports_exhaustion)
{
    const bool was = heap_test_checked_set(false);
    void **chain = NULL;
    struct phys_stats stats;

    phys_stats(&stats);
    if (stats.frames_free > (1u << 18)) {
        (void)heap_test_checked_set(was);
        return; /* more than 1 GiB takes too long */
    }
    for (void **object = heap_alloc_any(HEAP_SMALL_MAX); object != NULL;
         object = heap_alloc_any(HEAP_SMALL_MAX)) {
        *object = chain;
        chain = object;
    }
    ck_assert_ptr_nonnull(chain);
    while (chain != NULL) {
        void **const next = *chain;

        heap_free(chain);
        chain = next;
    }
    ck_assert_uint_gt(heap_reclaim(), 0);
    (void)heap_test_checked_set(was);
}
END_TEST

/* ---- several CPUs ---- */

#define RING 64u

static struct {
    _Atomic(void *) slot[RING];
    _Atomic uint32_t ended;
    bool cached;
} g_ring;

/* Allocates, and leaves what it allocated to whoever comes by; frees what it finds there. */
static void exchanger(void *arg)
{
    uint64_t state = (uintptr_t)arg + 1;

    for (uint32_t i = 0; i < ROUNDS; i++) {
        state = state * 6364136223846793005ull + 1442695040888963407ull;
        const size_t size = 16 + (state >> 40) % 500;
        uint64_t *const object = heap_alloc_any(size);

        ck_assert_ptr_nonnull(object);
        object[0] = (uint64_t)(uintptr_t)object;
        object[1] = ~object[0];
        uint64_t *const other = atomic_exchange_explicit(&g_ring.slot[state >> 33 & (RING - 1)],
                                                         object, memory_order_acq_rel);
        if (other != NULL) {
            ck_assert_uint_eq(other[0], (uintptr_t)other);
            ck_assert_uint_eq(other[1], ~other[0]);
            other[0] = 0;
            heap_free(other);
        }
    }
    atomic_fetch_add_explicit(&g_ring.ended, 1, memory_order_release);
}

static void exchange_all(void)
{
    struct thread *threads[4];
    const uint64_t alive = objects_alive();

    for (uint32_t i = 0; i < ARRAY_COUNT(threads); i++) {
        const struct thread_spec spec = { .name = "exchanger",
                                          .entry = exchanger,
                                          .arg = (void *)(uintptr_t)i,
                                          .cpu =
                                              i % 2 == 0 ? THREAD_ANY_CPU : i % hal_caps()->cpus };

        ck_assert_int_eq(thread_create(&spec, &threads[i]), EXO_OK);
    }
    for (uint32_t i = 0; i < ARRAY_COUNT(threads); i++) {
        thread_join(threads[i], NULL);
    }
    for (uint32_t i = 0; i < RING; i++) {
        heap_free(atomic_exchange_explicit(&g_ring.slot[i], NULL, memory_order_acq_rel));
    }
    (void)heap_reclaim();
    ck_assert_uint_eq(objects_alive(), alive);
}

/* Goal: objects that are freed elsewhere are neither lost nor given twice. Method: each carries its
 * own address; threads, some free to migrate, exchange them through a ring; in the checked mode
 * every free is one to a slab, half of them to another CPU's. */
START_TEST(heap_survives_frees_on_other_cpus)
{
    struct heap_stats stats;
    bool was = heap_test_checked_set(true);

    exchange_all();
    heap_stats(&stats);
    ck_assert(hal_caps()->cpus < 2 || !EXO_CONFIG_DEBUG || stats.remote_frees > 0);
    (void)heap_test_checked_set(false);
    exchange_all();
    (void)heap_test_checked_set(was);
}
END_TEST

/* A slab whose objects all came back from another CPU is found again by its owner. */
static void free_all(void *arg)
{
    void **const object = arg;

    for (size_t i = 0; i < MANY; i++) {
        heap_free(object[i]);
    }
}

START_TEST(heap_slab_takes_remote_frees_back)
{
    static void *object[MANY];
    const bool was = heap_test_checked_set(false);
    const struct thread_spec spec = {
        .name = "freer", .entry = free_all, .arg = object, .cpu = hal_caps()->cpus - 1
    };
    const uint64_t alive = objects_alive();

    for (uint32_t round = 0; round < 5; round++) {
        struct thread *thread = NULL;

        for (size_t i = 0; i < MANY; i++) {
            object[i] = heap_alloc(320);
            ck_assert_ptr_nonnull(object[i]);
        }
        ck_assert_int_eq(thread_create(&spec, &thread), EXO_OK);
        thread_join(thread, NULL);
    }
    (void)heap_reclaim();
    ck_assert_uint_eq(objects_alive(), alive);
    (void)heap_test_checked_set(was);
}
END_TEST

EXO_SUITE(heap, EXO_TEST(heap_classes_hold_their_sizes),
          EXO_TEST(heap_alloc_gives_distinct_objects), EXO_TEST(heap_cache_returns_what_was_freed),
          EXO_TEST(heap_reclaim_gives_frames_back), EXO_TEST(heap_alloc_aligned_honours_alignment),
          EXO_TEST(heap_alloc_zeroed_is_zero), EXO_TEST(heap_resize_keeps_contents),
          EXO_TEST(heap_alloc_fails_on_impossible_sizes),
          EXO_TEST(heap_alloc_survives_every_failure), EXO_TEST(heap_alloc_reports_exhaustion),
          EXO_TEST_TIMED(heap_survives_frees_on_other_cpus, 60),
          EXO_TEST(heap_slab_takes_remote_frees_back))
