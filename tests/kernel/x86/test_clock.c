/*
 * test_clock.c - the arithmetic under the clock, and the clock that this boot chose.
 */
#include "exo_check.h"

#include "exo/hal.h"

#include "platform/x86_64/acpi.h"
#include "platform/x86_64/clock_internal.h"
#include "platform/x86_64/cpuid.h"
#include "platform/x86_64/tsc_sync.h"

static uint32_t g_counter;

static uint32_t counter_read(void)
{
    return g_counter;
}

/* A 24-bit counter that wraps a hundred times, read thrice per wrap, is widened without a gap. */
START_TEST(narrow_counter_is_widened_across_wraps)
{
    const uint32_t mask = 0xffffff;
    const uint64_t step = mask / 3;
    _Atomic uint64_t wide = 0;
    uint64_t expected = 0;

    for (unsigned i = 0; i < 300; i++) {
        expected += step;
        g_counter = (uint32_t)(expected & mask);
        ck_assert_uint_eq(clock_widen(&wide, counter_read, mask), expected);
    }
    ck_assert_uint_gt(expected, 99ull * mask);
}
END_TEST

START_TEST(full_width_counter_is_widened_too)
{
    _Atomic uint64_t wide = 0xfffffff0;

    g_counter = 0xfffffff8;
    ck_assert_uint_eq(clock_widen(&wide, counter_read, UINT32_MAX), 0xfffffff8);
    g_counter = 4;
    ck_assert_uint_eq(clock_widen(&wide, counter_read, UINT32_MAX), 0x100000004);
    ck_assert_uint_eq(clock_widen(&wide, counter_read, UINT32_MAX), 0x100000004);
}
END_TEST

START_TEST(watchdog_tolerates_a_sixty_fourth_and_no_more)
{
    const uint64_t tsc_hz = 2600000000;
    const uint64_t pm_hz = 3579545;

    ck_assert(clock_rates_agree(tsc_hz / 2, tsc_hz, pm_hz / 2, pm_hz));
    ck_assert(clock_rates_agree(tsc_hz / 2 + tsc_hz / 140, tsc_hz, pm_hz / 2, pm_hz));
    ck_assert(!clock_rates_agree(tsc_hz / 2 + tsc_hz / 100, tsc_hz, pm_hz / 2, pm_hz));
    ck_assert(!clock_rates_agree(tsc_hz / 2 - tsc_hz / 100, tsc_hz, pm_hz / 2, pm_hz));
    ck_assert(!clock_rates_agree(0, tsc_hz, pm_hz / 2, pm_hz)); /* a TSC that stands still */
}
END_TEST

static uint64_t g_tsc;

static uint64_t tsc_good(void)
{
    return ++g_tsc;
}

/* A CPU whose counter is 1000 cycles behind the others'. */
static uint64_t tsc_behind(void)
{
    return ++g_tsc - 1000;
}

START_TEST(warp_test_finds_a_cpu_that_is_behind)
{
    struct tsc_warp test = { 0 };

    g_tsc = 100000;
    for (unsigned i = 0; i < 10; i++) {
        tsc_warp_round(&test, tsc_good);
    }
    ck_assert_uint_eq(atomic_load_explicit(&test.worst, memory_order_relaxed), 0);
    tsc_warp_round(&test, tsc_behind);
    ck_assert_uint_eq(atomic_load_explicit(&test.worst, memory_order_relaxed), 999);
    tsc_warp_round(&test, tsc_good); /* and does not forget */
    ck_assert_uint_eq(atomic_load_explicit(&test.worst, memory_order_relaxed), 999);
    ck_assert_uint_eq(atomic_load_explicit(&test.last, memory_order_relaxed), g_tsc);
}
END_TEST

START_TEST(rates_are_those_of_real_machines)
{
    const struct hal_caps *caps = hal_caps();

    ck_assert_uint_gt(caps->cycles_hz, 1000000);
    ck_assert_uint_lt(caps->cycles_hz, 20000000000);
    ck_assert_uint_gt(clock_rates()->apic_timer_hz, 10000);
    ck_assert_uint_eq(caps->cpus, acpi_facts()->cpu_count);
    ck_assert_uint_eq(acpi_facts()->cpu[0].apic_id, cpuid_info()->apic_id);
}
END_TEST

/* Over 20 ms the clock and a counter that it may not be made of agree to within 5 %, however long
 * the readings themselves take: the counter's readings enclose the clock's on one side each. */
START_TEST(clock_agrees_with_the_reference)
{
    const struct clock_counter *reference = clock_reference();

    if (reference == NULL) {
        return; /* nothing to compare with on this machine */
    }
    const uint64_t least = reference->hz / 50;
    const uint64_t start_ns = hal_clock_ns();
    const uint32_t first = reference->read();
    uint32_t counts = 0;

    while (counts < least) {
        counts = (reference->read() - first) & reference->mask;
    }
    const uint64_t outer_ns = hal_clock_ns() - start_ns;
    const uint64_t inner_ns = (uint64_t)counts * 1000000u / (reference->hz / 1000u);

    ck_assert_uint_ge(outer_ns + outer_ns / 20, inner_ns);

    const uint32_t outer_first = reference->read();
    const uint64_t inner_start_ns = hal_clock_ns();

    while (hal_clock_ns() - inner_start_ns < 20000000u) {
        hal_pause();
    }
    const uint64_t clock_ns = hal_clock_ns() - inner_start_ns;
    const uint32_t outer = (reference->read() - outer_first) & reference->mask;
    const uint64_t reference_ns = (uint64_t)outer * 1000000u / (reference->hz / 1000u);

    ck_assert_uint_ge(reference_ns + reference_ns / 20, clock_ns);
}
END_TEST

START_TEST(wall_clock_is_a_date_of_this_century)
{
    const uint64_t year_2020_s = 1577836800;
    const uint64_t year_2100_s = 4102444800;
    const uint64_t now_s = hal_wall_clock_ns() / 1000000000u;

    ck_assert_uint_gt(now_s, year_2020_s);
    ck_assert_uint_lt(now_s, year_2100_s);
}
END_TEST

EXO_SUITE(x86_clock, EXO_TEST(narrow_counter_is_widened_across_wraps),
          EXO_TEST(full_width_counter_is_widened_too),
          EXO_TEST(watchdog_tolerates_a_sixty_fourth_and_no_more),
          EXO_TEST(warp_test_finds_a_cpu_that_is_behind),
          EXO_TEST(rates_are_those_of_real_machines), EXO_TEST(clock_agrees_with_the_reference),
          EXO_TEST(wall_clock_is_a_date_of_this_century))
