/*
 * clock_timer.c - one deadline per CPU on its APIC timer, and the TSC's watchdog.
 *
 * The hardware is set for the deadline or earlier, never later: far deadlines are reached in steps,
 * and the handler asks the clock, not the hardware, whether the time has come. CPU 0 also wakes
 * every half second while something must be looked at: the watchdog, or a narrow counter that is
 * about to wrap.
 *
 * Invariants:
 *   (1) g_cpu[i] is touched by CPU i only, interrupts off (`ready` apart);
 *   (2) the timer of a CPU whose deadline is not HAL_TIMER_NEVER is running, or its interrupt
 *       pending;
 *   (3) TSC deadline mode is used only while the TSC is the clock.
 */
#include <stdatomic.h>

#include "exo/debug/log.h"
#include "exo/hal.h"
#include "exo/hal/test.h"

#include "acpi.h"
#include "apic.h"
#include "clock.h"
#include "clock_internal.h"
#include "cpuid.h"
#include "irq.h"

#define KEEPALIVE_NS     500000000ull
#define COUNTS_MAX       0x7fffffffull
#define NS_PER_SECOND    1000000000ull
#define STEP_MAX_NS      NS_PER_SECOND /* keeps products below 2^64 for rates up to 16 GHz */
#define BRACKET_READINGS 3u
#define BRACKET_MAX_NS   100000ull
#define DRIFT_SHIFT      6u        /* tolerated: 1/64 of the time that passed ... */
#define DRIFT_FLOOR_NS   500000ull /* ... plus this */
#define STRIKES_MAX      2u

enum timer_mode { MODE_NONE, MODE_ONESHOT, MODE_DEADLINE };

struct clock_cpu {
    uint64_t deadline_ns;
    enum timer_mode mode; /* what the LVT is set to */
    _Atomic bool ready;
} EXO_ALIGNED(CACHE_LINE);

/* What the watchdog saw last; CPU 0 only. */
struct watchdog {
    uint64_t tsc;
    uint32_t count;
    uint32_t strikes;
    uint64_t next_ns;
    bool armed; /* tsc and count hold a reading */
};

static struct clock_cpu g_cpu[CPUS_MAX];
static struct watchdog g_watchdog;
static bool g_deadline_usable; /* [c] CPU has TSC deadline mode and the TSC is invariant */
static bool g_watched; /* [c] the TSC is not invariant and there is something to compare with */

static uint64_t ns_to(uint64_t ns, uint64_t hz)
{
    return ns * (hz / 1000u) / (NS_PER_SECOND / 1000u);
}

static enum timer_mode mode_wanted(void)
{
    return g_deadline_usable && clock_is_tsc() ? MODE_DEADLINE : MODE_ONESHOT;
}

/* True while CPU 0 must look at a counter now and then. */
static bool keepalive_needed(void)
{
    return !clock_is_tsc() || g_watched;
}

/* Set the hardware for this CPU's deadline, or a step on the way to it. */
static void hardware_set(struct clock_cpu *cpu, bool is_boot_cpu)
{
    const enum timer_mode mode = mode_wanted();
    uint64_t target_ns = cpu->deadline_ns;

    if (cpu->mode != mode) {
        cpu->mode = mode;
        if (mode == MODE_DEADLINE) {
            apic_timer_deadline_select(IRQ_VECTOR_TIMER);
        } else {
            apic_timer_oneshot_select(IRQ_VECTOR_TIMER);
        }
    }
    if (is_boot_cpu && keepalive_needed()) {
        target_ns = min_u64(target_ns, g_watchdog.next_ns);
    }
    if (target_ns == HAL_TIMER_NEVER) {
        if (mode == MODE_DEADLINE) {
            apic_timer_deadline_set(0);
        } else {
            apic_timer_oneshot_set(0);
        }
        return;
    }
    const uint64_t now_ns = hal_clock_ns();
    const uint64_t step_ns = target_ns > now_ns ? min_u64(target_ns - now_ns, STEP_MAX_NS) : 0;

    if (mode == MODE_DEADLINE) {
        apic_timer_deadline_set(tsc_read() + ns_to(step_ns, clock_rates()->tsc_hz) + 1);
    } else {
        const uint64_t counts = ns_to(step_ns, clock_rates()->apic_timer_hz) + 1;

        apic_timer_oneshot_set((uint32_t)min_u64(counts, COUNTS_MAX));
    }
}

