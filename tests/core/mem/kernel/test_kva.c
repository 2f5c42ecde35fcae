/*
 * test_kva.c - ranges of kernel addresses: contents, guards, rights, flushes, limits.
 */
#include <stdatomic.h>

#include "exo/hal.h"
#include "exo/hal/kva.h"
#include "exo/lib/string.h"
#include "exo/mem/kva.h"
#include "exo/mem/phys.h"
#include "exo/sched/sched.h"
#include "exo/sched/thread.h"
#include "exo_check.h"
#include "exo_panic.h"
#include "exo_test.h"

static paddr_t frame_behind(const void *address)
{
    struct pt_entry entry = { 0 };

    ck_assert(hal_kva_lookup((vaddr_t)address, &entry));
    return entry.paddr;
}

static uint64_t frames_free(void)
{
    struct phys_stats stats;

    phys_stats(&stats);
    return stats.frames_free;
}

/* Every page shows its own frame: what is written through the range is read through the direct map
 * and the other way round. */
START_TEST(kva_range_shows_its_frames)
{
    uint8_t *range = NULL;

    ck_assert_int_eq(kva_alloc(5, PT_WRITE | KVA_ZERO, (void **)&range), EXO_OK);
    for (uint32_t i = 0; i < 5 * PAGE_SIZE; i++) {
        ck_assert_uint_eq(range[i], 0);
    }
    for (uint32_t i = 0; i < 5; i++) {
        volatile uint8_t *const direct = hal_phys_to_virt(frame_behind(range + i * PAGE_SIZE));

        memset(range + i * PAGE_SIZE, (int)i + 1, PAGE_SIZE);
        ck_assert_uint_eq(direct[0], i + 1);
        ck_assert_uint_eq(direct[PAGE_SIZE - 1], i + 1);
        direct[17] = (uint8_t)(100 + i);
        ck_assert_uint_eq(*(volatile uint8_t *)&range[i * PAGE_SIZE + 17], 100 + i);
    }
    kva_free(range);
}
END_TEST

/* Frames need not follow each other: with every second frame held back there are no two that do. */
START_TEST(kva_range_is_made_of_scattered_frames)
{
    paddr_t held[32];
    uint8_t *range = NULL;

    for (uint32_t i = 0; i < ARRAY_COUNT(held); i++) {
        ck_assert_int_eq(phys_alloc(1, 1, &held[i]), EXO_OK);
    }
    for (uint32_t i = 0; i < ARRAY_COUNT(held); i += 2) {
        phys_free(held[i], 1);
    }
    ck_assert_int_eq(kva_alloc(24, PT_WRITE, (void **)&range), EXO_OK);
    for (uint32_t i = 0; i < 24; i++) {
        memset(range + i * PAGE_SIZE, (int)i, PAGE_SIZE);
    }
    for (uint32_t i = 0; i < 24; i++) {
        ck_assert_uint_eq(range[i * PAGE_SIZE], i);
        ck_assert_uint_eq(range[(i + 1) * PAGE_SIZE - 1], i);
    }
    kva_free(range);
    for (uint32_t i = 1; i < ARRAY_COUNT(held); i += 2) {
        phys_free(held[i], 1);
    }
}
END_TEST

/* Two views of one frame agree, one of them read-only. */
START_TEST(kva_map_gives_a_second_view)
{
    paddr_t frames = 0;
    volatile uint64_t *first = NULL;
    volatile uint64_t *second = NULL;

    ck_assert_int_eq(phys_alloc(2, 1, &frames), EXO_OK);
    ck_assert_int_eq(kva_map(frames, 2, PT_WRITE, (void **)(uintptr_t)&first), EXO_OK);
    ck_assert_int_eq(kva_map(frames, 2, PT_READ, (void **)(uintptr_t)&second), EXO_OK);
    ck_assert_ptr_ne((void *)(uintptr_t)first, (void *)(uintptr_t)second);
    first[512] = 0x1234;
    ck_assert_uint_eq(second[512], 0x1234);
    const uint64_t before = frames_free();

    kva_free((void *)(uintptr_t)first);
    kva_free((void *)(uintptr_t)second);
    kva_flush();
    ck_assert_uint_eq(frames_free(), before); /* they are not the area's */
    phys_free(frames, 2);
}
END_TEST

