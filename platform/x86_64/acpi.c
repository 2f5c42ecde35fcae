/*
 * acpi.c - find the firmware's tables through the direct map and gather what they say.
 *
 * Invariants:
 *   (1) physical memory is read only below g_direct_limit, by table_at(), which checks the whole length
 *       before anything beyond the header is touched;
 *   (2) g_facts is constant after acpi_init(), and facts.cpu[0] is the boot CPU whatever the tables say;
 *   (3) of several tables with one signature the first sound one counts, but every SSDT is searched.
 */
#include "acpi.h"

#include "exo/debug/log.h"
#include "exo/hal.h"

#include "acpi_bytes.h"

#define BDA_EBDA_SEGMENT 0x40eu /* BIOS data area: real-mode segment of the EBDA */
#define EBDA_BYTES       1024u
#define BIOS_START       0xe0000u
#define BIOS_BYTES       0x20000u
#define EBDA_LOWEST      0x80000u
#define LOW_MEMORY_END   0xa0000u
#define ROOT_ENTRIES_MAX 256u

static struct acpi_facts g_facts;
static uint64_t g_direct_limit;

struct table {
    const uint8_t *bytes;
    struct acpi_header header;
};

/* Map a sound table at `paddr`: reachable, of sane length, checksum right. Reports what is not. */
static bool table_at(paddr_t paddr, struct table *out)
{
    if (paddr == 0 || paddr >= g_direct_limit || g_direct_limit - paddr < ACPI_HEADER_BYTES) {
        klog(KLOG_WARN, "acpi", "table out of reach paddr=0x%llx", (unsigned long long)paddr);
        return false;
    }
    out->bytes = hal_phys_to_virt(paddr);
    if (acpi_header_parse(out->bytes, ACPI_HEADER_BYTES, &out->header) != EXO_OK ||
        out->header.len_bytes > g_direct_limit - paddr) {
        klog(KLOG_WARN, "acpi", "table length bad paddr=0x%llx", (unsigned long long)paddr);
        return false;
    }
    if (!acpi_checksum_ok(out->bytes, out->header.len_bytes)) {
        klog(KLOG_WARN, "acpi", "table checksum bad sig=%s len=%u", out->header.signature,
             out->header.len_bytes);
        return false;
    }
    return true;
}

static bool signature_is(const struct table *table, const char *signature)
{
    for (size_t i = 0; i < 4; i++) {
        if (table->header.signature[i] != signature[i]) {
            return false;
        }
    }
    return true;
}

/* Note a table that passed its checksum but makes no sense inside. */
static bool parsed(exo_status_t status, const struct table *table)
{
    if (status != EXO_OK) {
        klog(KLOG_WARN, "acpi", "table malformed sig=%s len=%u", table->header.signature,
             table->header.len_bytes);
    }
    return status == EXO_OK;
}

static void s5_search(const struct table *table)
{
    if (!g_facts.has_s5) {
        g_facts.has_s5 = acpi_s5_find(table->bytes, table->header.len_bytes, &g_facts.s5) == EXO_OK;
    }
}

static void fadt_take(const struct table *table)
{
    struct table dsdt;

    g_facts.has_fadt =
        parsed(acpi_fadt_parse(table->bytes, table->header.len_bytes, &g_facts.fadt), table);
    if (g_facts.has_fadt && table_at(g_facts.fadt.dsdt, &dsdt)) {
        if (signature_is(&dsdt, "DSDT")) {
            s5_search(&dsdt);
        } else {
            klog(KLOG_WARN, "acpi", "dsdt has another signature sig=%s", dsdt.header.signature);
        }
    }
}

static void table_take(const struct table *table)
{
    const uint8_t *bytes = table->bytes;
    const size_t len = table->header.len_bytes;

    if (signature_is(table, "APIC") && !g_facts.has_madt) {
        g_facts.has_madt = parsed(acpi_madt_parse(bytes, len, &g_facts.madt), table);
        if (g_facts.madt.dropped_count != 0) {
            klog(KLOG_WARN, "acpi", "madt entries passed over count=%u",
                 g_facts.madt.dropped_count);
        }
    } else if (signature_is(table, "FACP") && !g_facts.has_fadt) {
        fadt_take(table);
    } else if (signature_is(table, "HPET") && !g_facts.has_hpet) {
        g_facts.has_hpet = parsed(acpi_hpet_parse(bytes, len, &g_facts.hpet), table);
    } else if (signature_is(table, "MCFG") && g_facts.mcfg.count == 0) {
        (void)parsed(acpi_mcfg_parse(bytes, len, &g_facts.mcfg), table);
    } else if (signature_is(table, "SSDT")) {
        s5_search(table);
    }
}

