/*
 * test_machine.c - what the machine tells about itself: memory map, CPUs, clocks, console, entropy,
 * and the format of page-table entries.
 */
#include <stdatomic.h>

#include "exo/debug/boot.h"
#include "exo/hal.h"
#include "exo/mem/phys.h"
#include "exo/mem/pt.h"
#include "exo/sched/thread.h"
#include "exo_check.h"
#include "exo_test.h"

/* Regions are sorted, do not overlap, are whole pages, and some are free. */
START_TEST(memory_map_is_sorted_and_disjoint)
{
    const struct boot_info *info = boot_info_get();
    uint64_t free_bytes = 0;
    paddr_t end = 0;

    ck_assert_uint_ge(info->region_count, 1);
    ck_assert_uint_le(info->region_count, BOOT_REGIONS_MAX);
    for (uint32_t i = 0; i < info->region_count; i++) {
        const struct boot_region *region = &info->region[i];

        ck_assert_uint_ge(region->base, end);
        ck_assert_uint_eq(region->base % PAGE_SIZE, 0);
        ck_assert_uint_eq(region->len_bytes % PAGE_SIZE, 0);
        ck_assert_uint_gt(region->len_bytes, 0);
        end = region->base + region->len_bytes;
        ck_assert_uint_gt(end, region->base);
        free_bytes += region->kind == BOOT_REGION_FREE ? region->len_bytes : 0;
    }
    ck_assert_uint_ge(free_bytes, 8ull << 20);
}
END_TEST

/* Frames are readable and writable through the direct map, and translate back. */
START_TEST(direct_map_reaches_free_frames)
{
    paddr_t frame[8];

    for (uint32_t i = 0; i < ARRAY_COUNT(frame); i++) {
        ck_assert_int_eq(phys_alloc(1, 1, &frame[i]), EXO_OK);
        uint64_t *word = hal_phys_to_virt(frame[i]);

        ck_assert_uint_eq(hal_virt_to_phys(word), frame[i]);
        word[0] = frame[i] ^ 0x5a5a;
        word[PAGE_SIZE / sizeof(*word) - 1] = frame[i] + i;
    }
    for (uint32_t i = 0; i < ARRAY_COUNT(frame); i++) {
        const uint64_t *word = hal_phys_to_virt(frame[i]);

        ck_assert_uint_eq(word[0], frame[i] ^ 0x5a5a);
        ck_assert_uint_eq(word[PAGE_SIZE / sizeof(*word) - 1], frame[i] + i);
        phys_free(frame[i], 1);
    }
}
END_TEST

/* The direct map is linear: a run of frames is a run of addresses. */
START_TEST(direct_map_is_linear)
{
    const struct boot_info *info = boot_info_get();
    const uint8_t *first = hal_phys_to_virt(info->region[0].base);

    for (uint32_t i = 0; i < info->region_count; i++) {
        if (info->region[i].kind == BOOT_REGION_FREE) {
            const paddr_t base = info->region[i].base;
            const uint8_t *here = hal_phys_to_virt(base);

            ck_assert_uint_eq((uint64_t)(here - first), base - info->region[0].base);
        }
    }
}
END_TEST

START_TEST(caps_are_filled_in)
{
    const struct hal_caps *caps = hal_caps();

    ck_assert_ptr_nonnull(caps->cpu_name);
    ck_assert_ptr_nonnull(caps->clock_name);
    ck_assert_uint_gt(caps->cycles_hz, 1000000);
    ck_assert_uint_ge(caps->cpus, 1);
    ck_assert_uint_le(caps->cpus, CPUS_MAX);
    ck_assert_uint_eq(boot_info_get()->cpu_count, caps->cpus);
}
END_TEST

/* One CPU's clock never goes back, and moves. */
START_TEST(clock_is_monotonic_on_one_cpu)
{
    const uint64_t start = hal_clock_ns();
    uint64_t last = start;
    uint32_t back = 0;

    for (uint32_t i = 0; i < 20000; i++) {
        const uint64_t now = hal_clock_ns();

        back += now < last ? 1 : 0;
        last = now;
    }
    ck_assert_uint_eq(back, 0);
    test_spin_ns(2000000);
    ck_assert_uint_gt(hal_clock_ns(), start);
}
END_TEST

#define BATON_TURNS 240u

/* A baton of time that goes round the CPUs: each takes it, reads its clock, and hands it on. */
struct baton {
    _Atomic uint32_t turn; /* whose CPU it is; counts up */
    uint64_t last;         /* the clock of the CPU before; handed on with `turn` */
    uint32_t back;         /* times it was later than our own */
    uint32_t cpus;
    uint32_t rounds;
};

struct runner {
    struct baton *baton;
    uint32_t cpu;
};

static void baton_thread(void *arg)
{
    const struct runner *runner = arg;
    struct baton *baton = runner->baton;

    for (uint32_t turn = runner->cpu; turn < baton->rounds * baton->cpus; turn += baton->cpus) {
        while (atomic_load_explicit(&baton->turn, memory_order_acquire) != turn) {
            thread_yield();
            hal_spin_yield(); /* its CPU may wait for the host */
        }
        const uint64_t now = hal_clock_ns();

        baton->back += now < baton->last ? 1 : 0;
        baton->last = now;
        atomic_store_explicit(&baton->turn, turn + 1, memory_order_release);
    }
}

