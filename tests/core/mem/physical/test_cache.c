/*
 * test_cache.c - frames per CPU, and reclaim: who gives back what when frames become few.
 */
#include <stdatomic.h>

#include "exo/hal.h"
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
    const uint64_t before = frames_free();

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
    ck_assert(frames_free() + 64 >= before); /* stacks may be kept for the next threads */
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
    const uint64_t rounds = caches().reclaims;
    paddr_t frame = 0;

    hoard_fill(&hoard);
    ck_assert_int_eq(phys_alloc(1, 1, &frame), EXO_ERR_NO_MEMORY);
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

EXO_SUITE(mem_cache, EXO_TEST(cache_serves_single_frames_and_is_drained),
          EXO_TEST(cache_gives_the_last_frame_first), EXO_TEST(phys_serves_four_cpus_at_once),
          EXO_TEST(reclaim_hook_saves_an_allocation), EXO_TEST(reclaim_begins_below_the_low_marks))
