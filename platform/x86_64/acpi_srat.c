/*
 * acpi_srat.c - SRAT and SLIT: which memory and which processors are near each other, and how far
 * the groups are apart.
 *
 * Invariants:
 *   (1) an entry is read only when its length byte covers the fields of its type and fits the
 *       table;
 *   (2) a length below 2 ends the walk: it could not go forward;
 *   (3) what acpi_numa_build() gives has sorted, disjoint ranges and nodes below node_count.
 */
#include "acpi_bytes.h"
#include "acpi_parse.h"

#define SRAT_FIRST   48u /* after the header, a revision word and eight reserved bytes */
#define SRAT_ENABLED 1u
#define SLIT_FIRST   44u
#define SLIT_NEAREST 10u
#define SLIT_NEVER   255u

enum srat_type {
    SRAT_LAPIC = 0,
    SRAT_MEMORY = 1,
    SRAT_X2APIC = 2,
};

/* Shortest valid length of each type. */
static const uint8_t g_srat_len[] = {
    [SRAT_LAPIC] = 16,
    [SRAT_MEMORY] = 40,
    [SRAT_X2APIC] = 24,
};

static void memory_add(struct acpi_srat *out, const uint8_t *entry)
{
    const uint64_t base = get_u64(entry, 8);
    const uint64_t len_bytes = get_u64(entry, 16);

    if ((get_u32(entry, 28) & SRAT_ENABLED) == 0 || len_bytes == 0) {
        return; /* a slot without memory */
    }
    if (base + len_bytes < base || out->memory_count == ACPI_SRAT_MEMORY_MAX) {
        out->dropped_count++;
        return;
    }
    out->memory[out->memory_count++] = (struct acpi_srat_memory){ .base = base,
                                                                  .end = base + len_bytes,
                                                                  .domain = get_u32(entry, 2) };
}

static void cpu_add(struct acpi_srat *out, uint32_t apic_id, uint32_t domain, uint32_t flags)
{
    if ((flags & SRAT_ENABLED) == 0) {
        return;
    }
    if (out->cpu_count == ACPI_CPUS_MAX) {
        out->dropped_count++;
        return;
    }
    out->cpu[out->cpu_count++] = (struct acpi_srat_cpu){ .apic_id = apic_id, .domain = domain };
}

static void entry_add(struct acpi_srat *out, const uint8_t *entry)
{
    switch (entry[0]) {
    case SRAT_LAPIC: /* the domain's upper bytes stand elsewhere */
        cpu_add(out, entry[3], entry[2] | get_u32(entry, 8) >> 8 << 8, get_u32(entry, 4));
        break;
    case SRAT_MEMORY:
        memory_add(out, entry);
        break;
    case SRAT_X2APIC:
        cpu_add(out, get_u32(entry, 8), get_u32(entry, 4), get_u32(entry, 12));
        break;
    default:
        break; /* generic initiators, other machines' processors */
    }
}

exo_status_t acpi_srat_parse(const uint8_t *table, size_t len_bytes, struct acpi_srat *out)
{
    if (len_bytes < SRAT_FIRST) {
        return EXO_ERR_BAD_FORMAT;
    }
    *out = (struct acpi_srat){ 0 };
    for (size_t at = SRAT_FIRST; at + 2 <= len_bytes;) {
        const uint8_t *const entry = table + at;
        const size_t entry_bytes = entry[1];

        if (entry_bytes < 2 || entry_bytes > len_bytes - at) {
            out->dropped_count++;
            break;
        }
        if (entry[0] < ARRAY_COUNT(g_srat_len) && entry_bytes < g_srat_len[entry[0]]) {
            out->dropped_count++;
        } else {
            entry_add(out, entry);
        }
        at += entry_bytes;
    }
    return EXO_OK;
}