/* Read TSC and reference at one moment; false if something came between every time. */
static bool bracket_read(const struct clock_counter *reference, uint64_t *tsc, uint32_t *count)
{
    const uint64_t limit = ns_to(BRACKET_MAX_NS, clock_rates()->tsc_hz);

    for (unsigned i = 0; i < BRACKET_READINGS; i++) {
        const uint64_t before = tsc_read();
        const uint32_t value = reference->read();
        const uint64_t after = tsc_read();

        if (after - before < limit) {
            *tsc = before + (after - before) / 2;
            *count = value;
            return true;
        }
    }
    return false;
}

bool clock_rates_agree(uint64_t cycles, uint64_t tsc_hz, uint64_t counts, uint64_t reference_hz)
{
    const uint64_t tsc_ns = cycles * 1000u / (tsc_hz / 1000000u);
    const uint64_t reference_ns = counts * 1000000u / (reference_hz / 1000u);
    const uint64_t drift_ns = tsc_ns > reference_ns ? tsc_ns - reference_ns : reference_ns - tsc_ns;

    return drift_ns <= (reference_ns >> DRIFT_SHIFT) + DRIFT_FLOOR_NS;
}

/* Compare the TSC with the reference over the time since the last look. */
static void watchdog_look(void)
{
    const struct clock_counter *reference = clock_reference();
    uint64_t tsc = 0;
    uint32_t count = 0;

    if (!clock_is_tsc() || !bracket_read(reference, &tsc, &count)) {
        return;
    }
    const uint64_t cycles = tsc - g_watchdog.tsc;
    const uint64_t wrap_ms = (uint64_t)reference->mask * 1000u / reference->hz;
    const bool comparable =
        g_watchdog.armed && cycles / (clock_rates()->tsc_hz / 1000u) < wrap_ms / 2;
    const uint64_t counts = (count - g_watchdog.count) & reference->mask;

    if (!comparable || clock_rates_agree(cycles, clock_rates()->tsc_hz, counts, reference->hz)) {
        g_watchdog.strikes = 0;
    } else if (++g_watchdog.strikes == STRIKES_MAX) {
        clock_tsc_unstable("watchdog: drifts from the reference");
    }
    g_watchdog.tsc = tsc;
    g_watchdog.count = count;
    g_watchdog.armed = true;
}

static void keepalive(void)
{
    const uint64_t now_ns = hal_clock_ns(); /* this very read keeps a narrow counter widened */

    if (keepalive_needed() && now_ns >= g_watchdog.next_ns) {
        g_watchdog.next_ns = now_ns + KEEPALIVE_NS;
        watchdog_look();
    }
}

static void timer_interrupt(void *arg)
{
    const uint32_t id = hal_cpu_id();
    struct clock_cpu *cpu = &g_cpu[id];

    (void)arg;
    if (id == 0) {
        keepalive();
    }
    if (cpu->deadline_ns != HAL_TIMER_NEVER && hal_clock_ns() >= cpu->deadline_ns) {
        cpu->deadline_ns = HAL_TIMER_NEVER;
        core_on_timer(); /* sets the next deadline, or none */
        if (cpu->deadline_ns != HAL_TIMER_NEVER || id != 0) {
            return;
        }
    }
    hardware_set(cpu, id == 0);
}

void hal_timer_set(uint64_t deadline_ns)
{
    const uint32_t id = hal_cpu_id();

    g_cpu[id].deadline_ns = deadline_ns;
    hardware_set(&g_cpu[id], id == 0);
}

void clock_cpu_init(void)
{
    const uint32_t id = hal_cpu_id();

    g_cpu[id].deadline_ns = HAL_TIMER_NEVER;
    g_cpu[id].mode = MODE_NONE;
    hardware_set(&g_cpu[id], id == 0);
    atomic_store_explicit(&g_cpu[id].ready, true, memory_order_release);
}

void clock_timer_init(void)
{
    const struct cpuid_info *info = cpuid_info();

    g_deadline_usable = info->tsc_deadline && info->tsc_invariant;
    g_watched = !info->tsc_invariant && clock_reference() != NULL;
    irq_register(IRQ_VECTOR_TIMER, timer_interrupt, NULL);
    clock_cpu_init();
}

/* Compiled in every build, linked into none but test builds' callers: two stores and a few IPIs. */
void hal_test_clock_advance(uint64_t delta_ns)
{
    const struct acpi_facts *facts = acpi_facts();

    clock_test_offset_add(delta_ns);
    for (uint32_t i = 0; i < facts->cpu_count; i++) {
        if (atomic_load_explicit(&g_cpu[i].ready, memory_order_acquire)) {
            apic_send_ipi(facts->cpu[i].apic_id, IRQ_VECTOR_TIMER);
        }
    }
}
