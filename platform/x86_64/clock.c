/*
 * clock.c - the monotonic clock and the wall clock.
 *
 * A clock is a straight line: nanoseconds at a base count, and a rate. The line in use is published
 * as one pointer, so a reader never mixes two. There are two lines in a kernel's life after
 * start-up: the TSC's, and, if that one proves unfit, one over HPET or ACPI timer
 * (clock_tsc_unstable()).
 *
 * Invariants:
 *   (1) a line is constant once g_line points to it;
 *   (2) a fallback counter is narrow (24 or 32 bits) and widened in g_wide, which only grows;
 *       somebody reads it more than once per wrap (clock_timer.c sees to it);
 *   (3) what hal_clock_ns() returned never exceeds what a later call returns, on any CPU: TSCs were
 *       compared, widened counters are one for all, and a change of line leaps forward a little.
 */
#include "clock.h"

#include <stdatomic.h>

#include "exo/config.h"
#include "exo/debug/boot.h"
#include "exo/debug/log.h"
#include "exo/hal.h"
#include "exo/hal/test.h"
#include "exo/lib/string.h"

#include "acpi.h"
#include "apic.h"
#include "clock_internal.h"
#include "cpuid.h"
#include "hpet.h"
#include "irq.h"
#include "pmtimer.h"
#include "power.h"
#include "rtc.h"
#include "tsc.h"

#define NS_PER_SECOND  1000000000ull
#define CHANGE_LEAP_NS 1000u /* covers readers of the old line while the new one is published */
#define GUESS_HZ_SHIFT 30u   /* 2^30 / 2^32 ns per cycle: 4 GHz */

struct line {
    const struct clock_counter *counter; /* NULL: the TSC, counted from g_boot_tsc */
    uint64_t base_count;
    uint64_t base_ns;
    uint64_t rate; /* nanoseconds per count, times 2^32 */
};

static const struct line g_guess = { .rate = 1ull << GUESS_HZ_SHIFT };
static struct line g_tsc_line;
static struct line g_fallback_line;
static const struct line *_Atomic g_line = &g_guess;

static struct clock_counter g_hpet = { .name = "hpet", .read = hpet_read, .mask = UINT32_MAX };
static struct clock_counter g_pm = { .name = "acpi_pm", .read = pmtimer_read, .hz = PMTIMER_HZ };
static _Atomic uint64_t g_wide; /* the fallback counter, widened to 64 bits */

static _Atomic bool g_unstable;
static _Atomic uint64_t g_test_offset_ns;
static uint64_t g_wall_base_ns; /* wall clock at hal_clock_ns() == 0 */
static struct tsc_rates g_rates;
static struct hal_caps g_caps = { .clock_name = "tsc" };

/* value * rate / 2^32 without losing the upper half. */
static uint64_t scale(uint64_t value, uint64_t rate)
{
    return (uint64_t)(((unsigned __int128)value * rate) >> 32);
}

/* 2^32 * numerator / denominator; the result must fit, that is numerator < denominator * 2^32. */
static uint64_t ratio32(uint64_t numerator, uint64_t denominator)
{
    uint64_t quotient;
    uint64_t remainder;

    __asm__("divq %4"
            : "=a"(quotient), "=d"(remainder)
            : "a"(numerator << 32), "d"(numerator >> 32), "r"(denominator)
            : "cc");
    return quotient;
}

uint64_t clock_widen(_Atomic uint64_t *wide, uint32_t (*read)(void), uint32_t mask)
{
    uint64_t before = atomic_load_explicit(wide, memory_order_acquire);
    const uint64_t now = before + ((read() - (uint32_t)before) & mask);

    /* A failed exchange does no harm: somebody else stored a reading meanwhile, and this one was
     * right at its own moment. */
    (void)atomic_compare_exchange_strong_explicit(wide, &before, now, memory_order_acq_rel,
                                                  memory_order_relaxed);
    return now;
}

static uint64_t counter_read_wide(const struct clock_counter *counter)
{
    return clock_widen(&g_wide, counter->read, counter->mask);
}

static uint64_t line_count(const struct line *line)
{
    return line->counter == NULL ? tsc_read() - g_boot_tsc : counter_read_wide(line->counter);
}

static uint64_t line_ns(const struct line *line)
{
    const uint64_t count = line_count(line);

    /* Below its base only by a hair's breadth between two CPUs' TSCs, just after a change. */
    return line->base_ns +
           (count > line->base_count ? scale(count - line->base_count, line->rate) : 0);
}

uint64_t hal_clock_ns(void)
{
    const uint64_t ns = line_ns(atomic_load_explicit(&g_line, memory_order_acquire));

    if (EXO_CONFIG_TEST) {
        return ns + atomic_load_explicit(&g_test_offset_ns, memory_order_acquire);
    }
    return ns;
}

