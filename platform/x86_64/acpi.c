/*
 * acpi.c - find the firmware's tables through the direct map and gather what they say.
 *
 * Invariants:
 *   (1) physical memory is read only below walk.direct_limit, by table_at(), which checks the whole
 *       length before anything beyond the header is touched;
 *   (2) g_facts is constant after acpi_init(), and facts.cpu[0] is the boot CPU whatever the tables
 *       say;
 *   (3) of several tables with one signature the first sound one counts, but every SSDT is
 *       searched.
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

struct table {
    const uint8_t *bytes;
    struct acpi_header header;
};

/* One reading of the tables: where facts go, and how far memory may be read. */
struct walk {
    struct acpi_facts *facts;
    uint64_t direct_limit;
};

/* Map a sound table at `paddr`: reachable, of sane length, checksum right. Reports what is not. */
static bool table_at(const struct walk *walk, paddr_t paddr, struct table *out)
{
    if (paddr == 0 || paddr >= walk->direct_limit ||
        walk->direct_limit - paddr < ACPI_HEADER_BYTES) {
        klog(KLOG_WARN, "acpi", "table out of reach paddr=0x%llx", (unsigned long long)paddr);
        return false;
    }
    out->bytes = hal_phys_to_virt(paddr);
    if (acpi_header_parse(out->bytes, ACPI_HEADER_BYTES, &out->header) != EXO_OK ||
        out->header.len_bytes > walk->direct_limit - paddr) {
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

static void s5_search(struct acpi_facts *facts, const struct table *table)
{
    if (!facts->has_s5) {
        facts->has_s5 = acpi_s5_find(table->bytes, table->header.len_bytes, &facts->s5) == EXO_OK;
    }
}

static void fadt_take(const struct walk *walk, const struct table *table)
{
    struct acpi_facts *facts = walk->facts;
    struct table dsdt;

    facts->has_fadt =
        parsed(acpi_fadt_parse(table->bytes, table->header.len_bytes, &facts->fadt), table);
    if (facts->has_fadt && table_at(walk, facts->fadt.dsdt, &dsdt)) {
        if (signature_is(&dsdt, "DSDT")) {
            s5_search(facts, &dsdt);
        } else {
            klog(KLOG_WARN, "acpi", "dsdt has another signature sig=%s", dsdt.header.signature);
        }
    }
}

static void table_take(const struct walk *walk, const struct table *table)
{
    struct acpi_facts *facts = walk->facts;
    const uint8_t *bytes = table->bytes;
    const size_t len = table->header.len_bytes;

    if (signature_is(table, "APIC") && !facts->has_madt) {
        facts->has_madt = parsed(acpi_madt_parse(bytes, len, &facts->madt), table);
        if (facts->madt.dropped_count != 0) {
            klog(KLOG_WARN, "acpi", "madt entries passed over count=%u", facts->madt.dropped_count);
        }
    } else if (signature_is(table, "FACP") && !facts->has_fadt) {
        fadt_take(walk, table);
    } else if (signature_is(table, "HPET") && !facts->has_hpet) {
        facts->has_hpet = parsed(acpi_hpet_parse(bytes, len, &facts->hpet), table);
    } else if (signature_is(table, "MCFG") && facts->mcfg.count == 0) {
        (void)parsed(acpi_mcfg_parse(bytes, len, &facts->mcfg), table);
    } else if (signature_is(table, "SRAT") && facts->srat.memory_count == 0) {
        (void)parsed(acpi_srat_parse(bytes, len, &facts->srat), table);
    } else if (signature_is(table, "SLIT") && facts->slit.count == 0) {
        (void)parsed(acpi_slit_parse(bytes, len, &facts->slit), table);
    } else if (signature_is(table, "SSDT")) {
        s5_search(facts, table);
    }
}

/* Walk the tables that an RSDT or XSDT names; false if it is itself unsound. */
static bool root_walk(const struct walk *walk, paddr_t paddr, size_t entry_bytes)
{
    struct table root;

    if (!table_at(walk, paddr, &root)) {
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

        if (table_at(walk, acpi_root_entry(root.bytes, i, entry_bytes), &table)) {
            klog(KLOG_DEBUG, "acpi", "table sig=%s len=%u rev=%u", table.header.signature,
                 table.header.len_bytes, table.header.revision);
            table_take(walk, &table);
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
static void cpus_number(struct acpi_facts *facts, uint32_t boot_apic_id)
{
    uint32_t left_off = 0;

    facts->cpu_count = 1;
    facts->cpu[0] = (struct acpi_madt_cpu){ .apic_id = boot_apic_id, .enabled = true };
    for (uint32_t i = 0; i < facts->madt.cpu_count; i++) {
        const struct acpi_madt_cpu *cpu = &facts->madt.cpu[i];

        if (cpu->apic_id == boot_apic_id) {
            facts->cpu[0].uid = cpu->uid;
        } else if (!cpu->enabled) {
            continue;
        } else if (facts->cpu_count == CPUS_MAX) {
            left_off++;
        } else {
            facts->cpu[facts->cpu_count++] = *cpu;
        }
    }
    if (left_off != 0) {
        klog(KLOG_WARN, "acpi", "more cpus than the kernel runs max=%u left_off=%u", CPUS_MAX,
             left_off);
    }
}

static void root_take(const struct walk *walk, const struct acpi_root *root)
{
    /* The XSDT is the newer list of the same tables; the RSDT serves where it is absent or
     * broken. */
    if ((root->xsdt == 0 || !root_walk(walk, root->xsdt, 8)) && root->rsdt != 0) {
        (void)root_walk(walk, root->rsdt, 4);
    }
}

void acpi_gather(struct acpi_facts *facts, const uint8_t *rsdp, size_t len_bytes,
                 uint64_t direct_limit, uint32_t boot_apic_id)
{
    const struct walk walk = { .facts = facts, .direct_limit = direct_limit };
    struct acpi_root root;

    if (acpi_rsdp_parse(rsdp, len_bytes, &root) == EXO_OK) {
        root_take(&walk, &root);
    } else {
        klog(KLOG_WARN, "acpi", "root pointer broken len=%zu", len_bytes);
    }
    cpus_number(facts, boot_apic_id);
}

void acpi_init_copy(const uint8_t *rsdp, size_t len_bytes, uint64_t direct_limit,
                    uint32_t boot_apic_id)
{
    acpi_gather(&g_facts, rsdp, len_bytes, direct_limit, boot_apic_id);
    klog(KLOG_INFO, "acpi", "tables read cpus=%u ioapics=%u fadt=%u hpet=%u mcfg=%u s5=%u",
         g_facts.cpu_count, g_facts.madt.ioapic_count, g_facts.has_fadt, g_facts.has_hpet,
         g_facts.mcfg.count, g_facts.has_s5);
}

void acpi_init(paddr_t rsdp, uint64_t direct_limit, uint32_t boot_apic_id)
{
    const paddr_t found = rsdp != 0 ? rsdp : rsdp_search();

    if (found == 0 || found >= direct_limit || direct_limit - found < ACPI_RSDP_V2_BYTES) {
        klog(KLOG_WARN, "acpi", "no root pointer: one cpu, no power-off");
        cpus_number(&g_facts, boot_apic_id);
        return;
    }
    acpi_init_copy(hal_phys_to_virt(found), ACPI_RSDP_V2_BYTES, direct_limit, boot_apic_id);
}

const struct acpi_facts *acpi_facts(void)
{
    return &g_facts;
}

void acpi_numa_tell(struct boot_numa *out)
{
    const uint32_t joined =
        acpi_numa_build(&g_facts.srat, &g_facts.slit, g_facts.cpu, g_facts.cpu_count, out);

    if (joined != 0 || g_facts.srat.dropped_count != 0) {
        klog(KLOG_WARN, "acpi", "srat ranges joined to node 0 count=%u entries passed over=%u",
             joined, g_facts.srat.dropped_count);
    }
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
