/*
 * test_cache.c - frames per CPU, and reclaim: who gives back what when frames become few.
 */
#include <stdatomic.h>

#include "exo/hal.h"
#include "exo/mem/heap.h"
#include "exo/mem/kva.h"
#include "exo/mem/phys.h"
#include "exo/sched/sched.h"
#include "exo/sched/thread.h"
#include "exo_check.h"
#include "exo_test.h"

#define MANY    100u
#define WORKERS 4u
#define ROUNDS  100u

static uint64_t frames_free(void)
{
    struct phys_stats stats;

    phys_stats(&stats);
    return stats.frames_free;
}

static struct phys_cache_stats caches(void)
{
    struct phys_cache_stats stats;

    phys_cache_stats(&stats);
    return stats;
}

START_TEST(cache_serves_single_frames_and_is_drained)
{
    const uint64_t before = frames_free();
    paddr_t frame[MANY];

    phys_drain();
    ck_assert_uint_eq(caches().frames, 0);
    const uint64_t refills = caches().refills;

    for (uint32_t i = 0; i < MANY; i++) {
        ck_assert_int_eq(phys_alloc(1, 1, &frame[i]), EXO_OK);
    }
    /* One refill serves a batch: far fewer than one each. */
    ck_assert_uint_lt(caches().refills - refills, MANY / 4);
    ck_assert_uint_eq(frames_free(), before - MANY); /* those in caches count as free */
    for (uint32_t i = 0; i < MANY; i++) {
        phys_free(frame[i], 1);
    }
    ck_assert_uint_eq(frames_free(), before);
    phys_drain();
    ck_assert_uint_eq(caches().frames, 0);
    ck_assert_uint_eq(frames_free(), before);
}
END_TEST

/* A frame that was just freed is the next to go out: it is warm. */
START_TEST(cache_gives_the_last_frame_first)
{
    paddr_t first;
    paddr_t second;

    ck_assert_int_eq(phys_alloc(1, 1, &first), EXO_OK);
    hal_preempt_inc();
    phys_free(first, 1);
    const exo_status_t status = phys_alloc(1, 1, &second);

    (void)hal_preempt_dec();
    ck_assert_int_eq(status, EXO_OK);
    ck_assert_uint_eq(first, second);
    phys_free(second, 1);
}
END_TEST

static _Atomic uint32_t g_failures;

/* Each worker writes its mark into what it has and looks whether it stays. */
static void worker(void *arg)
{
    const uint64_t mark = (uint64_t)(uintptr_t)arg;
    paddr_t frame[16];
    size_t count[16];

    for (uint32_t round = 0; round < ROUNDS; round++) {
        for (uint32_t i = 0; i < ARRAY_COUNT(frame); i++) {
            count[i] = i % 4 == 3 ? 5 : 1;
            if (phys_alloc(count[i], 1, &frame[i]) != EXO_OK) {
                atomic_fetch_add_explicit(&g_failures, 1, memory_order_relaxed);
                count[i] = 0;
                continue;
            }
            *(uint64_t *)hal_phys_to_virt(frame[i]) = mark + i;
        }
        if (round % 64 == mark % 64) {
            phys_drain();
        }
        for (uint32_t i = 0; i < ARRAY_COUNT(frame); i++) {
            if (count[i] == 0) {
                continue;
            }
            if (*(uint64_t *)hal_phys_to_virt(frame[i]) != mark + i) {
                atomic_fetch_add_explicit(&g_failures, 1, memory_order_relaxed);
            }
            phys_free(frame[i], count[i]);
        }
    }
}

START_TEST(phys_serves_four_cpus_at_once)
{
    struct thread *thread[WORKERS];

    atomic_store_explicit(&g_failures, 0, memory_order_relaxed);
    for (uint32_t i = 0; i < WORKERS; i++) {
        const struct thread_spec spec = { .name = "frames",
                                          .entry = worker,
                                          .arg = (void *)(uintptr_t)(1000 * (i + 1)),
                                          .cpu = sched_is_online(i) ? i : THREAD_ANY_CPU };

        ck_assert_int_eq(thread_create(&spec, &thread[i]), EXO_OK);
    }
    for (uint32_t i = 0; i < WORKERS; i++) {
        thread_join(thread[i], NULL);
    }
    ck_assert_uint_eq(atomic_load_explicit(&g_failures, memory_order_relaxed), 0);
}
END_TEST

/* ---- reclaim ---- */

struct hoard {
    struct phys_reclaim hook;
    paddr_t list;
    uint32_t calls;
    uint64_t wanted;
};

static uint64_t hoard_give(struct phys_reclaim *hook, uint64_t wanted)
{
    struct hoard *const hoard = container_of(hook, struct hoard, hook);
    uint64_t given = 0;

    hoard->calls++;
    hoard->wanted = wanted;
    while (hoard->list != 0) {
        const paddr_t *const link = hal_phys_to_virt(hoard->list);
        const paddr_t base = hoard->list;
        const size_t count = link[1];

        hoard->list = link[0];
        phys_free(base, count);
        given += count;
    }
    return given;
}

