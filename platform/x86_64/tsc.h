/*
 * tsc.h - the time-stamp counter: its rate, and whether all CPUs see the same one.
 *
 * Context: said per function.  Spec: docs/clock.md.
 */
#ifndef PLATFORM_X86_64_TSC_H
#define PLATFORM_X86_64_TSC_H

#include "exo/lib/types.h"

/* Read after all earlier instructions are done. */
static inline uint64_t tsc_read(void)
{
    uint32_t low;
    uint32_t high;

    __asm__ volatile("lfence; rdtsc" : "=a"(low), "=d"(high) : : "memory");
    return ((uint64_t)high << 32) | low;
}

/* Result of one calibration; a rate is 0 if it could not be found. */
struct tsc_rates {
    uint64_t tsc_hz;
    uint64_t apic_timer_hz; /* counts per second after the divider that apic.h sets */
    const char *source;     /* "cpuid", "hpet", "acpi_pm", "pit", "none" */
};

/* Find the rates of TSC and APIC timer: from CPUID if it gives both, else measured for about 3 ms.
 * Context: boot CPU, interrupts off, after apic_init(), hpet_init(), pmtimer_init(). */
void tsc_calibrate(struct tsc_rates *out);

/* The warp test: the starting CPU and the started one look at the TSC in turn; neither may ever see
 * a value lower than one that the other has published. Call tsc_sync_source(cpu) on the CPU that
 * starts `cpu` once that one is known to run, and tsc_sync_target(cpu) on it, both with interrupts
 * off or in a thread that may wait 2 ms. If a warp is found, the clock leaves the TSC
 * (clock_tsc_unstable()). One pair at a time. Returns when both are done, or the other did not come
 * within 20 ms: the clock then stays as it is. */
void tsc_sync_source(uint32_t cpu);
void tsc_sync_target(uint32_t cpu);

#endif /* PLATFORM_X86_64_TSC_H */