START_TEST(kva_refuses_what_cannot_be)
{
    void *out = NULL;
    paddr_t frame = 0;

    ck_assert_int_eq(kva_alloc(0, PT_WRITE, &out), EXO_ERR_INVALID);
    ck_assert_int_eq(kva_alloc(1, PT_WRITE | PT_EXEC, &out), EXO_ERR_INVALID);
    ck_assert_int_eq(kva_alloc(1, PT_WRITE | PT_USER, &out), EXO_ERR_INVALID);
    ck_assert_int_eq(kva_alloc(1, PT_WRITE | PT_UNCACHED, &out), EXO_ERR_INVALID);
    ck_assert_int_eq(kva_alloc(SIZE_MAX, PT_WRITE, &out), EXO_ERR_NO_MEMORY);
    ck_assert_int_eq(kva_map(1, 1, PT_WRITE, &out), EXO_ERR_INVALID);
    ck_assert_int_eq(kva_map(0, 0, PT_WRITE, &out), EXO_ERR_INVALID);
    ck_assert_int_eq(kva_map(PAGE_SIZE, 1, PT_WRITE | PT_EXEC, &out), EXO_ERR_INVALID);
    ck_assert_int_eq(kva_map(PAGE_SIZE, 1, PT_UNCACHED | PT_WRITE_COMBINE, &out), EXO_ERR_INVALID);
    ck_assert_int_eq(kva_map(1ull << 60, 1, PT_WRITE, &out), EXO_ERR_INVALID);
    ck_assert_int_eq(kva_map(PAGE_SIZE, SIZE_MAX, PT_WRITE, &out), EXO_ERR_INVALID);
    ck_assert_ptr_null(out);
    ck_assert_int_eq(phys_alloc(1, 1, &frame), EXO_OK);
    ck_assert_int_eq(kva_protect(hal_phys_to_virt(frame), 1, PT_READ), EXO_ERR_INVALID);
    phys_free(frame, 1);
}
END_TEST

START_TEST(kva_protect_refuses_what_is_not_one_range)
{
    char *range = NULL;

    ck_assert_int_eq(kva_alloc(2, PT_WRITE, (void **)&range), EXO_OK);
    ck_assert_int_eq(kva_protect(range, 0, PT_READ), EXO_ERR_INVALID);
    ck_assert_int_eq(kva_protect(range, 3, PT_READ), EXO_ERR_INVALID);
    ck_assert_int_eq(kva_protect(range - PAGE_SIZE, 1, PT_READ), EXO_ERR_INVALID);
    ck_assert_int_eq(kva_protect(range + 1, 1, PT_READ), EXO_ERR_INVALID);
    ck_assert_int_eq(kva_protect(range, 1, PT_WRITE | PT_EXEC), EXO_ERR_INVALID);
    ck_assert_int_eq(kva_protect(range, 1, PT_UNCACHED), EXO_ERR_INVALID);
    kva_free(range);
    ck_assert_int_eq(kva_protect(range, 1, PT_READ), EXO_ERR_INVALID);
}
END_TEST

static void touch(void *arg)
{
    *(volatile char *)arg = 1;
}

static void look(void *arg)
{
    (void)*(volatile char *)arg;
}

START_TEST(kva_guard_below_catches_a_write)
{
    char *range = NULL;

    ck_assert_int_eq(kva_alloc(1, PT_WRITE, (void **)&range), EXO_OK);
    ck_assert(panic_is_caught(touch, range - 1, "guard page below the kernel range at"));
    kva_free(range);
}
END_TEST

START_TEST(kva_guard_above_catches_a_read)
{
    char *range = NULL;

    ck_assert_int_eq(kva_alloc(3, PT_WRITE, (void **)&range), EXO_OK);
    ck_assert(panic_is_caught(look, range + 3 * PAGE_SIZE,
                              "guard page behind the kernel range that ends at"));
    kva_free(range);
}
END_TEST

/* A read-only page keeps its contents and refuses writes; its neighbour does not change. */
START_TEST(kva_protect_takes_the_right_to_write)
{
    char *range = NULL;

    ck_assert_int_eq(kva_alloc(2, PT_WRITE, (void **)&range), EXO_OK);
    range[0] = 7;
    ck_assert_int_eq(kva_protect(range, 1, PT_READ), EXO_OK);
    ck_assert_int_eq(*(volatile char *)range, 7);
    range[PAGE_SIZE] = 8;
    ck_assert(panic_is_caught(touch, range, "write to "));
    ck_assert_int_eq(*(volatile char *)range, 7);
    ck_assert_int_eq(kva_protect(range, 1, PT_WRITE), EXO_OK);
    range[0] = 9;
    kva_free(range);
}
END_TEST

START_TEST(kva_freed_range_catches_a_read)
{
    char *range = NULL;

    ck_assert_int_eq(kva_alloc(2, PT_WRITE, (void **)&range), EXO_OK);
    range[0] = 1;
    kva_free(range);
    ck_assert(panic_is_caught(look, range, "of a kernel range that was freed"));
}
END_TEST