/* Take all memory, largest runs first; `keep` gets the last pieces taken. */
static void hoard_fill(struct hoard *hoard)
{
    for (uint32_t order = PHYS_ORDER_MAX + 1; order-- > 0;) {
        paddr_t base = 0;

        while (phys_alloc((size_t)1 << order, 1, &base) == EXO_OK) {
            paddr_t *const link = hal_phys_to_virt(base);

            link[0] = hoard->list;
            link[1] = 1ull << order;
            hoard->list = base;
        }
    }
}

START_TEST(reclaim_hook_saves_an_allocation)
{
    struct hoard hoard = { .hook = { .name = "hoard", .reclaim = hoard_give } };
    const uint64_t before = frames_free();
    paddr_t frame = 0;

    hoard_fill(&hoard);
    ck_assert_int_eq(phys_alloc(1, 1, &frame), EXO_ERR_NO_MEMORY);
    const uint64_t rounds = caches().reclaims;
    phys_reclaim_add(&hoard.hook);
    hal_preempt_inc(); /* where the caller may not block no hook runs */
    const exo_status_t status = phys_alloc(1, 1, &frame);

    (void)hal_preempt_dec();
    ck_assert_int_eq(status, EXO_ERR_NO_MEMORY);
    ck_assert_uint_eq(hoard.calls, 0);
    ck_assert_int_eq(phys_alloc(1, 1, &frame), EXO_OK);
    ck_assert_uint_eq(hoard.calls, 1);
    ck_assert_uint_gt(hoard.wanted, 1);
    ck_assert_uint_eq(caches().reclaims, rounds + 1);
    phys_reclaim_remove(&hoard.hook);
    phys_free(frame, 1);
    ck_assert_uint_eq(frames_free(), before);
}
END_TEST

/* Below the low marks the hook is called though the allocation had its frames. */
START_TEST(reclaim_begins_below_the_low_marks)
{
    struct hoard hoard = { .hook = { .name = "hoard", .reclaim = hoard_give } };
    const uint64_t before = frames_free();
    paddr_t base = 0;
    paddr_t frame = 0;

    ck_assert_int_eq(phys_alloc(2, 1, &base), EXO_OK);
    hoard_fill(&hoard);
    phys_free(base, 2);
    phys_reclaim_add(&hoard.hook);
    ck_assert_int_eq(phys_alloc(1, 1, &frame), EXO_OK);
    ck_assert_uint_eq(hoard.calls, 1);
    phys_reclaim_remove(&hoard.hook);
    phys_free(frame, 1);
    ck_assert_uint_eq(frames_free(), before);
}
END_TEST

/* Where interrupts are off no hook runs; a hook that allocates starts no second round; who comes
 * after a hook that gave enough is not asked. */
static struct hoard g_second;

static uint64_t second_give(struct phys_reclaim *hook, uint64_t wanted)
{
    (void)hook;
    (void)wanted;
    g_second.calls++;
    return 0;
}

static uint64_t hungry_give(struct phys_reclaim *hook, uint64_t wanted)
{
    paddr_t frame = 0;

    if (phys_alloc(1, 1, &frame) == EXO_OK) {
        phys_free(frame, 1);
    }
    return hoard_give(hook, wanted);
}

START_TEST(reclaim_rounds_are_one_at_a_time)
{
    struct hoard hoard = { .hook = { .name = "hungry", .reclaim = hungry_give } };
    paddr_t frame = 0;

    g_second = (struct hoard){ .hook = { .name = "second", .reclaim = second_give } };
    hoard_fill(&hoard);
    phys_reclaim_add(&hoard.hook);
    phys_reclaim_add(&g_second.hook);
    const hal_irq_t irq = hal_irq_save();
    const exo_status_t status = phys_alloc(1, 1, &frame);

    hal_irq_restore(irq);
    ck_assert_int_eq(status, EXO_ERR_NO_MEMORY);
    ck_assert_uint_eq(hoard.calls, 0);
    ck_assert_int_eq(phys_alloc(1, 1, &frame), EXO_OK);
    ck_assert_uint_eq(hoard.calls, 1);
    ck_assert_uint_eq(g_second.calls, 0);
    phys_reclaim_remove(&g_second.hook);
    phys_reclaim_remove(&hoard.hook);
    phys_free(frame, 1);
}
END_TEST

/* Below the min marks frames go to who needs them: none into a cache, none out of a zone for it. */
START_TEST(cache_keeps_nothing_below_the_min_marks)
{
    struct hoard hoard = { .list = 0 };
    const uint64_t before = frames_free();
    paddr_t frame[4];
    paddr_t again = 0;

    for (uint32_t i = 0; i < ARRAY_COUNT(frame); i++) {
        ck_assert_int_eq(phys_alloc(1, 1, &frame[i]), EXO_OK);
    }
    hoard_fill(&hoard);
    const uint64_t refills = caches().refills;

    for (uint32_t i = 0; i < ARRAY_COUNT(frame); i++) {
        phys_free(frame[i], 1);
    }
    ck_assert_uint_eq(caches().frames, 0);
    ck_assert_int_eq(phys_alloc(1, 1, &again), EXO_OK);
    ck_assert_uint_eq(caches().frames, 0);
    ck_assert_uint_eq(caches().refills, refills);
    phys_free(again, 1);
    (void)hoard_give(&hoard.hook, 0);
    ck_assert_uint_eq(frames_free(), before);
}
END_TEST

