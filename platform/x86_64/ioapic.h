/*
 * ioapic.h - I/O APICs: which interrupt line becomes which vector on which CPU.
 *
 * Locks: one interrupt-saving lock inside (RANK_PLATFORM_IRQ).  Spec: Intel 82093AA data sheet.
 */
#ifndef PLATFORM_X86_64_IOAPIC_H
#define PLATFORM_X86_64_IOAPIC_H

#include "exo/abi/status.h"
#include "exo/lib/types.h"

#include "acpi_parse.h"

/* Map every I/O APIC of the MADT and mask all its lines; NMI sources are routed. After
 * acpi_init(). */
void ioapic_init(void);

uint32_t ioapic_count(void);

/* Route global interrupt `gsi` to `vector` on the CPU with `apic_id`, unmasked.
 * Errors: EXO_ERR_NOT_FOUND (no I/O APIC has that line), EXO_ERR_INVALID (apic_id above 254). */
EXO_MUST_CHECK exo_status_t ioapic_route(uint32_t gsi, struct acpi_line line, uint8_t vector,
                                         uint32_t apic_id);

/* Route ISA line 0-15, overrides applied. Same errors. */
EXO_MUST_CHECK exo_status_t ioapic_route_isa(uint8_t isa_irq, uint8_t vector, uint32_t apic_id);

/* Mask or unmask a routed line; unknown ones are ignored. */
void ioapic_mask(uint32_t gsi, bool masked);

#endif /* PLATFORM_X86_64_IOAPIC_H */
