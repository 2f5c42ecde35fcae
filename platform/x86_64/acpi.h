/*
 * acpi.h - what the firmware's tables say about this machine, gathered once at boot.
 *
 * A table that is missing, unreachable or broken is reported with klog and passed over; the facts
 * it would have given keep their defaults (one CPU, no I/O APIC, no HPET, no power-off ...).
 *
 * Context: boot CPU, once; constant afterwards.  Spec: docs/acpi.md.
 */
#ifndef PLATFORM_X86_64_ACPI_H
#define PLATFORM_X86_64_ACPI_H

#include "acpi_parse.h"

struct acpi_facts {
    bool has_madt;
    bool has_fadt;
    bool has_hpet;
    bool has_s5;
    uint32_t cpu_count;                 /* at least 1, at most CPUS_MAX */
    struct acpi_madt_cpu cpu[CPUS_MAX]; /* index is the kernel's CPU index: 0 is the boot CPU */
    struct acpi_madt madt;              /* as the table says; all zero without one */
    struct acpi_fadt fadt;
    struct acpi_hpet hpet;
    struct acpi_mcfg mcfg; /* count 0 without one */
    struct acpi_sleep s5;
    struct acpi_srat srat; /* memory_count 0 without one */
    struct acpi_slit slit; /* count 0 without one */
};

/* Read the tables through the direct map, of which [0, direct_limit) can be read; tables beyond it
 * are reported and passed over. `rsdp` is where the loader put or found the root pointer (UEFI,
 * PVH), 0 to look for it in the EBDA and in 0xe0000-0xfffff. `boot_apic_id` (cpuid_info()->apic_id)
 * becomes CPU 0; the other enabled processors follow in table order.
 * Context: before core_main(), direct map and klog usable; no mmio_map() needed. */
void acpi_init(paddr_t rsdp, uint64_t direct_limit, uint32_t boot_apic_id);

/* The same for a root pointer that the loader handed over by value (multiboot2 tags 14 and 15). */
void acpi_init_copy(const uint8_t *rsdp, size_t len_bytes, uint64_t direct_limit,
                    uint32_t boot_apic_id);

/* What both do: gather into *facts, which is all zero before. For tests. */
void acpi_gather(struct acpi_facts *facts, const uint8_t *rsdp, size_t len_bytes,
                 uint64_t direct_limit, uint32_t boot_apic_id);

const struct acpi_facts *acpi_facts(void);

/* Tell the core which memory is near to which CPU; one node if the firmware says nothing. */
void acpi_numa_tell(struct boot_numa *out);

/* Global interrupt and wiring of an ISA line 0-15, overrides applied. */
uint32_t acpi_isa_gsi(uint8_t isa_irq, struct acpi_line *line);

#endif /* PLATFORM_X86_64_ACPI_H */