/* ---- who is registered from the start: the heap and the kernel's address area ---- */

#define OBJECTS      4000u
#define OBJECT_BYTES 2048u

static uint64_t heap_frames(void)
{
    struct heap_stats stats;

    heap_stats(&stats);
    return stats.frames - stats.frames_metadata;
}

/* Leave frames with the heap that nobody uses: objects freed, here and on another CPU. */
static void heap_fill(void *unused)
{
    static void *object[OBJECTS];

    (void)unused;
    for (uint32_t i = 0; i < OBJECTS; i++) {
        object[i] = heap_alloc(OBJECT_BYTES);
        ck_assert_ptr_nonnull(object[i]);
    }
    for (uint32_t i = 0; i < OBJECTS; i++) {
        heap_free(object[i]);
    }
}

static uint64_t low_marks(void)
{
    struct phys_zone_stats zone;
    uint64_t low = 0;

    for (uint32_t i = 0; phys_zone_stats(i, &zone); i++) {
        low += zone.mark_low;
    }
    return low;
}

/* Take `count` frames. */
static void hoard_take(struct hoard *hoard, uint64_t count)
{
    for (uint64_t taken = 0; taken < count;) {
        size_t run = count - taken > 4096 ? 1024 : 1;
        paddr_t base = 0;

        if (phys_alloc(run, 1, &base) != EXO_OK) {
            run = 1; /* what is left is in pieces */
            ck_assert_int_eq(phys_alloc(run, 1, &base), EXO_OK);
        }
        paddr_t *const link = hal_phys_to_virt(base);

        link[0] = hoard->list;
        link[1] = run;
        hoard->list = base;
        taken += run;
    }
}

/* Goal: what the heap keeps for the next allocation, on whatever CPU, goes back when frames are
 * below the low marks, before any allocation fails. */
START_TEST(reclaim_takes_what_the_heap_caches)
{
    struct hoard hoard = { .list = 0 };
    struct thread *thread = NULL;
    const bool was = heap_test_checked_set(false);
    const struct thread_spec spec = { .name = "fill",
                                      .entry = heap_fill,
                                      .cpu = hal_caps()->cpus - 1 };

    (void)heap_reclaim();
    const uint64_t before = heap_frames();

    ck_assert_int_eq(thread_create(&spec, &thread), EXO_OK);
    thread_join(thread, NULL);
    const uint64_t filled = heap_frames();

    ck_assert_uint_gt(filled, before + 64);
    const uint64_t rounds = caches().reclaims;

    /* Past the low marks, whatever the CPUs' caches hold. */
    hoard_take(&hoard, frames_free() - low_marks() + 2 * 64);
    ck_assert_uint_gt(caches().reclaims, rounds);
    ck_assert_uint_le(heap_frames(), before + (filled - before) / 8);
    ck_assert_uint_gt(frames_free(), 0);
    (void)hoard_give(&hoard.hook, 0);
    (void)heap_test_checked_set(was);
}
END_TEST

/* Frames of kernel ranges that wait for a flush come back before an allocation fails. */
START_TEST(reclaim_takes_what_waits_for_a_flush)
{
    struct hoard hoard = { .list = 0 };
    struct kva_stats stats;
    const uint64_t before = frames_free();
    void *range = NULL;

    kva_flush();
    ck_assert_int_eq(kva_alloc(8, PT_WRITE, &range), EXO_OK);
    kva_free(range);
    kva_stats(&stats);
    ck_assert_uint_ge(stats.pages_stale, 8);
    hoard_fill(&hoard);
    kva_stats(&stats);
    ck_assert_uint_eq(stats.pages_stale, 0);
    ck_assert_uint_eq(frames_free(), 0);
    (void)hoard_give(&hoard.hook, 0);
    kva_flush();
    ck_assert(frames_free() + 64 >= before); /* tables of the area are kept */
}
END_TEST

EXO_SUITE(mem_cache, EXO_TEST(reclaim_rounds_are_one_at_a_time),
          EXO_TEST(cache_keeps_nothing_below_the_min_marks),
          EXO_TEST_TIMED(reclaim_takes_what_the_heap_caches, 180),
          EXO_TEST(reclaim_takes_what_waits_for_a_flush),
          EXO_TEST(cache_serves_single_frames_and_is_drained),
          EXO_TEST(cache_gives_the_last_frame_first), EXO_TEST(phys_serves_four_cpus_at_once),
          EXO_TEST(reclaim_hook_saves_an_allocation), EXO_TEST(reclaim_begins_below_the_low_marks))
