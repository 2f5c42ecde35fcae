/*
 * tests/core/mem/heap/test_guard.c - what guards the heap where nothing is checked by red zones:
 * bad pointers past the caches, memory that runs out at any of its steps, frames that go back.
 */
#include <stdatomic.h>

#include "exo/hal.h"
#include "exo/mem/heap.h"
#include "exo/mem/phys.h"
#include "exo/sched/thread.h"
#include "exo_check.h"
#include "exo_panic.h"
#include "exo_test.h"
#include "heap_private.h"

#define MANY         600u
#define OBJECT_BYTES 2048u
#define BYPASS       (1u << 30) /* armed to fail that late, the heap passes its caches by */

static uint64_t heap_frames(void)
{
    struct heap_stats stats;

    heap_stats(&stats);
    return stats.frames - stats.frames_metadata;
}

static void free_it(void *object)
{
    heap_free(object);
}

static void ask_size(void *object)
{
    (void)heap_usable_size(object);
}

static void keep_it(void *object)
{
    heap_keep(object);
}

/* The thread that is to panic has an empty cache, so its free takes the way past it. */
START_TEST(heap_guard_finds_bad_pointers_without_red_zones)
{
    static uint8_t not_ours[64];
    const bool was = heap_test_checked_set(false);
    uint8_t *const object = heap_alloc_any(64);

    ck_assert_ptr_nonnull(object);
    ck_assert(panic_is_caught(free_it, object + 16, "is not the beginning of one"));
    ck_assert(panic_is_caught(ask_size, not_ours, "is not the heap's"));
    ck_assert(panic_is_caught(keep_it, not_ours, "is not the heap's"));
    (void)heap_test_fail_after(BYPASS);
    heap_free(object);
    ck_assert(panic_is_caught(free_it, object, "is free already"));
    (void)heap_test_fail_after(0);
    (void)heap_test_checked_set(was);
}
END_TEST

struct filling {
    uint64_t before; /* frames held */
    uint64_t filled;
    uint64_t after;
    bool failed;
};

static void fill_and_empty(void *arg)
{
    static void *object[MANY];
    struct filling *const filling = arg;

    (void)heap_test_fail_after(BYPASS);
    filling->before = heap_frames();
    for (uint32_t i = 0; i < MANY; i++) {
        object[i] = heap_alloc_any(OBJECT_BYTES);
        filling->failed = filling->failed || object[i] == NULL;
    }
    filling->filled = heap_frames();
    for (uint32_t i = 0; i < MANY; i++) {
        heap_free(object[i]);
    }
    filling->after = heap_frames();
    (void)heap_test_fail_after(0);
}

/* Slabs with nothing out go back by themselves, but one for each class and CPU; the peak stays.
 * Method: past the caches, and on one CPU, whose frees are its own slabs'. */
START_TEST(heap_guard_keeps_few_empty_slabs)
{
    const bool was = heap_test_checked_set(false);
    struct filling filling = { .failed = false };
    const struct thread_spec spec = {
        .name = "filling", .entry = fill_and_empty, .arg = &filling, .cpu = 0
    };
    struct thread *thread = NULL;
    struct heap_stats stats;

    (void)heap_reclaim();
    ck_assert_int_eq(thread_create(&spec, &thread), EXO_OK);
    thread_join(thread, NULL);
    ck_assert(!filling.failed);
    ck_assert_uint_ge(filling.filled, filling.before + MANY / 2);
    ck_assert_uint_le(filling.after, filling.before + 4);
    heap_stats(&stats);
    ck_assert_uint_ge(stats.frames_peak, filling.filled);
    (void)heap_reclaim();
    (void)heap_test_checked_set(was);
}
END_TEST

/* Fill the heap's caches, then take every frame where hooks cannot run: what is left is the heap's.
 */
static paddr_t caches_fill_and_frames_take(void)
{
    static void *object[MANY];
    paddr_t list = 0;
    paddr_t base = 0;

    for (uint32_t i = 0; i < MANY; i++) {
        object[i] = heap_alloc_any(OBJECT_BYTES);
        ck_assert_ptr_nonnull(object[i]);
    }
    for (uint32_t i = 0; i < MANY; i++) {
        heap_free(object[i]);
    }
    hal_preempt_inc();
    for (uint32_t order = PHYS_ORDER_MAX + 1; order-- > 0;) {
        while (phys_alloc((size_t)1 << order, 1, &base) == EXO_OK) {
            paddr_t *const link = hal_phys_to_virt(base);

            link[0] = list;
            link[1] = 1ull << order;
            list = base;
        }
    }
    return list;
}

static void frames_give(paddr_t list)
{
    while (list != 0) {
        const paddr_t *const link = hal_phys_to_virt(list);
        const paddr_t base = list;
        const size_t count = link[1];

        list = link[0];
        phys_free(base, count);
    }
    (void)hal_preempt_dec();
}