static void free_it(void *arg)
{
    kva_free(arg);
}

START_TEST(kva_free_names_what_is_no_range)
{
    char *range = NULL;

    ck_assert_int_eq(kva_alloc(2, PT_WRITE, (void **)&range), EXO_OK);
    ck_assert(panic_is_caught(free_it, range + PAGE_SIZE, "is not the start of a range"));
    ck_assert(panic_is_caught(free_it, range + 8, "is not the start of a range"));
    ck_assert(panic_is_caught(free_it, range - PAGE_SIZE, "is not the start of a range"));
    kva_free(range);
    ck_assert(panic_is_caught(free_it, range, "is not the start of a range"));
    kva_free(NULL);
}
END_TEST

START_TEST(kva_guards_are_told_apart)
{
    char *range = NULL;
    char *stack = NULL;
    char text[96];
    struct kva_guard guard;

    ck_assert_int_eq(kva_alloc(2, PT_WRITE, (void **)&range), EXO_OK);
    ck_assert_int_eq(kva_alloc(4, PT_WRITE | KVA_STACK, (void **)&stack), EXO_OK);
    ck_assert(!kva_guard_find((vaddr_t)range, &guard));
    ck_assert(!kva_guard_find((vaddr_t)range + 2 * PAGE_SIZE - 1, &guard));
    ck_assert(kva_guard_find((vaddr_t)range - 1, &guard));
    ck_assert(guard.kind == KVA_GUARD_BELOW && !guard.is_stack);
    ck_assert_uint_eq(guard.address, (vaddr_t)range);
    ck_assert(kva_guard_find((vaddr_t)range + 2 * PAGE_SIZE, &guard));
    ck_assert(guard.kind == KVA_GUARD_ABOVE);
    ck_assert_uint_eq(guard.address, (vaddr_t)range + 2 * PAGE_SIZE);
    ck_assert(kva_guard_find((vaddr_t)stack - KVA_STACK_GUARD_PAGES * PAGE_SIZE, &guard));
    ck_assert(guard.kind == KVA_GUARD_BELOW && guard.is_stack);
    ck_assert_uint_eq(guard.address, (vaddr_t)stack);
    ck_assert_str_ne(kva_guard_describe((vaddr_t)stack - 1, text, sizeof(text)), "");
    ck_assert_str_eq(kva_guard_describe((vaddr_t)stack, text, sizeof(text)), "");
    ck_assert_str_eq(kva_guard_describe(8, text, sizeof(text)), "");
    kva_free(stack);
    kva_free(range);
    ck_assert(kva_guard_find((vaddr_t)range, &guard));
    ck_assert(guard.kind == KVA_GUARD_FREED || guard.kind == KVA_GUARD_UNUSED);
    kva_flush();
    ck_assert(kva_guard_find((vaddr_t)range, &guard));
    ck_assert(guard.kind == KVA_GUARD_UNUSED);
}
END_TEST

/* Neither frames nor addresses come back before the flush, and both do with it. */
START_TEST(kva_frames_come_back_after_the_flush_only)
{
    struct kva_stats before;
    struct kva_stats after;
    void *range = NULL;
    void *other = NULL;

    kva_flush();
    kva_stats(&before);
    const uint64_t free_before = frames_free();

    ck_assert_int_eq(kva_alloc(3, PT_WRITE, &range), EXO_OK);
    kva_free(range);
    kva_stats(&after);
    ck_assert_uint_eq(after.pages_stale, 5); /* a guard on each side */
    ck_assert_uint_eq(after.pages_free, before.pages_free - 5);
    ck_assert_uint_le(frames_free(), free_before - 3);
    ck_assert_int_eq(kva_alloc(3, PT_WRITE, &other), EXO_OK);
    ck_assert_ptr_ne(other, range);
    kva_free(other);
    kva_flush();
    kva_stats(&after);
    ck_assert_uint_eq(after.pages_stale, 0);
    ck_assert_uint_eq(after.pages_free, before.pages_free);
}
END_TEST

/* Much that is freed does not wait for somebody to call. */
START_TEST(kva_flushes_many_ranges_together)
{
    struct kva_stats before;
    struct kva_stats after;

    kva_stats(&before);
    for (uint32_t i = 0; i < 200; i++) {
        void *range = NULL;

        ck_assert_int_eq(kva_alloc(1, PT_WRITE, &range), EXO_OK);
        kva_free(range);
    }
    kva_stats(&after);
    ck_assert_uint_ge(after.flushes, before.flushes + 2);
    ck_assert_uint_le(after.flushes, before.flushes + 20); /* not one for each */
    ck_assert_uint_le(after.pages_stale, 64);
}
END_TEST

