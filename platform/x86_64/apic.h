/*
 * apic.h - the local APIC: x2APIC where the CPU has it, xAPIC otherwise.
 *
 * Order: apic_init() once on the boot CPU (after cpuid_init(), acpi_init()), which also enables its
 * own; apic_enable() on every other CPU. IPIs wait for the delivery of the one before, never for
 * ever.
 *
 * Context: any, NMI included, unless said otherwise; a CPU touches only its own APIC, so no locks.
 * An ICR write of the xAPIC takes two stores: sent with interrupts off, and an NMI handler that
 * sends one between them (panic) may cost the interrupted one, never its own.
 * Spec: Intel SDM volume 3A chapter 10.
 */
#ifndef PLATFORM_X86_64_APIC_H
#define PLATFORM_X86_64_APIC_H

#include "exo/lib/types.h"

/* Find, map and enable the boot CPU's APIC; panics if there is none: nothing else can interrupt a
 * CPU. */
void apic_init(void);

/* Enable this CPU's own APIC: spurious vector, task priority 0, LINT pins as the MADT says, timer
 * and the rest masked. */
void apic_enable(void);

/* Let the 8259 interrupt this CPU through LINT0, on a machine without I/O APIC. */
void apic_accept_8259(void);

bool apic_is_x2apic(void);
uint32_t apic_id(void); /* of this CPU */

void apic_eoi(void);

/* Send to one APIC id; `vector` 16-255. Waits up to 1 ms for the former IPI to leave. */
void apic_send_ipi(uint32_t apic_id, uint8_t vector);
void apic_send_self(uint8_t vector);
void apic_send_nmi(uint32_t apic_id);
void apic_send_nmi_others(void); /* all but this CPU, whether started or not */

/* Start-up: INIT, then (the caller's waits) SIPI at page start_paddr >> 12, below 1 MiB. */
void apic_send_init(uint32_t apic_id);
void apic_send_startup(uint32_t apic_id, paddr_t start_paddr);

/* True if this CPU's APIC has `vector` pending (IRR): for spurious and lost-interrupt checks. */
bool apic_is_pending(uint8_t vector);

/* ---- the timer: used by clock.c
 * ------------------------------------------------------------------ */

/* One-shot countdown at bus rate / 16: select once per CPU, then set; 0 stops it. */
void apic_timer_oneshot_select(uint8_t vector);
void apic_timer_oneshot_set(uint32_t counts);

/* TSC deadline mode: the same; 0 disarms. */
void apic_timer_deadline_select(uint8_t vector);
void apic_timer_deadline_set(uint64_t tsc);

/* For calibration: count down from UINT32_MAX without interrupting; what is left. */
void apic_timer_measure_start(void);
uint32_t apic_timer_count(void);

#endif /* PLATFORM_X86_64_APIC_H */
