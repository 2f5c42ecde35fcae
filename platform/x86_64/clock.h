/*
 * clock.h - hal_clock_ns() and the deadline timer, over whichever counter can be trusted.
 *
 * Policy (design.md section 5): the TSC if CPUID says it is invariant, or else while the warp test
 * across CPUs and a watchdog against HPET or ACPI timer agree; then the HPET; then the ACPI timer;
 * a machine with neither keeps the TSC. hal_clock_ns(), hal_wall_clock_ns(), hal_timer_set() and
 * hal_caps() are defined here. Before clock_init() hal_clock_ns() takes the TSC for 4 GHz, so that
 * it never runs ahead of what it says later.
 *
 * The command line's clock=hpet or clock=acpi_pm takes that counter instead; clock=tsc is the
 * default.
 *
 * Order on the boot CPU: cpuid_init, acpi_init, pic_init, apic_init, ioapic_init, clock_init (which
 * starts HPET and ACPI timer, calibrates, reads the RTC); then interrupts may be enabled.
 * On every other CPU: apic_enable, tsc_sync_target, clock_cpu_init.
 */
#ifndef PLATFORM_X86_64_CLOCK_H
#define PLATFORM_X86_64_CLOCK_H

#include "exo/lib/types.h"

/* The TSC at the kernel's first instruction; defined by the entry code. */
extern uint64_t g_boot_tsc;

/* Choose and start the clock; registers IRQ_VECTOR_TIMER, whose handler calls core_on_timer() if
 * the deadline of its CPU has passed, else sets the hardware again.  Context: boot CPU, interrupts
 * off; takes about 4 ms. */
void clock_init(void);

/* Prepare this CPU's timer.  Context: its start-up, interrupts off; clock_init() does it for CPU
 * 0. */
void clock_cpu_init(void);

/* Give up the TSC as the clock: it is not the same on all CPUs, or not steady. Once; later calls do
 * nothing.  Context: any but NMI. */
void clock_tsc_unstable(const char *why);

/* Spin for at least `duration_ns`; for the few microseconds that hardware asks for.  Any
 * context. */
void clock_spin_ns(uint64_t duration_ns);

#endif /* PLATFORM_X86_64_CLOCK_H */
