/*
 * acpi_parse.c - root pointer, table headers, FADT, HPET and MCFG as bytes.
 *
 * Invariants:
 *   (1) every get_*() lies inside the length that its caller has checked before;
 *   (2) an out-parameter is written whole, and only on EXO_OK.
 */
#include "acpi_parse.h"

#include "acpi_bytes.h"

#define FADT_BYTES_V1    116u /* up to and with the flags of revision 1 */
#define FADT_FLAG_TMR32  (1u << 8)
#define FADT_FLAG_RESET  (1u << 10)
#define FADT_FLAG_HW_RED (1u << 20)

#define FADT_BOOT_8042   (1u << 1)
#define FADT_BOOT_NO_VGA (1u << 2)
#define FADT_BOOT_NO_RTC (1u << 5)

#define HPET_BYTES     56u
#define MCFG_FIRST     44u /* after the header and eight reserved bytes */
#define MCFG_ENTRY     16u
#define PM_TIMER_WIDTH 32u

bool acpi_checksum_ok(const uint8_t *bytes, size_t len_bytes)
{
    uint8_t sum = 0;

    for (size_t i = 0; i < len_bytes; i++) {
        sum = (uint8_t)(sum + bytes[i]);
    }
    return sum == 0;
}

static bool bytes_equal(const uint8_t *bytes, const char *text, size_t len_bytes)
{
    for (size_t i = 0; i < len_bytes; i++) {
        if (bytes[i] != (uint8_t)text[i]) {
            return false;
        }
    }
    return true;
}

exo_status_t acpi_rsdp_parse(const uint8_t *bytes, size_t len_bytes, struct acpi_root *out)
{
    if (len_bytes < ACPI_RSDP_V1_BYTES || !bytes_equal(bytes, "RSD PTR ", 8) ||
        !acpi_checksum_ok(bytes, ACPI_RSDP_V1_BYTES)) {
        return EXO_ERR_BAD_FORMAT;
    }
    struct acpi_root root = { .revision = bytes[15], .rsdt = get_u32(bytes, 16) };

    if (root.revision >= 2) {
        /* A bad second half only costs the XSDT: the first half was sound. */
        const uint32_t whole = len_bytes >= ACPI_RSDP_V2_BYTES ? get_u32(bytes, 20) : 0;

        if (whole >= ACPI_RSDP_V2_BYTES && whole <= len_bytes && acpi_checksum_ok(bytes, whole)) {
            root.xsdt = get_u64(bytes, 24);
        }
    }
    if (root.rsdt == 0 && root.xsdt == 0) {
        return EXO_ERR_BAD_FORMAT;
    }
    *out = root;
    return EXO_OK;
}

exo_status_t acpi_rsdp_scan(const uint8_t *bytes, size_t len_bytes, size_t *offset)
{
    struct acpi_root root;

    for (size_t at = 0; at < len_bytes && len_bytes - at >= ACPI_RSDP_V1_BYTES; at += 16) {
        if (acpi_rsdp_parse(bytes + at, len_bytes - at, &root) == EXO_OK) {
            *offset = at;
            return EXO_OK;
        }
    }
    return EXO_ERR_NOT_FOUND;
}

exo_status_t acpi_header_parse(const uint8_t *bytes, size_t len_bytes, struct acpi_header *out)
{
    if (len_bytes < ACPI_HEADER_BYTES) {
        return EXO_ERR_BAD_FORMAT;
    }
    const uint32_t table_bytes = get_u32(bytes, 4);

    if (table_bytes < ACPI_HEADER_BYTES || table_bytes > ACPI_TABLE_BYTES_MAX) {
        return EXO_ERR_BAD_FORMAT;
    }
    for (size_t i = 0; i < 4; i++) {
        const bool printable = bytes[i] >= 0x20 && bytes[i] < 0x7f;

        out->signature[i] = printable ? (char)bytes[i] : '?';
    }
    out->signature[4] = '\0';
    out->len_bytes = table_bytes;
    out->revision = bytes[8];
    return EXO_OK;
}

size_t acpi_root_count(size_t len_bytes, size_t entry_bytes)
{
    return len_bytes < ACPI_HEADER_BYTES ? 0 : (len_bytes - ACPI_HEADER_BYTES) / entry_bytes;
}

uint64_t acpi_root_entry(const uint8_t *table, size_t index, size_t entry_bytes)
{
    const size_t at = ACPI_HEADER_BYTES + index * entry_bytes;

    return entry_bytes == 8 ? get_u64(table, at) : get_u32(table, at);
}