/* Where reclaim hooks may not run the heap gives its own caches back before it fails. */
START_TEST(heap_guard_reclaims_for_itself)
{
    const bool was = heap_test_checked_set(false);

    for (uint32_t large = 0; large < 2; large++) {
        const paddr_t list = caches_fill_and_frames_take();
        void *const object = heap_alloc_any(large == 1 ? HEAP_SMALL_MAX + 1 : 1000);

        frames_give(list);
        ck_assert_ptr_nonnull(object);
        heap_free(object);
        (void)heap_reclaim();
    }
    (void)heap_test_checked_set(was);
}
END_TEST

/* An object needs words in the table for its frames: without memory for those there is none. The
 * size reaches into parts of memory that the heap has not used. */
START_TEST(heap_guard_needs_its_table)
{
    const size_t size = (size_t)32 << 20;
    void *object = heap_alloc_any(HEAP_SMALL_MAX + 1); /* so that a record is at hand */

    ck_assert_ptr_nonnull(object);
    heap_free(object);
    (void)phys_test_fail_after(2);
    object = heap_alloc_any(size);
    (void)phys_test_fail_after(0);
    ck_assert_ptr_null(object);
    object = heap_alloc_any(size);
    heap_free(object); /* NULL on the smallest machine */
}
END_TEST

/* Allocate and free so much of every small class that its arrays fill, spare ones too. */
static void churn(void)
{
    static void *object[160];

    for (size_t size = 16; size <= 256; size += 16) {
        for (uint32_t i = 0; i < ARRAY_COUNT(object); i++) {
            object[i] = heap_alloc_any(size);
        }
        for (uint32_t i = 0; i < ARRAY_COUNT(object); i++) {
            heap_free(object[i]);
        }
    }
}

/* Arrays of the caches are memory too: whichever of them fails, objects come and go without it. */
START_TEST(heap_guard_survives_without_arrays)
{
    const bool was = heap_test_checked_set(false);

    for (uint32_t n = 1; n <= 40; n++) {
        (void)heap_reclaim();
        (void)phys_test_fail_after(n);
        churn();
        (void)phys_test_fail_after(0);
    }
    (void)heap_reclaim();
    (void)heap_test_checked_set(was);
}
END_TEST

static _Atomic uint32_t g_step;

static void step_wait(uint32_t step)
{
    while (atomic_load_explicit(&g_step, memory_order_acquire) < step) {
        thread_yield();
    }
}

/* Caches objects, waits until memory was asked for, and misses in another class. */
static void hoarder(void *unused)
{
    static void *object[32];

    (void)unused;
    for (uint32_t i = 0; i < ARRAY_COUNT(object); i++) {
        object[i] = heap_alloc_any(OBJECT_BYTES);
    }
    for (uint32_t i = 0; i < ARRAY_COUNT(object); i++) {
        heap_free(object[i]);
    }
    atomic_store_explicit(&g_step, 1, memory_order_release);
    step_wait(2);
    heap_free(heap_alloc_any(700));
    atomic_store_explicit(&g_step, 3, memory_order_release);
    step_wait(4);
}

START_TEST(heap_guard_threads_follow_a_reclaim)
{
    const bool was = heap_test_checked_set(false);
    const struct thread_spec spec = { .name = "hoarder", .entry = hoarder, .cpu = THREAD_ANY_CPU };
    struct heap_class_stats before;
    struct heap_class_stats held;
    struct heap_class_stats after;
    struct thread *thread = NULL;

    (void)heap_reclaim();
    atomic_store_explicit(&g_step, 0, memory_order_relaxed);
    ck_assert(heap_class_stats(heap_class_of(OBJECT_BYTES), &before));
    ck_assert_int_eq(thread_create(&spec, &thread), EXO_OK);
    step_wait(1);
    (void)heap_reclaim();
    ck_assert(heap_class_stats(heap_class_of(OBJECT_BYTES), &held));
    atomic_store_explicit(&g_step, 2, memory_order_release);
    step_wait(3);
    ck_assert(heap_class_stats(heap_class_of(OBJECT_BYTES), &after));
    atomic_store_explicit(&g_step, 4, memory_order_release);
    thread_join(thread, NULL);
    ck_assert_uint_gt(held.objects, before.objects); /* nobody else can empty it */
    ck_assert_uint_eq(after.objects, before.objects);
    (void)heap_test_checked_set(was);
}
END_TEST

EXO_SUITE(heap_guard, EXO_TEST(heap_guard_finds_bad_pointers_without_red_zones),
          EXO_TEST(heap_guard_keeps_few_empty_slabs), EXO_TEST(heap_guard_reclaims_for_itself),
          EXO_TEST(heap_guard_needs_its_table), EXO_TEST(heap_guard_survives_without_arrays),
          EXO_TEST(heap_guard_threads_follow_a_reclaim))
