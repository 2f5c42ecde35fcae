/*
 * ioapic.c - I/O APICs: redirection entries.
 *
 * Invariants:
 *   (1) index and data register of one I/O APIC are used under g_lock;
 *   (2) an entry is written masked and high half first, so that no interrupt sees half of it.
 */
#include "ioapic.h"

#include "exo/debug/log.h"
#include "exo/sync/spinlock.h"

#include "acpi.h"
#include "io.h"
#include "mmio.h"

#define REG_SELECT        0x00u
#define REG_WINDOW        0x10u
#define IOAPIC_MMIO_BYTES 0x20u

#define INDEX_VERSION 1u
#define INDEX_ENTRY   0x10u /* two words an entry: low, high */

#define ENTRY_NMI        (4u << 8)
#define ENTRY_ACTIVE_LOW (1u << 13)
#define ENTRY_LEVEL      (1u << 15)
#define ENTRY_MASKED     (1u << 16)
#define APIC_ID_MAX      254u /* the destination field has eight bits */

struct ioapic {
    volatile void *base;
    uint32_t gsi_base;
    uint32_t lines;
};

static struct ioapic g_ioapic[ACPI_IOAPICS_MAX]; /* [c] after ioapic_init() */
static uint32_t g_count;
static struct spinlock g_lock = SPINLOCK_INIT(RANK_PLATFORM_IRQ);

static uint32_t reg_read(const struct ioapic *io, uint32_t index)
{
    mmio_write32(io->base, REG_SELECT, index);
    return mmio_read32(io->base, REG_WINDOW);
}

static void reg_write(const struct ioapic *io, uint32_t index, uint32_t value)
{
    mmio_write32(io->base, REG_SELECT, index);
    mmio_write32(io->base, REG_WINDOW, value);
}

static void entry_write(const struct ioapic *io, uint32_t line, uint32_t low, uint32_t high)
{
    reg_write(io, INDEX_ENTRY + 2 * line, ENTRY_MASKED);
    reg_write(io, INDEX_ENTRY + 2 * line + 1, high);
    reg_write(io, INDEX_ENTRY + 2 * line, low);
}

static const struct ioapic *ioapic_of(uint32_t gsi)
{
    for (uint32_t i = 0; i < g_count; i++) {
        if (gsi >= g_ioapic[i].gsi_base && gsi - g_ioapic[i].gsi_base < g_ioapic[i].lines) {
            return &g_ioapic[i];
        }
    }
    return NULL;
}

static uint32_t line_bits(struct acpi_line line)
{
    return (line.active_low ? ENTRY_ACTIVE_LOW : 0) | (line.level ? ENTRY_LEVEL : 0);
}

static void ioapic_add(const struct acpi_madt_ioapic *entry)
{
    struct ioapic *io = &g_ioapic[g_count];

    io->base = mmio_map(entry->address, IOAPIC_MMIO_BYTES);
    if (io->base == NULL) {
        klog(KLOG_ERROR, "ioapic", "no room to map id=%u", entry->id);
        return;
    }
    const uint32_t version = reg_read(io, INDEX_VERSION);

    if (version == UINT32_MAX || version == 0) {
        klog(KLOG_WARN, "ioapic", "does not answer id=%u paddr=0x%llx", entry->id,
             (unsigned long long)entry->address);
        return;
    }
    io->gsi_base = entry->gsi_base;
    io->lines = ((version >> 16) & 0xff) + 1;
    for (uint32_t line = 0; line < io->lines; line++) {
        entry_write(io, line, ENTRY_MASKED, 0);
    }
    g_count++;
    klog(KLOG_INFO, "ioapic", "found id=%u gsi=%u lines=%u", entry->id, io->gsi_base, io->lines);
}

void ioapic_init(void)
{
    const struct acpi_facts *facts = acpi_facts();

    for (uint32_t i = 0; i < facts->madt.ioapic_count; i++) {
        ioapic_add(&facts->madt.ioapic[i]);
    }
    for (uint32_t i = 0; i < facts->madt.nmi_source_count; i++) {
        const struct acpi_madt_nmi_source *nmi = &facts->madt.nmi_source[i];
        const struct ioapic *io = ioapic_of(nmi->gsi);

        if (io != NULL) {
            entry_write(io, nmi->gsi - io->gsi_base, ENTRY_NMI | line_bits(nmi->line),
                        facts->cpu[0].apic_id << 24);
        }
    }
    if (g_count == 0) {
        klog(KLOG_WARN, "ioapic", "none found: the 8259 serves ISA lines");
    }
}

uint32_t ioapic_count(void)
{
    return g_count;
}

exo_status_t ioapic_route(uint32_t gsi, struct acpi_line line, uint8_t vector, uint32_t apic_id)
{
    const struct ioapic *io = ioapic_of(gsi);

    if (io == NULL) {
        return EXO_ERR_NOT_FOUND;
    }
    if (apic_id > APIC_ID_MAX) {
        return EXO_ERR_INVALID;
    }
    const hal_irq_t irq = spin_lock_irq(&g_lock);

    entry_write(io, gsi - io->gsi_base, line_bits(line) | vector, apic_id << 24);
    spin_unlock_irq(&g_lock, irq);
    return EXO_OK;
}

exo_status_t ioapic_route_isa(uint8_t isa_irq, uint8_t vector, uint32_t apic_id)
{
    struct acpi_line line;
    const uint32_t gsi = acpi_isa_gsi(isa_irq, &line);

    return ioapic_route(gsi, line, vector, apic_id);
}

void ioapic_mask(uint32_t gsi, bool masked)
{
    const struct ioapic *io = ioapic_of(gsi);

    if (io == NULL) {
        return;
    }
    const hal_irq_t irq = spin_lock_irq(&g_lock);
    const uint32_t index = INDEX_ENTRY + 2 * (gsi - io->gsi_base);
    const uint32_t low = reg_read(io, index);

    reg_write(io, index, masked ? low | ENTRY_MASKED : low & ~ENTRY_MASKED);
    spin_unlock_irq(&g_lock, irq);
}
