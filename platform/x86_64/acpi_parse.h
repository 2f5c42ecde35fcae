/*
 * acpi_parse.h - reading ACPI tables as bytes: pure functions, no device or memory access of their
 * own.
 *
 * Every walk is bounded by the table's length; nothing outside table[len_bytes] is read, whatever
 * the bytes say. Fields are little-endian and unaligned. A malformed table gives
 * EXO_ERR_BAD_FORMAT.
 *
 * Spec: ACPI 6.4 section 5.2 (tables) and 20.2 (AML encoding, for the _S5_ package only).
 */
#ifndef PLATFORM_X86_64_ACPI_PARSE_H
#define PLATFORM_X86_64_ACPI_PARSE_H

#include "exo/abi/status.h"
#include "exo/hal/boot_info.h"
#include "exo/lib/types.h"

#define ACPI_HEADER_BYTES    36u
#define ACPI_RSDP_V1_BYTES   20u
#define ACPI_RSDP_V2_BYTES   36u
#define ACPI_TABLE_BYTES_MAX (16u << 20) /* longer ones are taken for broken */

#define ACPI_IOAPICS_MAX   8u
#define ACPI_OVERRIDES_MAX 32u
#define ACPI_NMIS_MAX      16u
#define ACPI_MCFG_MAX      16u
#define ACPI_DOMAINS_MAX   64u /* of SLIT; farther ones have no distances */

#define ACPI_SRAT_MEMORY_MAX BOOT_NODE_RANGES_MAX
/* Processors in the MADT that can be told apart; more than the kernel's CPUS_MAX is cut by
 * acpi.c. */
#define ACPI_CPUS_MAX 256u

enum acpi_gas_space {
    ACPI_GAS_MEMORY = 0,
    ACPI_GAS_IO = 1,
    ACPI_GAS_PCI_CONFIG = 2,
};

/* Generic address: where a register is. address 0 means that there is none. */
struct acpi_gas {
    uint64_t address;
    uint8_t space; /* enum acpi_gas_space, or one this kernel does not know */
    uint8_t bit_width;
    uint8_t bit_offset;
    uint8_t access_size;
};

struct acpi_root {
    uint64_t xsdt; /* 0 in revision 0 and 1 */
    uint32_t rsdt;
    uint8_t revision;
};

struct acpi_header {
    char signature[5]; /* NUL-terminated, unprintable bytes as '?' */
    uint32_t len_bytes;
    uint8_t revision;
};

struct acpi_madt_cpu {
    uint32_t apic_id; /* x2APIC id; below 255 the same as the xAPIC id */
    uint32_t uid;     /* the processor's number in the firmware's eyes */
    bool enabled;
    bool online_capable; /* may be plugged in later; not started by this kernel */
};

struct acpi_madt_ioapic {
    paddr_t address;
    uint32_t gsi_base;
    uint8_t id;
};

/* How an interrupt line is wired; `conforms` means: as the bus says (ISA: edge, active high). */
struct acpi_line {
    bool active_low;
    bool level;
};

struct acpi_madt_override {
    uint32_t gsi;
    uint8_t isa_irq;
    struct acpi_line line;
};

struct acpi_madt_nmi_source {
    uint32_t gsi;
    struct acpi_line line;
};

#define ACPI_UID_ALL UINT32_MAX

struct acpi_madt_local_nmi {
    uint32_t uid; /* ACPI_UID_ALL: every processor */
    uint8_t lint; /* 0 or 1 */
    struct acpi_line line;
};

struct acpi_madt {
    paddr_t local_apic;
    bool has_8259;
    uint32_t cpu_count;
    uint32_t ioapic_count;
    uint32_t override_count;
    uint32_t nmi_source_count;
    uint32_t local_nmi_count;
    uint32_t dropped_count; /* entries passed over: malformed, or beyond a limit above */
    struct acpi_madt_cpu cpu[ACPI_CPUS_MAX]; /* in table order, no apic_id twice */
    struct acpi_madt_ioapic ioapic[ACPI_IOAPICS_MAX];
    struct acpi_madt_override override[ACPI_OVERRIDES_MAX];
    struct acpi_madt_nmi_source nmi_source[ACPI_NMIS_MAX];
    struct acpi_madt_local_nmi local_nmi[ACPI_NMIS_MAX];
};

struct acpi_fadt {
    paddr_t dsdt;
    struct acpi_gas pm1a_control;
    struct acpi_gas pm1b_control;
    struct acpi_gas pm_timer;
    struct acpi_gas reset;
    uint32_t smi_command; /* port, 0 if ACPI mode needs no enabling */
    uint16_t sci_irq;
    uint8_t acpi_enable; /* value for smi_command */
    uint8_t reset_value;
    uint8_t century; /* CMOS index of the century, 0 if there is none */
    bool pm_timer_32bit;
    bool reset_supported;
    bool hardware_reduced;
    bool has_8042;
    bool has_vga;
    bool has_rtc;
};