/* Walk the tables that an RSDT or XSDT names; false if it is itself unsound. */
static bool root_walk(paddr_t paddr, size_t entry_bytes)
{
    struct table root;

    if (!table_at(paddr, &root)) {
        return false;
    }
    if (!signature_is(&root, entry_bytes == 8 ? "XSDT" : "RSDT")) {
        klog(KLOG_WARN, "acpi", "root table has another signature sig=%s", root.header.signature);
        return false;
    }
    const size_t count = acpi_root_count(root.header.len_bytes, entry_bytes);

    if (count > ROOT_ENTRIES_MAX) {
        klog(KLOG_WARN, "acpi", "root table cut entries=%zu", count);
    }
    for (size_t i = 0; i < count && i < ROOT_ENTRIES_MAX; i++) {
        struct table table;

        if (table_at(acpi_root_entry(root.bytes, i, entry_bytes), &table)) {
            klog(KLOG_DEBUG, "acpi", "table sig=%s len=%u rev=%u", table.header.signature,
                 table.header.len_bytes, table.header.revision);
            table_take(&table);
        }
    }
    return true;
}

/* Look for the root pointer where a BIOS puts it. */
static paddr_t rsdp_search(void)
{
    const uint8_t *low = hal_phys_to_virt(0);
    const paddr_t ebda = (paddr_t)get_u16(low, BDA_EBDA_SEGMENT) << 4;
    size_t offset = 0;

    if (ebda >= EBDA_LOWEST && ebda <= LOW_MEMORY_END - EBDA_BYTES &&
        acpi_rsdp_scan(low + ebda, EBDA_BYTES, &offset) == EXO_OK) {
        return ebda + offset;
    }
    if (acpi_rsdp_scan(low + BIOS_START, BIOS_BYTES, &offset) == EXO_OK) {
        return BIOS_START + offset;
    }
    return 0;
}

/* Number the CPUs: the boot CPU first, then the enabled ones in table order, up to CPUS_MAX. */
static void cpus_number(uint32_t boot_apic_id)
{
    uint32_t left_off = 0;

    g_facts.cpu_count = 1;
    g_facts.cpu[0] = (struct acpi_madt_cpu){ .apic_id = boot_apic_id, .enabled = true };
    for (uint32_t i = 0; i < g_facts.madt.cpu_count; i++) {
        const struct acpi_madt_cpu *cpu = &g_facts.madt.cpu[i];

        if (cpu->apic_id == boot_apic_id) {
            g_facts.cpu[0].uid = cpu->uid;
        } else if (!cpu->enabled) {
            continue;
        } else if (g_facts.cpu_count == CPUS_MAX) {
            left_off++;
        } else {
            g_facts.cpu[g_facts.cpu_count++] = *cpu;
        }
    }
    if (left_off != 0) {
        klog(KLOG_WARN, "acpi", "more cpus than the kernel runs max=%u left_off=%u", CPUS_MAX,
             left_off);
    }
}

static void root_take(const struct acpi_root *root)
{
    /* The XSDT is the newer list of the same tables; the RSDT serves where it is absent or broken. */
    if ((root->xsdt == 0 || !root_walk(root->xsdt, 8)) && root->rsdt != 0) {
        (void)root_walk(root->rsdt, 4);
    }
}

void acpi_init_copy(const uint8_t *rsdp, size_t len_bytes, uint64_t direct_limit,
                    uint32_t boot_apic_id)
{
    struct acpi_root root;

    g_direct_limit = direct_limit;
    if (acpi_rsdp_parse(rsdp, len_bytes, &root) == EXO_OK) {
        root_take(&root);
    } else {
        klog(KLOG_WARN, "acpi", "root pointer broken len=%zu", len_bytes);
    }
    cpus_number(boot_apic_id);
    klog(KLOG_INFO, "acpi", "tables read cpus=%u ioapics=%u fadt=%u hpet=%u mcfg=%u s5=%u",
         g_facts.cpu_count, g_facts.madt.ioapic_count, g_facts.has_fadt, g_facts.has_hpet,
         g_facts.mcfg.count, g_facts.has_s5);
}

void acpi_init(paddr_t rsdp, uint64_t direct_limit, uint32_t boot_apic_id)
{
    const paddr_t found = rsdp != 0 ? rsdp : rsdp_search();

    g_direct_limit = direct_limit;
    if (found == 0 || found >= direct_limit || direct_limit - found < ACPI_RSDP_V2_BYTES) {
        klog(KLOG_WARN, "acpi", "no root pointer: one cpu, no power-off");
        cpus_number(boot_apic_id);
        return;
    }
    acpi_init_copy(hal_phys_to_virt(found), ACPI_RSDP_V2_BYTES, direct_limit, boot_apic_id);
}

const struct acpi_facts *acpi_facts(void)
{
    return &g_facts;
}

uint32_t acpi_isa_gsi(uint8_t isa_irq, struct acpi_line *line)
{
    for (uint32_t i = 0; i < g_facts.madt.override_count; i++) {
        if (g_facts.madt.override[i].isa_irq == isa_irq) {
            *line = g_facts.madt.override[i].line;
            return g_facts.madt.override[i].gsi;
        }
    }
    *line = (struct acpi_line){ 0 }; /* ISA lines are edge, active high */
    return isa_irq;
}
