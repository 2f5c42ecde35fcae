/*
 * tests/core/mem/physical/test_phys.c - the frame allocator as its callers see it.
 */
#include "exo/mem/phys.h"

#include <stdatomic.h>

#include "exo/config.h"
#include "exo/debug/panic.h"
#include "exo/hal.h"
#include "exo/lib/string.h"
#include "exo/mem/fill.h"
#include "exo/mem/kva.h"
#include "exo/sched/sched.h"
#include "exo/sched/thread.h"
#include "exo/sync/epoch.h"
#include "exo_check.h"
#include "exo_panic.h"

#include "frames.h"

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

    if (EXO_CONFIG_DEBUG) {
        ck_assert_uint_eq(bytes[0], fill_byte(FILL_FRAME_NEW));
        ck_assert_uint_eq(bytes[PAGE_SIZE - 1], fill_byte(FILL_FRAME_NEW));
    }
    phys_free(frame, 1);
}
END_TEST

/* Take runs of `count` frames until there is none, as a list through their first frames. */
static uint64_t runs_take(size_t count, paddr_t *list)
{
    uint64_t taken = 0;
    paddr_t base = 0;

    while (phys_alloc(count, 1, &base) == EXO_OK) {
        paddr_t *const link = hal_phys_to_virt(base);

        link[0] = *list;
        link[1] = count;
        *list = base;
        taken += count;
    }
    return taken;
}

/* All of the memory can be had, to the last frame, the low-water mark sees it, and it all comes
 * back. Largest runs first, so that a machine of 8 GiB takes no longer than a small one. */
START_TEST(phys_alloc_can_give_everything)
{
    struct phys_stats stats;
    paddr_t list = 0;
    uint64_t taken = 0;
    const uint64_t before = frames_free();

    for (uint32_t order = PHYS_ORDER_MAX + 1; order-- > 0;) {
        taken += runs_take((size_t)1 << order, &list);
    }
    phys_stats(&stats);
    ck_assert_uint_eq(stats.frames_free, 0);
    ck_assert_uint_eq(stats.frames_low_water, 0);
    ck_assert_uint_eq(taken, before);
    while (list != 0) {
        const paddr_t *const link = hal_phys_to_virt(list);
        const paddr_t base = list;
        const size_t count = link[1];

        list = link[0];
        phys_free(base, count);
    }
    ck_assert_uint_eq(frames_free(), before);
}
END_TEST