uint64_t hal_wall_clock_ns(void)
{
    return g_wall_base_ns + hal_clock_ns();
}

void clock_spin_ns(uint64_t duration_ns)
{
    const uint64_t end_ns = hal_clock_ns() + duration_ns;

    while (hal_clock_ns() < end_ns) {
        hal_pause();
    }
}

const struct clock_counter *clock_reference(void)
{
    if (hpet_present()) {
        return &g_hpet;
    }
    return pmtimer_present() ? &g_pm : NULL;
}

bool clock_is_tsc(void)
{
    return atomic_load_explicit(&g_line, memory_order_relaxed)->counter == NULL;
}

const struct tsc_rates *clock_rates(void)
{
    return &g_rates;
}

/* Begin the fallback line where the present one is, and let CPU 0 see that its counter wants
 * looking at. */
static void fallback_start(const struct clock_counter *counter)
{
    atomic_store_explicit(&g_wide, counter->read(), memory_order_release);
    g_fallback_line = (struct line){
        .counter = counter,
        .rate = ratio32(NS_PER_SECOND, counter->hz),
        .base_count = counter_read_wide(counter),
        .base_ns = line_ns(atomic_load_explicit(&g_line, memory_order_acquire)) + CHANGE_LEAP_NS,
    };
    g_caps.clock_name = counter->name;
    atomic_store_explicit(&g_line, &g_fallback_line, memory_order_release);
    apic_send_ipi(acpi_facts()->cpu[0].apic_id, IRQ_VECTOR_TIMER);
}

void clock_tsc_unstable(const char *why)
{
    const struct clock_counter *counter = clock_reference();

    if (atomic_exchange_explicit(&g_unstable, true, memory_order_acq_rel)) {
        return;
    }
    if (counter == NULL) {
        klog(KLOG_WARN, "clock", "tsc unfit, and nothing to replace it: %s", why);
        return;
    }
    fallback_start(counter);
    klog(KLOG_WARN, "clock", "tsc unfit, clock is now name=%s: %s", counter->name, why);
}

/* clock=NAME: take that counter from now on. */
static exo_status_t clock_param(const char *value)
{
    if (str_equal(value, "tsc")) {
        return EXO_OK;
    }
    const struct clock_counter *counter = NULL;

    if (str_equal(value, g_hpet.name) && hpet_present()) {
        counter = &g_hpet;
    } else if (str_equal(value, g_pm.name) && pmtimer_present()) {
        counter = &g_pm;
    }
    if (counter == NULL || atomic_exchange_explicit(&g_unstable, true, memory_order_acq_rel)) {
        return EXO_ERR_NOT_FOUND;
    }
    fallback_start(counter);
    return EXO_OK;
}

EXO_BOOT_PARAM(clock, "clock", "tsc, hpet or acpi_pm: the counter that the clock reads",
               clock_param);

static void wall_init(void)
{
    uint64_t seconds = 0;

    if (rtc_read(&seconds) != EXO_OK) {
        klog(KLOG_WARN, "clock", "no date from the RTC: wall clock starts in 1970");
        return;
    }
    g_wall_base_ns = seconds * NS_PER_SECOND - hal_clock_ns();
}

void clock_init(void)
{
    (void)hpet_init();
    (void)pmtimer_init();
    g_hpet.hz = hpet_hz();
    g_pm.mask = pmtimer_mask();
    tsc_calibrate(&g_rates);
    if (g_rates.tsc_hz != 0) {
        g_tsc_line = (struct line){ .rate = ratio32(NS_PER_SECOND, g_rates.tsc_hz) };
        atomic_store_explicit(&g_line, &g_tsc_line, memory_order_release);
    } else {
        clock_tsc_unstable("no rate could be found");
    }
    g_caps.cpu_name = cpuid_info()->name;
    g_caps.cpus = acpi_facts()->cpu_count;
    g_caps.cycles_hz = g_rates.tsc_hz;
    g_caps.can_poweroff = power_can_poweroff();
    wall_init();
    klog(KLOG_INFO, "clock", "name=%s tsc_hz=%llu apic_timer_hz=%llu from=%s invariant=%u",
         g_caps.clock_name, (unsigned long long)g_rates.tsc_hz,
         (unsigned long long)g_rates.apic_timer_hz, g_rates.source, cpuid_info()->tsc_invariant);
    clock_timer_init();
}

const struct hal_caps *hal_caps(void)
{
    return &g_caps;
}

void clock_test_offset_add(uint64_t delta_ns)
{
    atomic_fetch_add_explicit(&g_test_offset_ns, delta_ns, memory_order_acq_rel);
}