/* Time handed from CPU to CPU never goes back. */
START_TEST(clock_is_monotonic_across_cpus)
{
    static struct runner runner[CPUS_MAX];
    static struct thread *thread[CPUS_MAX];
    struct baton baton = { .cpus = hal_caps()->cpus, .rounds = 1 + BATON_TURNS / hal_caps()->cpus };

    for (uint32_t i = 0; i < baton.cpus; i++) {
        runner[i] = (struct runner){ .baton = &baton, .cpu = i };
        const struct thread_spec spec = {
            .name = "baton", .entry = baton_thread, .arg = &runner[i], .cpu = i
        };

        ck_assert_int_eq(thread_create(&spec, &thread[i]), EXO_OK);
    }
    for (uint32_t i = 0; i < baton.cpus; i++) {
        thread_join(thread[i], NULL);
    }
    ck_assert_uint_eq(baton.back, 0);
    ck_assert_uint_gt(baton.last, 0);
}
END_TEST

/* The wall clock is between 2020 and 2100 and goes on. */
START_TEST(wall_clock_is_sane)
{
    const uint64_t second = 1000000000ull;
    const uint64_t now = hal_wall_clock_ns();

    ck_assert_uint_gt(now, 1577836800ull * second);
    ck_assert_uint_lt(now, 4102444800ull * second);
    test_spin_ns(2000000);
    ck_assert_uint_gt(hal_wall_clock_ns(), now);
}
END_TEST

/* Cycles move at about the rate that caps tell, measured against the clock. */
START_TEST(cycles_run_at_their_rate)
{
    const uint64_t clock = hal_clock_ns();
    const uint64_t cycles = hal_cycles_ordered();

    while (hal_clock_ns() - clock < 20000000) {
        hal_pause();
    }
    const uint64_t clock_ns = hal_clock_ns() - clock;
    const uint64_t expected = hal_caps()->cycles_hz / 1000000 * clock_ns / 1000;
    const uint64_t got = hal_cycles_ordered() - cycles;

    ck_assert_uint_gt(got, expected / 2);
    ck_assert_uint_lt(got, expected * 2);
}
END_TEST

/* The console takes bytes of any length, none included, with interrupts in either state. */
START_TEST(console_write_takes_any_length)
{
    const hal_irq_t irq = hal_irq_save();

    hal_console_write(HAL_STREAM_OUT, "", 0);
    hal_console_write(HAL_STREAM_OUT, "# console\n", 10);
    hal_irq_restore(irq);
    hal_console_write(HAL_STREAM_OUT, "# con", 5);
    hal_console_write(HAL_STREAM_OUT, "sole\n", 5);
}
END_TEST

/* The random source fills all of what it says it fills, and not twice the same. */
START_TEST(entropy_is_not_constant)
{
    uint8_t a[64] = { 0 };
    uint8_t b[64] = { 0 };
    uint32_t same = 0;
    const size_t got = hal_entropy(a, sizeof(a));

    ck_assert_uint_le(got, sizeof(a));
    if (got == 0) {
        return; /* the machine has no source: allowed, and nothing to compare */
    }
    ck_assert_uint_gt(hal_entropy(b, sizeof(b)), 0);
    for (size_t i = 0; i < got; i++) {
        same += a[i] == b[i] ? 1 : 0;
    }
    ck_assert_uint_lt(same, sizeof(a) / 2);
    ck_assert_uint_eq(hal_entropy(a, 0), 0);
}
END_TEST

/* An entry gives back the frame and the flags that it was made of. */
START_TEST(pte_round_trip)
{
    static const paddr_t frames[] = { 0, 0x1000, 0x7fff0000, 0x0000fffffffff000ull };
    const uint32_t types = PT_UNCACHED | PT_WRITE_COMBINE; /* at most one of them */
    const uint32_t all = PT_WRITE | PT_EXEC | PT_USER | PT_GLOBAL | types;

    for (uint32_t i = 0; i < ARRAY_COUNT(frames); i++) {
        for (uint32_t flags = 0; flags <= all; flags++) {
            if ((flags & ~all) != 0 || (flags & types) == types) {
                continue;
            }
            const hal_pte_t pte = hal_pte_make(frames[i], flags);

            ck_assert(hal_pte_present(pte));
            ck_assert(hal_pte_is_leaf(pte, 0));
            ck_assert_uint_eq(hal_pte_paddr(pte), frames[i]);
            ck_assert_uint_eq(hal_pte_flags(pte), flags | PT_READ);
        }
        const hal_pte_t table = hal_pte_table(frames[i]);

        ck_assert(hal_pte_present(table));
        ck_assert(!hal_pte_is_leaf(table, 3));
        ck_assert_uint_eq(hal_pte_paddr(table), frames[i]);
    }
    ck_assert(!hal_pte_present((hal_pte_t)0));
}
END_TEST

EXO_SUITE(hal_machine, EXO_TEST(memory_map_is_sorted_and_disjoint),
          EXO_TEST(direct_map_reaches_free_frames), EXO_TEST(direct_map_is_linear),
          EXO_TEST(caps_are_filled_in), EXO_TEST(clock_is_monotonic_on_one_cpu),
          EXO_TEST(clock_is_monotonic_across_cpus), EXO_TEST(wall_clock_is_sane),
          EXO_TEST(cycles_run_at_their_rate), EXO_TEST(console_write_takes_any_length),
          EXO_TEST(entropy_is_not_constant), EXO_TEST(pte_round_trip))