START_TEST(phys_test_fail_after_fails_once)
{
    paddr_t frame;

    (void)phys_test_fail_after(2);
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

START_TEST(phys_free_panics_on_foreign_frames)
{
    paddr_t frame = 0;

    ck_assert(
        panic_is_caught(free_again, &frame, "freed frame 0x0 (count=1) is not the allocator's"));
    frame = 1ull << 50;
    ck_assert(panic_is_caught(free_again, &frame, "is not the allocator's"));
}
END_TEST

static void free_none(void *arg)
{
    phys_free(*(const paddr_t *)arg, 0);
}

START_TEST(phys_free_panics_on_nonsense)
{
    paddr_t frame = 0;

    ck_assert_int_eq(phys_alloc(1, 1, &frame), EXO_OK);
    ck_assert(panic_is_caught(free_none, &frame, "count > 0"));
    frame += 8;
    ck_assert(panic_is_caught(free_again, &frame, "base % PAGE_SIZE == 0"));
    phys_free(frame - 8, 1);
}
END_TEST

static EXO_NOINLINE void first_freer(paddr_t frame, size_t count)
{
    phys_free(frame, count);
    __asm__ volatile(""); /* no tail call: the name is to be found on the stack */
}

#define DOUBLE_FREE                                                                                \
    (EXO_CONFIG_DEBUG ? "is free already: first freed by first_freer" : "is free already")

/* The report of a double free names who freed first, whether the frame lies in a zone or in a
 * cache: there it is freed before others, so that the thread that is to panic does not get it for
 * its stack. */
START_TEST(phys_free_names_the_first_culprit)
{
    const size_t count = 512;
    paddr_t frame[MANY / 2];
    paddr_t base;

    ck_assert_int_eq(phys_alloc(count, count, &base), EXO_OK);
    first_freer(base, count);
    base += 300 * PAGE_SIZE;
    ck_assert(panic_is_caught(free_again, &base, DOUBLE_FREE));
    for (size_t i = 0; i < ARRAY_COUNT(frame); i++) {
        ck_assert_int_eq(phys_alloc(1, 1, &frame[i]), EXO_OK);
    }
    for (size_t i = 0; i < ARRAY_COUNT(frame); i++) {
        first_freer(frame[i], 1);
    }
    ck_assert(panic_is_caught(free_again, &frame[0], DOUBLE_FREE));
}
END_TEST

/* Free a frame, write to it and take it again. The detectors of the hosted build would see the
 * write itself: they are told that it is allowed. Another frame comes only if the thread was moved
 * to another CPU in between: then all is put right and it tries again. */
static void write_after_free(void *arg)
{
    paddr_t *const frame = arg;

    for (uint32_t i = 0; i < MANY; i++) {
        paddr_t other = 0;

        if (phys_alloc(1, 1, frame) != EXO_OK) {
            return;
        }
        uint8_t *const bytes = hal_phys_to_virt(*frame);

        first_freer(*frame, 1);
        hal_mem_allocated(bytes, PAGE_SIZE);
        bytes[100] = 0; /* no fill byte is 0 */
        if (phys_alloc(1, 1, &other) != EXO_OK) {
            return;
        }
        bytes[100] = fill_byte(FILL_FRAME_FREED);
        phys_free(other, 1);
    }
}

START_TEST(phys_alloc_finds_a_write_after_free)
{
    paddr_t frame = 0;

    if (!EXO_CONFIG_DEBUG) {
        return; /* only debug builds fill frames */
    }
    ck_assert(panic_is_caught(write_after_free, &frame,
                              "was written after it was freed: byte 100 is 0x00; freed by "
                              "first_freer"));
    phys_free(frame, 1); /* the report came when the frame was out of all lists */
}
END_TEST

/* A run of which one frame is free already: it is named, and the others stay the caller's. */
static void free_run_of_four(void *arg)
{
    phys_free(*(const paddr_t *)arg, 4);
}

START_TEST(phys_free_of_a_run_claims_all_or_none)
{
    const size_t count = 4;
    paddr_t base;

    ck_assert_int_eq(phys_alloc(count, 1, &base), EXO_OK);
    first_freer(base + 2 * PAGE_SIZE, 1);
    phys_drain(); /* so that the thread below does not get it */
    ck_assert(panic_is_caught(free_run_of_four, &base, DOUBLE_FREE));
    phys_free(base, 2);
    phys_free(base + 3 * PAGE_SIZE, 1);
}
END_TEST

/* On the way that most frees take: the CPU has just freed a frame of the same span. */
static void free_again_at_once(void *arg)
{
    paddr_t other = 0;

    hal_preempt_inc();
    if (phys_alloc(1, 1, &other) == EXO_OK) {
        phys_free(other, 1);
        phys_free(*(const paddr_t *)arg, 1);
    }
    (void)hal_preempt_dec();
}

START_TEST(phys_free_panics_on_the_fast_path)
{
    paddr_t base;

    ck_assert_int_eq(phys_alloc(512, 512, &base), EXO_OK);
    first_freer(base, 512);
    base += 300 * PAGE_SIZE;
    ck_assert(panic_is_caught(free_again_at_once, &base, DOUBLE_FREE));
}
END_TEST

static void free_two(void *arg)
{
    phys_free(*(const paddr_t *)arg, 2);
}

/* The last frame of a zone that another one follows, 0 if there is no such pair. */
static paddr_t zone_border(void)
{
    for (uint32_t i = 0; i + 1 < g_span_count; i++) {
        if (g_span[i].first + g_span[i].count == g_span[i + 1].first) {
            return (g_span[i + 1].first - 1) << PAGE_SHIFT;
        }
    }
    return 0;
}

/* The last frame of all is used, what lies behind it is nobody's; a run over the border of two
 * zones, all used, is no allocation. */
START_TEST(phys_free_panics_beyond_the_last_frame)
{
    const struct span *const span = &g_span[g_span_count - 1];
    paddr_t last = (span->first + span->count - 1) << PAGE_SHIFT;
    paddr_t list = 0;
    paddr_t spare = 0;

    /* Nobody gives frames back meanwhile, which might be the last one. */
    epoch_synchronize();
    kva_flush();
    ck_assert_int_eq(phys_alloc(MANY, 1, &spare), EXO_OK);
    for (uint32_t order = PHYS_ORDER_MAX + 1; order-- > 0;) {
        (void)runs_take((size_t)1 << order, &list);
    }
    phys_free(spare, MANY); /* for the thread that is to panic */
    const bool caught = panic_is_caught(free_two, &last, "is not the allocator's");
    paddr_t border = zone_border();
    const bool caught_there =
        border == 0 || panic_is_caught(free_two, &border, "is of another allocation");

    while (list != 0) {
        const paddr_t *const link = hal_phys_to_virt(list);
        const paddr_t base = list;
        const size_t count = link[1];

        list = link[0];
        phys_free(base, count);
    }
    ck_assert(caught);
    ck_assert(caught_there);
}
END_TEST

/* ---- two CPUs free the same ---- */

#define CLAIMS_MAX   20000u
#define CLAIM_NS     100000000ull /* at most, on a busy host */
#define CLAIM_CYCLES 2000u        /* in which the other one sees that a round has begun */

static struct {
    _Atomic uint32_t round; /* begun, by the first claimer */
    _Atomic uint32_t done;  /* by the second */
    _Atomic uint32_t won;
    _Atomic uint64_t start; /* cycles at which both claim */
    uint32_t index;
} g_claim;

static void claim_once(void)
{
    const uint64_t start = atomic_load_explicit(&g_claim.start, memory_order_relaxed);

    while (hal_cycles() < start) {
    }
    if (frame_claim(g_claim.index)) {
        atomic_fetch_add_explicit(&g_claim.won, 1, memory_order_relaxed);
    }
}

/* Claims in every round that the other one begins, until that is the last. */
static void second_claimer(void *unused)
{
    (void)unused;
    for (uint32_t round = 1; round != UINT32_MAX;) {
        const uint32_t begun = atomic_load_explicit(&g_claim.round, memory_order_acquire);

        if (begun == round) {
            claim_once();
            atomic_store_explicit(&g_claim.done, round, memory_order_release);
            round++;
        } else if (begun == UINT32_MAX) {
            round = UINT32_MAX;
        } else {
            thread_yield();
        }
    }
}

/* Goal: of two who claim a used frame at the same time one gets it. Method: as often as time
 * allows, on two CPUs that wait for each other. */
START_TEST(frame_claim_succeeds_for_one)
{
    const struct thread_spec spec = { .name = "claimer", .entry = second_claimer, .cpu = 1 };
    const uint64_t end = hal_cycles() + hal_caps()->cycles_hz / (1000000000ull / CLAIM_NS);
    struct thread *thread = NULL;
    uint32_t wrong = 0;
    paddr_t frame = 0;

    if (hal_caps()->cpus < 2 || !sched_is_online(1)) {
        return;
    }
    ck_assert_int_eq(phys_alloc(1, 1, &frame), EXO_OK);
    g_claim.index = index_of(span_of(frame >> PAGE_SHIFT), frame >> PAGE_SHIFT);
    atomic_store(&g_claim.round, 0);
    ck_assert_int_eq(thread_create(&spec, &thread), EXO_OK);
    for (uint32_t round = 1; round <= CLAIMS_MAX && hal_cycles() < end; round++) {
        atomic_store_explicit(&g_claim.won, 0, memory_order_relaxed);
        atomic_store_explicit(&g_claim.start, hal_cycles() + CLAIM_CYCLES, memory_order_relaxed);
        atomic_store_explicit(&g_claim.round, round, memory_order_release);
        claim_once();
        while (atomic_load_explicit(&g_claim.done, memory_order_acquire) != round) {
            thread_yield(); /* it may be on this very CPU's host thread or queue */
        }
        wrong += atomic_load_explicit(&g_claim.won, memory_order_relaxed) == 1 ? 0 : 1;
        state_set(g_claim.index, FRAME_USED);
    }
    atomic_store_explicit(&g_claim.round, UINT32_MAX, memory_order_release);
    thread_join(thread, NULL);
    phys_free(frame, 1);
    ck_assert_uint_eq(wrong, 0);
}
END_TEST

#define RACES 40u

static struct {
    paddr_t base;
    size_t count;
    _Atomic uint32_t here;
    _Atomic uint32_t panics;
    char reason[192];
} g_race;

static EXO_NOINLINE void racing_free(void *unused)
{
    (void)unused;
    atomic_fetch_add_explicit(&g_race.here, 1, memory_order_relaxed);
    /* Interrupts on: the other's CPU may have to flush this one's TLB before it can run it. */
    while (atomic_load_explicit(&g_race.here, memory_order_relaxed) < 2) {
        hal_pause();
    }
    const hal_irq_t irq = hal_irq_save();

    phys_free(g_race.base, g_race.count);
    hal_irq_restore(irq);
}

/* The loser ends here. */
static void on_race_panic(const char *reason)
{
    atomic_fetch_add_explicit(&g_race.panics, 1, memory_order_relaxed);
    str_copy(g_race.reason, sizeof(g_race.reason), reason);
    hal_irq_enable();
    thread_exit(1);
}

static void race_once(size_t count)
{
    struct thread *racer[2];

    ck_assert_int_eq(phys_alloc(count, count, &g_race.base), EXO_OK);
    g_race.count = count;
    atomic_store_explicit(&g_race.here, 0, memory_order_relaxed);
    atomic_store_explicit(&g_race.panics, 0, memory_order_relaxed);
    panic_test_hook_set(on_race_panic);
    for (uint32_t i = 0; i < ARRAY_COUNT(racer); i++) {
        const struct thread_spec spec = { .name = "racer", .entry = racing_free, .cpu = i };

        ck_assert_int_eq(thread_create(&spec, &racer[i]), EXO_OK);
    }
    for (uint32_t i = 0; i < ARRAY_COUNT(racer); i++) {
        thread_join(racer[i], NULL);
    }
    panic_test_hook_set(NULL);
    ck_assert_uint_eq(atomic_load_explicit(&g_race.panics, memory_order_relaxed), 1);
    ck_assert_msg(panic_text_has(g_race.reason, EXO_CONFIG_DEBUG
                                                    ? "is free already: first freed by racing_free"
                                                    : "is free already"),
                  "the report says %s", g_race.reason);
}

/* Goal: of two CPUs that free the same frames at the same time exactly one succeeds, and the other
 * one's panic names it. Method: they meet right before. That no frame is lost is the runner's to
 * see, who waits for the stacks of the threads to be given back. */
START_TEST(phys_free_on_two_cpus_names_the_loser)
{
    if (hal_caps()->cpus < 2 || !sched_is_online(1)) {
        return;
    }
    for (uint32_t i = 0; i < RACES; i++) {
        race_once(i % 2 == 0 ? 1 : 16);
    }
}
END_TEST

EXO_SUITE(mem_phys, EXO_TEST(phys_free_panics_on_the_fast_path),
          EXO_TEST(phys_free_panics_beyond_the_last_frame), EXO_TEST(frame_claim_succeeds_for_one),
          EXO_TEST(phys_free_of_a_run_claims_all_or_none),
          EXO_TEST(phys_free_on_two_cpus_names_the_loser), EXO_TEST(phys_free_panics_on_nonsense),
          EXO_TEST(phys_free_names_the_first_culprit),
          EXO_TEST(phys_alloc_finds_a_write_after_free),
          EXO_TEST(phys_alloc_gives_distinct_aligned_frames),
          EXO_TEST(phys_alloc_honours_count_and_alignment),
          EXO_TEST(phys_alloc_refuses_nonsense_and_too_much),
          EXO_TEST(phys_alloc_zeroed_is_zero_after_use), EXO_TEST(phys_poisons_what_it_hands_out),
          EXO_TEST(phys_alloc_can_give_everything), EXO_TEST(phys_test_fail_after_fails_once),
          EXO_TEST(phys_free_panics_on_foreign_frames))
