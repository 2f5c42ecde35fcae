/*
 * acpi_madt.c - the MADT: processors, I/O APICs, overrides, non-maskable interrupts.
 *
 * Invariants:
 *   (1) an entry is read only when its length byte covers the fields of its type and fits the
 *       table;
 *   (2) a length below 2 ends the walk: it could not go forward;
 *   (3) no two entries of out->cpu have the same apic_id.
 */
#include "acpi_bytes.h"
#include "acpi_parse.h"

#define MADT_FIRST     44u
#define MADT_PCAT      1u /* flags: there are two 8259s too */
#define MADT_ENABLED   1u
#define MADT_ONLINE    2u
#define MADT_ID_NONE_8 0xffu /* an xAPIC id that means "no processor" */

enum madt_type {
    MADT_LAPIC = 0,
    MADT_IOAPIC = 1,
    MADT_OVERRIDE = 2,
    MADT_NMI_SOURCE = 3,
    MADT_LAPIC_NMI = 4,
    MADT_LAPIC_ADDRESS = 5,
    MADT_X2APIC = 9,
    MADT_X2APIC_NMI = 10,
};

/* Shortest valid length of each type, 0 for those passed over. */
static const uint8_t g_madt_len[] = {
    [MADT_LAPIC] = 8,     [MADT_IOAPIC] = 12,        [MADT_OVERRIDE] = 10, [MADT_NMI_SOURCE] = 8,
    [MADT_LAPIC_NMI] = 6, [MADT_LAPIC_ADDRESS] = 12, [MADT_X2APIC] = 16,   [MADT_X2APIC_NMI] = 12,
};

/* Decode MPS INTI flags; "conforms to the bus" becomes what `bus_default` says. */
static struct acpi_line line_decode(uint16_t flags, struct acpi_line bus_default)
{
    const unsigned polarity = flags & 3u;
    const unsigned trigger = (flags >> 2) & 3u;

    return (struct acpi_line){
        .active_low = polarity == 0 ? bus_default.active_low : polarity == 3,
        .level = trigger == 0 ? bus_default.level : trigger == 3,
    };
}

static void cpu_add(struct acpi_madt *out, uint32_t apic_id, uint32_t uid, uint32_t flags)
{
    for (uint32_t i = 0; i < out->cpu_count; i++) {
        if (out->cpu[i].apic_id == apic_id) {
            /* Firmware lists a CPU as LAPIC and as x2APIC, or twice: whichever is enabled
             * counts. */
            out->cpu[i].enabled |= (flags & MADT_ENABLED) != 0;
            return;
        }
    }
    if (out->cpu_count == ACPI_CPUS_MAX) {
        out->dropped_count++;
        return;
    }
    out->cpu[out->cpu_count++] = (struct acpi_madt_cpu){
        .apic_id = apic_id,
        .uid = uid,
        .enabled = (flags & MADT_ENABLED) != 0,
        .online_capable = (flags & (MADT_ENABLED | MADT_ONLINE)) == MADT_ONLINE,
    };
}

static void ioapic_add(struct acpi_madt *out, const uint8_t *entry)
{
    if (out->ioapic_count == ACPI_IOAPICS_MAX || get_u32(entry, 4) == 0) {
        out->dropped_count++;
        return;
    }
    out->ioapic[out->ioapic_count++] = (struct acpi_madt_ioapic){ .id = entry[2],
                                                                  .address = get_u32(entry, 4),
                                                                  .gsi_base = get_u32(entry, 8) };
}

static void override_add(struct acpi_madt *out, const uint8_t *entry)
{
    const struct acpi_line isa = { 0 };

    if (out->override_count == ACPI_OVERRIDES_MAX || entry[2] != 0 || entry[3] > 15) {
        out->dropped_count++;
        return;
    }
    out->override[out->override_count++] = (struct acpi_madt_override){
        .isa_irq = entry[3], .gsi = get_u32(entry, 4), .line = line_decode(get_u16(entry, 8), isa)
    };
}

static void nmi_source_add(struct acpi_madt *out, const uint8_t *entry)
{
    const struct acpi_line edge_high = { 0 };

    if (out->nmi_source_count == ACPI_NMIS_MAX) {
        out->dropped_count++;
        return;
    }
    out->nmi_source[out->nmi_source_count++] =
        (struct acpi_madt_nmi_source){ .gsi = get_u32(entry, 4),
                                       .line = line_decode(get_u16(entry, 2), edge_high) };
}

static void local_nmi_add(struct acpi_madt *out, uint32_t uid, uint16_t flags, uint8_t lint)
{
    const struct acpi_line edge_high = { 0 };

    if (out->local_nmi_count == ACPI_NMIS_MAX || lint > 1) {
        out->dropped_count++;
        return;
    }
    out->local_nmi[out->local_nmi_count++] = (struct acpi_madt_local_nmi){
        .uid = uid, .lint = lint, .line = line_decode(flags, edge_high)
    };
}

/* Take in one entry whose length has been checked against its type. */
static void entry_add(struct acpi_madt *out, const uint8_t *entry)
{
    switch (entry[0]) {
    case MADT_LAPIC:
        if (entry[3] != MADT_ID_NONE_8) {
            cpu_add(out, entry[3], entry[2], get_u32(entry, 4));
        }
        break;
    case MADT_X2APIC:
        if (get_u32(entry, 4) != UINT32_MAX) {
            cpu_add(out, get_u32(entry, 4), get_u32(entry, 12), get_u32(entry, 8));
        }
        break;
    case MADT_IOAPIC:
        ioapic_add(out, entry);
        break;
    case MADT_OVERRIDE:
        override_add(out, entry);
        break;
    case MADT_NMI_SOURCE:
        nmi_source_add(out, entry);
        break;
    case MADT_LAPIC_NMI:
        local_nmi_add(out, entry[2] == 0xff ? ACPI_UID_ALL : entry[2], get_u16(entry, 3), entry[5]);
        break;
    case MADT_X2APIC_NMI:
        local_nmi_add(out, get_u32(entry, 4), get_u16(entry, 2), entry[8]);
        break;
    case MADT_LAPIC_ADDRESS:
        out->local_apic = get_u64(entry, 4);
        break;
    default:
        break; /* types of other machines, or newer than this kernel */
    }
}

exo_status_t acpi_madt_parse(const uint8_t *table, size_t len_bytes, struct acpi_madt *out)
{
    if (len_bytes < MADT_FIRST) {
        return EXO_ERR_BAD_FORMAT;
    }
    *out = (struct acpi_madt){ .local_apic = get_u32(table, 36),
                               .has_8259 = (get_u32(table, 40) & MADT_PCAT) != 0 };
    for (size_t at = MADT_FIRST; at + 2 <= len_bytes;) {
        const uint8_t *entry = table + at;
        const size_t entry_bytes = entry[1];

        if (entry_bytes < 2 || entry_bytes > len_bytes - at) {
            out->dropped_count++;
            break;
        }
        if (entry[0] < ARRAY_COUNT(g_madt_len) && entry_bytes < g_madt_len[entry[0]]) {
            out->dropped_count++;
        } else {
            entry_add(out, entry);
        }
        at += entry_bytes;
    }
    return EXO_OK;
}