exo_status_t acpi_slit_parse(const uint8_t *table, size_t len_bytes, struct acpi_slit *out)
{
    const uint64_t count = len_bytes < SLIT_FIRST ? 0 : get_u64(table, 36);

    if (count == 0 || count > len_bytes || count * count > len_bytes - SLIT_FIRST) {
        return EXO_ERR_BAD_FORMAT;
    }
    *out = (struct acpi_slit){ .count = (uint32_t)min_u64(count, ACPI_DOMAINS_MAX) };
    for (uint32_t from = 0; from < out->count; from++) {
        for (uint32_t to = 0; to < out->count; to++) {
            const uint8_t told = table[SLIT_FIRST + from * count + to];

            out->distance[from][to] = told < SLIT_NEAREST ? SLIT_NEVER : told;
        }
    }
    return EXO_OK;
}

/* The node's number of a domain, new ones at the end; BOOT_NODES_MAX if there are too many. */
static uint32_t node_number(struct boot_numa *numa, uint32_t *domain, uint32_t wanted)
{
    uint32_t node = 0;

    while (node < numa->node_count && domain[node] != wanted) {
        node++;
    }
    if (node == numa->node_count && node < BOOT_NODES_MAX) {
        domain[numa->node_count++] = wanted;
    }
    return node;
}

/* Insert by base. What overlaps the range before or behind is cut to the part that is new. */
static void range_insert(struct boot_numa *numa, struct boot_node_range range)
{
    uint32_t at = numa->range_count;

    while (at > 0 && numa->range[at - 1].base > range.base) {
        at--;
    }
    if (at > 0) {
        range.base = max_u64(range.base, numa->range[at - 1].end);
    }
    if (at < numa->range_count) {
        range.end = min_u64(range.end, numa->range[at].base);
    }
    if (range.base >= range.end || numa->range_count == BOOT_NODE_RANGES_MAX) {
        return;
    }
    for (uint32_t i = numa->range_count; i > at; i--) {
        numa->range[i] = numa->range[i - 1];
    }
    numa->range[at] = range;
    numa->range_count++;
}

static uint32_t cpu_domain_node(const struct acpi_srat *srat, const struct boot_numa *numa,
                                const uint32_t *domain, uint32_t apic_id)
{
    for (uint32_t i = 0; i < srat->cpu_count; i++) {
        for (uint32_t node = 0; node < numa->node_count; node++) {
            if (srat->cpu[i].apic_id == apic_id && srat->cpu[i].domain == domain[node]) {
                return node;
            }
        }
    }
    return 0;
}

static void distances_take(const struct acpi_slit *slit, const uint32_t *domain,
                           struct boot_numa *out)
{
    for (uint32_t from = 0; from < out->node_count; from++) {
        for (uint32_t to = 0; to < out->node_count; to++) {
            if (domain[from] < slit->count && domain[to] < slit->count) {
                out->distance[from][to] = slit->distance[domain[from]][domain[to]];
            }
        }
    }
}

uint32_t acpi_numa_build(const struct acpi_srat *srat, const struct acpi_slit *slit,
                         const struct acpi_madt_cpu *cpu, uint32_t cpu_count, struct boot_numa *out)
{
    uint32_t domain[BOOT_NODES_MAX] = { 0 };
    uint32_t joined = 0;

    *out = (struct boot_numa){ 0 };
    for (uint32_t i = 0; i < srat->memory_count; i++) {
        const struct acpi_srat_memory *const memory = &srat->memory[i];
        uint32_t node = node_number(out, domain, memory->domain);

        joined += node == BOOT_NODES_MAX;
        node = node == BOOT_NODES_MAX ? 0 : node;
        /* Inwards to whole pages: the page on a border is the first node's. */
        range_insert(out, (struct boot_node_range){ .base = align_up(memory->base, PAGE_SIZE),
                                                    .end = align_down(memory->end, PAGE_SIZE),
                                                    .node = node });
    }
    for (uint32_t i = 0; i < cpu_count && i < CPUS_MAX; i++) {
        out->cpu_node[i] = (uint8_t)cpu_domain_node(srat, out, domain, cpu[i].apic_id);
    }
    distances_take(slit, domain, out);
    return joined;
}