/* ---- FADT
 * ---------------------------------------------------------------------------------------- */

/* A generic address at `at`, or none if the table ends before it does. */
static struct acpi_gas gas_get(const uint8_t *table, size_t len_bytes, size_t at)
{
    struct acpi_gas gas = { 0 };

    if (at + 12 <= len_bytes) {
        gas.space = table[at];
        gas.bit_width = table[at + 1];
        gas.bit_offset = table[at + 2];
        gas.access_size = table[at + 3];
        gas.address = get_u64(table, at + 4);
    }
    return gas;
}

/* The extended address at `extended` if the table has one, else the old port number at `legacy`. */
static struct acpi_gas gas_or_port(const uint8_t *table, size_t len_bytes, size_t extended,
                                   size_t legacy, uint8_t bit_width)
{
    struct acpi_gas gas = gas_get(table, len_bytes, extended);

    if (gas.address == 0) {
        gas = (struct acpi_gas){ .space = ACPI_GAS_IO,
                                 .bit_width = bit_width,
                                 .address = get_u32(table, legacy) };
    }
    return gas;
}

exo_status_t acpi_fadt_parse(const uint8_t *table, size_t len_bytes, struct acpi_fadt *out)
{
    if (len_bytes < FADT_BYTES_V1) {
        return EXO_ERR_BAD_FORMAT;
    }
    const uint8_t revision = table[8];
    const uint32_t flags = get_u32(table, 112);
    /* Revision 1 has no boot flags: such machines are PCs with everything. */
    const uint16_t boot = revision >= 2 ? get_u16(table, 109) : FADT_BOOT_8042;
    const struct acpi_gas reset = gas_get(table, len_bytes, 116);

    *out = (struct acpi_fadt){
        .dsdt = len_bytes >= 148 ? get_u64(table, 140) : 0,
        .pm1a_control = gas_or_port(table, len_bytes, 172, 64, 16),
        .pm1b_control = gas_or_port(table, len_bytes, 184, 68, 16),
        .pm_timer = gas_or_port(table, len_bytes, 208, 76, PM_TIMER_WIDTH),
        .reset = reset,
        .smi_command = get_u32(table, 48),
        .sci_irq = get_u16(table, 46),
        .acpi_enable = table[52],
        .reset_value = len_bytes > 128 ? table[128] : 0,
        .century = table[108],
        .pm_timer_32bit = (flags & FADT_FLAG_TMR32) != 0,
        .reset_supported = (flags & FADT_FLAG_RESET) != 0 && reset.address != 0 && len_bytes > 128,
        .hardware_reduced = revision >= 5 && (flags & FADT_FLAG_HW_RED) != 0,
        .has_8042 = (boot & FADT_BOOT_8042) != 0,
        .has_vga = (boot & FADT_BOOT_NO_VGA) == 0,
        .has_rtc = (boot & FADT_BOOT_NO_RTC) == 0,
    };
    if (out->dsdt == 0) {
        out->dsdt = get_u32(table, 40);
    }
    return EXO_OK;
}

/* ---- HPET, MCFG
 * ---------------------------------------------------------------------------------- */

exo_status_t acpi_hpet_parse(const uint8_t *table, size_t len_bytes, struct acpi_hpet *out)
{
    if (len_bytes < HPET_BYTES || table[40] != ACPI_GAS_MEMORY || get_u64(table, 44) == 0) {
        return EXO_ERR_BAD_FORMAT;
    }
    *out = (struct acpi_hpet){ .address = get_u64(table, 44),
                               .number = table[52],
                               .min_tick = get_u16(table, 53) };
    return EXO_OK;
}

exo_status_t acpi_mcfg_parse(const uint8_t *table, size_t len_bytes, struct acpi_mcfg *out)
{
    if (len_bytes < MCFG_FIRST) {
        return EXO_ERR_BAD_FORMAT;
    }
    const size_t count = (len_bytes - MCFG_FIRST) / MCFG_ENTRY;

    out->count = 0;
    for (size_t i = 0; i < count && out->count < ACPI_MCFG_MAX; i++) {
        const size_t at = MCFG_FIRST + i * MCFG_ENTRY;
        const struct acpi_mcfg_range range = { .base = get_u64(table, at),
                                               .segment = get_u16(table, at + 8),
                                               .bus_first = table[at + 10],
                                               .bus_last = table[at + 11] };

        if (range.base != 0 && range.bus_first <= range.bus_last) {
            out->range[out->count++] = range;
        }
    }
    return EXO_OK;
}