struct acpi_hpet {
    paddr_t address;
    uint16_t min_tick;
    uint8_t number;
};

struct acpi_mcfg_range {
    paddr_t base;
    uint16_t segment;
    uint8_t bus_first;
    uint8_t bus_last;
};

struct acpi_mcfg {
    uint32_t count;
    struct acpi_mcfg_range range[ACPI_MCFG_MAX];
};

struct acpi_srat_memory {
    paddr_t base;
    paddr_t end;
    uint32_t domain;
};

struct acpi_srat_cpu {
    uint32_t apic_id;
    uint32_t domain;
};

/* Enabled entries only, in table order. */
struct acpi_srat {
    uint32_t memory_count;
    uint32_t cpu_count;
    uint32_t dropped_count; /* entries passed over: malformed, or beyond a limit above */
    struct acpi_srat_memory memory[ACPI_SRAT_MEMORY_MAX];
    struct acpi_srat_cpu cpu[ACPI_CPUS_MAX];
};

struct acpi_slit {
    uint32_t count;                                       /* 0 without a table */
    uint8_t distance[ACPI_DOMAINS_MAX][ACPI_DOMAINS_MAX]; /* 10 is near, 255 out of reach */
};

struct acpi_sleep {
    uint8_t type_a; /* SLP_TYPa for PM1a_CNT */
    uint8_t type_b;
};

/* True if the bytes sum to zero modulo 256. */
bool acpi_checksum_ok(const uint8_t *bytes, size_t len_bytes);

/* Read the root pointer in bytes[len_bytes]: signature, checksum of the first 20 bytes and, from
 * revision 2 on, of the whole.  Errors: EXO_ERR_BAD_FORMAT, also if neither RSDT nor XSDT is
 * named. */
EXO_MUST_CHECK exo_status_t acpi_rsdp_parse(const uint8_t *bytes, size_t len_bytes,
                                            struct acpi_root *out);

/* Find a valid root pointer on a 16-byte boundary in bytes[len_bytes]; gives its offset.
 * Errors: EXO_ERR_NOT_FOUND. */
EXO_MUST_CHECK exo_status_t acpi_rsdp_scan(const uint8_t *bytes, size_t len_bytes, size_t *offset);

/* Read a table's 36-byte header; no checksum yet, since the rest may not be reachable.
 * Errors: EXO_ERR_BAD_FORMAT (length below the header's or above ACPI_TABLE_BYTES_MAX). */
EXO_MUST_CHECK exo_status_t acpi_header_parse(const uint8_t *bytes, size_t len_bytes,
                                              struct acpi_header *out);

/* Number of tables that an RSDT (entry_bytes 4) or XSDT (8) of len_bytes names, and the
 * index-th. */
size_t acpi_root_count(size_t len_bytes, size_t entry_bytes);
uint64_t acpi_root_entry(const uint8_t *table, size_t index, size_t entry_bytes);

/* Read whole tables. The header's signature and checksum are the caller's business.
 * Errors: EXO_ERR_BAD_FORMAT (shorter than its fixed part, or senseless); *out is then
 * untouched. */
EXO_MUST_CHECK exo_status_t acpi_madt_parse(const uint8_t *table, size_t len_bytes,
                                            struct acpi_madt *out);
EXO_MUST_CHECK exo_status_t acpi_fadt_parse(const uint8_t *table, size_t len_bytes,
                                            struct acpi_fadt *out);
EXO_MUST_CHECK exo_status_t acpi_hpet_parse(const uint8_t *table, size_t len_bytes,
                                            struct acpi_hpet *out);
EXO_MUST_CHECK exo_status_t acpi_mcfg_parse(const uint8_t *table, size_t len_bytes,
                                            struct acpi_mcfg *out);

EXO_MUST_CHECK exo_status_t acpi_srat_parse(const uint8_t *table, size_t len_bytes,
                                            struct acpi_srat *out);
EXO_MUST_CHECK exo_status_t acpi_slit_parse(const uint8_t *table, size_t len_bytes,
                                            struct acpi_slit *out);

/* Number the domains that have memory as nodes and sort what SRAT says of memory; cpu[cpu_count]
 * are the kernel's CPUs in order. Returns how many ranges were joined to node 0 because there are
 * more than BOOT_NODES_MAX domains. */
uint32_t acpi_numa_build(const struct acpi_srat *srat, const struct acpi_slit *slit,
                         const struct acpi_madt_cpu *cpu, uint32_t cpu_count,
                         struct boot_numa *out);

/* Find Name(_S5_, Package(){...}) in a DSDT or SSDT and give its first two numbers.
 * Errors: EXO_ERR_NOT_FOUND. */
EXO_MUST_CHECK exo_status_t acpi_s5_find(const uint8_t *table, size_t len_bytes,
                                         struct acpi_sleep *out);

#endif /* PLATFORM_X86_64_ACPI_PARSE_H */