static exo_status_t alloc_and_free(void *arg)
{
    void *range = NULL;
    const exo_status_t status = kva_alloc(6, PT_WRITE, &range);

    (void)arg;
    if (status == EXO_OK) {
        kva_free(range);
        kva_flush();
    }
    return status;
}

START_TEST(kva_alloc_survives_every_failing_allocation)
{
    ck_assert_uint_ge(fault_sweep(alloc_and_free, NULL), 7); /* six frames, at least one mapping */
}
END_TEST

/* Device mappings of nothing but addresses, until those run out; then all of them come back. */
START_TEST(kva_addresses_run_out_and_come_back)
{
    static void *held[4096];
    const size_t each = 1024;
    struct kva_stats stats;
    paddr_t frames = 0;
    uint32_t count = 0;

    kva_flush();
    kva_stats(&stats);
    const size_t before = stats.pages_free;

    ck_assert_int_eq(phys_alloc(each, 1, &frames), EXO_OK);
    while (count < ARRAY_COUNT(held) && kva_map(frames, each, PT_READ, &held[count]) == EXO_OK) {
        count++;
    }
    ck_assert_uint_lt(count, ARRAY_COUNT(held));
    ck_assert_uint_ge(count, before / (each + 2) - 8); /* live stacks have made some pieces */
    for (uint32_t i = 0; i < count; i += 2) {
        kva_free(held[i]);
    }
    for (uint32_t i = 1; i < count; i += 2) {
        kva_free(held[i]);
    }
    kva_flush();
    kva_stats(&stats);
    ck_assert_uint_eq(stats.pages_free, before);
    phys_free(frames, each);
}
END_TEST

struct peer {
    char *range;
    _Atomic uint32_t step;
};

/* On the other CPU: use the page, so that the CPU has its translation; wait; use it again. */
static void peer_writes_twice(void *arg)
{
    struct peer *const peer = arg;

    peer->range[0] = 1;
    atomic_store_explicit(&peer->step, 1, memory_order_release);
    while (atomic_load_explicit(&peer->step, memory_order_acquire) != 2) {
        hal_pause();
    }
    *(volatile char *)peer->range = 2;
}

static void protector(void *arg)
{
    struct peer *const peer = arg;

    if (test_wait_for(&peer->step, 1, 5000000000ull) &&
        kva_protect(peer->range, 1, PT_READ) == EXO_OK) {
        atomic_store_explicit(&peer->step, 2, memory_order_release);
    }
}

/* A CPU that has written to a page keeps its translation; once kva_protect() on another CPU has
 * returned, its next write faults: every CPU has dropped the former rights. */
START_TEST(kva_protect_reaches_other_cpus)
{
    struct peer peer = { .range = NULL };
    struct thread *thread = NULL;
    const struct thread_spec spec = {
        .name = "protector", .entry = protector, .arg = &peer, .cpu = THREAD_ANY_CPU
    };

    if (sched_online_count() < 2) {
        return; /* two that spin at each other need two CPUs */
    }
    ck_assert_int_eq(kva_alloc(1, PT_WRITE, (void **)&peer.range), EXO_OK);
    ck_assert_int_eq(thread_create(&spec, &thread), EXO_OK);
    ck_assert(panic_is_caught(peer_writes_twice, &peer, "write to "));
    thread_join(thread, NULL);
    ck_assert_int_eq(*(volatile char *)peer.range, 1);
    kva_free(peer.range);
}
END_TEST

EXO_SUITE(kva, EXO_TEST(kva_range_shows_its_frames),
          EXO_TEST(kva_range_is_made_of_scattered_frames), EXO_TEST(kva_map_gives_a_second_view),
          EXO_TEST(kva_refuses_what_cannot_be), EXO_TEST(kva_protect_refuses_what_is_not_one_range),
          EXO_TEST(kva_guard_below_catches_a_write), EXO_TEST(kva_guard_above_catches_a_read),
          EXO_TEST(kva_protect_takes_the_right_to_write), EXO_TEST(kva_freed_range_catches_a_read),
          EXO_TEST(kva_free_names_what_is_no_range), EXO_TEST(kva_guards_are_told_apart),
          EXO_TEST(kva_frames_come_back_after_the_flush_only),
          EXO_TEST(kva_flushes_many_ranges_together),
          EXO_TEST(kva_alloc_survives_every_failing_allocation),
          EXO_TEST(kva_addresses_run_out_and_come_back), EXO_TEST(kva_protect_reaches_other_cpus))
