/*
 * tsc.c - calibration of the TSC and the APIC timer against a counter of known rate.
 *
 * Both are read at the two ends of one window of about 3 ms. An end is the best of several
 * readings, the one whose two TSC values lie closest about the reference's: an interrupt of the
 * firmware, or of an emulator's host, between them is thus left out.
 */
#include "tsc.h"

#include "exo/debug/log.h"

#include "apic.h"
#include "cpuid.h"
#include "hpet.h"
#include "io.h"
#include "pmtimer.h"

#define WINDOW_PER_SECOND 333u /* 3 ms */
#define READINGS          5u
#define CYCLES_MAX        2000000000ull /* give a reference up: half a second on the fastest CPU */
#define APIC_DIVIDER      16u

#define PIT_HZ       1193182u
#define PIT_CHANNEL2 0x42u
#define PIT_COMMAND  0x43u
#define PIT_GATE     0x61u /* bit 0 gates channel 2, bit 1 lets it to the speaker */

/* A counter that goes up at a known rate; mask is its width. */
struct reference {
    const char *name;
    uint32_t (*read)(void);
    uint64_t hz;
    uint32_t mask;
};

struct sample {
    uint64_t tsc;
    uint32_t count;
    uint32_t apic;
};

static void pit_start(void)
{
    outb(PIT_GATE, (uint8_t)((inb(PIT_GATE) & ~2u) | 1u));
    outb(PIT_COMMAND, 0xb0); /* channel 2, both bytes, mode 0: count down once */
    outb(PIT_CHANNEL2, 0xff);
    outb(PIT_CHANNEL2, 0xff);
}

static uint32_t pit_read(void)
{
    outb(PIT_COMMAND, 0x80); /* latch channel 2 */
    const uint32_t low = inb(PIT_CHANNEL2);
    const uint32_t high = inb(PIT_CHANNEL2);

    return 0xffffu - (high << 8 | low);
}

static void sample_take(const struct reference *reference, struct sample *out)
{
    uint64_t best = UINT64_MAX;

    for (unsigned i = 0; i < READINGS; i++) {
        const uint64_t before = tsc_read();
        const uint32_t count = reference->read();
        const uint32_t apic = apic_timer_count();
        const uint64_t after = tsc_read();

        if (after - before < best) {
            best = after - before;
            *out = (struct sample){ .tsc = before + best / 2, .count = count, .apic = apic };
        }
    }
}

/* Measure both rates; false if the reference does not get through the window. */
static bool measure(const struct reference *reference, struct tsc_rates *out)
{
    const uint64_t window = reference->hz / WINDOW_PER_SECOND;
    struct sample first;
    struct sample last;

    apic_timer_measure_start();
    sample_take(reference, &first);
    while (((reference->read() - first.count) & reference->mask) < window) {
        if (tsc_read() - first.tsc > CYCLES_MAX) {
            klog(KLOG_WARN, "tsc", "reference stands still name=%s", reference->name);
            return false;
        }
    }
    sample_take(reference, &last);
    const uint64_t counts = (last.count - first.count) & reference->mask;

    if (counts == 0 || last.tsc <= first.tsc) {
        return false;
    }
    out->tsc_hz = (last.tsc - first.tsc) * reference->hz / counts;
    out->apic_timer_hz = (uint64_t)(first.apic - last.apic) * reference->hz / counts;
    out->source = reference->name;
    return true;
}

void tsc_calibrate(struct tsc_rates *out)
{
    const struct reference hpet = {
        .name = "hpet", .read = hpet_read, .hz = hpet_hz(), .mask = UINT32_MAX
    };
    const struct reference pm = {
        .name = "acpi_pm", .read = pmtimer_read, .hz = PMTIMER_HZ, .mask = pmtimer_mask()
    };
    const struct reference pit = { .name = "pit", .read = pit_read, .hz = PIT_HZ, .mask = 0xffff };

    *out = (struct tsc_rates){ .tsc_hz = cpuid_tsc_hz(),
                               .apic_timer_hz = cpuid_apic_timer_hz() / APIC_DIVIDER,
                               .source = "cpuid" };
    if (out->tsc_hz != 0 && out->apic_timer_hz != 0) {
        return;
    }
    if ((hpet_present() && measure(&hpet, out)) || (pmtimer_present() && measure(&pm, out))) {
        return;
    }
    pit_start();
    if (!measure(&pit, out)) {
        *out = (struct tsc_rates){ .source = "none" };
    }
}
