/*
 * test_acpi_srat.c - SRAT and SLIT, sound and malformed, and the nodes that are made of them.
 */
#include "exo_check.h"

#include "platform/x86_64/acpi_parse.h"

#include "table_bytes.h"

#define SRAT_FIRST 48u
#define SLIT_FIRST 44u
#define MIB        (1ull << 20)

static struct table_bytes g_table;
static struct acpi_srat g_srat;
static struct acpi_slit g_slit;
static struct boot_numa g_numa;

static size_t entry_append(uint8_t type, uint8_t len_bytes)
{
    static const uint8_t zeros[64];
    const size_t at = g_table.len_bytes;

    table_append(&g_table, zeros, len_bytes);
    g_table.bytes[at] = type;
    g_table.bytes[at + 1] = len_bytes;
    return at;
}

static void memory_append(uint32_t domain, uint64_t base, uint64_t len_bytes, uint32_t flags)
{
    const size_t at = entry_append(1, 40);

    table_put(&g_table, at + 2, domain, 4);
    table_put(&g_table, at + 8, base, 8);
    table_put(&g_table, at + 16, len_bytes, 8);
    table_put(&g_table, at + 28, flags, 4);
}

static void lapic_append(uint8_t apic_id, uint8_t domain, uint32_t flags)
{
    const size_t at = entry_append(0, 16);

    g_table.bytes[at + 2] = domain;
    g_table.bytes[at + 3] = apic_id;
    table_put(&g_table, at + 4, flags, 4);
}

static void x2apic_append(uint32_t apic_id, uint32_t domain)
{
    const size_t at = entry_append(2, 24);

    table_put(&g_table, at + 4, domain, 4);
    table_put(&g_table, at + 8, apic_id, 4);
    table_put(&g_table, at + 12, 1, 4);
}

static exo_status_t srat_parse(void)
{
    return acpi_srat_parse(g_table.bytes, g_table.len_bytes, &g_srat);
}

START_TEST(srat_gives_memory_and_processors)
{
    table_begin(&g_table, SRAT_FIRST);
    memory_append(7, 64 * MIB, 64 * MIB, 1);
    memory_append(3, 0, 64 * MIB, 1);
    memory_append(3, 256 * MIB, MIB, 0); /* not there */
    lapic_append(0, 3, 1);
    lapic_append(1, 7, 0); /* not there */
    x2apic_append(300, 7);
    ck_assert_int_eq(srat_parse(), EXO_OK);
    ck_assert_uint_eq(g_srat.memory_count, 2);
    ck_assert_uint_eq(g_srat.memory[0].domain, 7);
    ck_assert_uint_eq(g_srat.memory[0].base, 64 * MIB);
    ck_assert_uint_eq(g_srat.memory[0].end, 128 * MIB);
    ck_assert_uint_eq(g_srat.cpu_count, 2);
    ck_assert_uint_eq(g_srat.cpu[1].apic_id, 300);
    ck_assert_uint_eq(g_srat.dropped_count, 0);
}
END_TEST

START_TEST(srat_passes_over_what_is_malformed)
{
    ck_assert_int_eq(acpi_srat_parse(g_table.bytes, SRAT_FIRST - 1, &g_srat), EXO_ERR_BAD_FORMAT);
    table_begin(&g_table, SRAT_FIRST);
    memory_append(0, UINT64_MAX - MIB, 2 * MIB, 1); /* wraps round */
    (void)entry_append(1, 39);                      /* too short for its type */
    (void)entry_append(9, 5);                       /* of a newer kernel: no complaint */
    memory_append(0, 0, MIB, 1);
    ck_assert_int_eq(srat_parse(), EXO_OK);
    ck_assert_uint_eq(g_srat.memory_count, 1);
    ck_assert_uint_eq(g_srat.dropped_count, 2);
    g_table.bytes[entry_append(1, 40) + 1] = 0; /* would never go forward */
    ck_assert_int_eq(srat_parse(), EXO_OK);
    ck_assert_uint_eq(g_srat.dropped_count, 3);
    g_table.bytes[g_table.len_bytes - 40 + 1] = 41; /* beyond the end */
    ck_assert_int_eq(srat_parse(), EXO_OK);
    ck_assert_uint_eq(g_srat.memory_count, 1);
    ck_assert_uint_eq(g_srat.dropped_count, 3);
}
END_TEST

START_TEST(slit_is_read_or_refused_whole)
{
    table_begin(&g_table, SLIT_FIRST + 4);
    table_put(&g_table, 36, 2, 8);
    table_put(&g_table, SLIT_FIRST, 0x0a15150a, 4);
    ck_assert_int_eq(acpi_slit_parse(g_table.bytes, g_table.len_bytes, &g_slit), EXO_OK);
    ck_assert_uint_eq(g_slit.count, 2);
    ck_assert_uint_eq(g_slit.distance[0][1], 0x15);
    ck_assert_int_eq(acpi_slit_parse(g_table.bytes, g_table.len_bytes - 1, &g_slit),
                     EXO_ERR_BAD_FORMAT);
    table_put(&g_table, 36, 1ull << 32, 8); /* its square is 0 in 64 bits */
    ck_assert_int_eq(acpi_slit_parse(g_table.bytes, g_table.len_bytes, &g_slit),
                     EXO_ERR_BAD_FORMAT);
    table_put(&g_table, 36, 0, 8);
    ck_assert_int_eq(acpi_slit_parse(g_table.bytes, g_table.len_bytes, &g_slit),
                     EXO_ERR_BAD_FORMAT);
}
END_TEST

START_TEST(numa_is_sorted_and_without_overlap)
{
    static const struct acpi_madt_cpu cpu[] = { { .apic_id = 300 }, { .apic_id = 0 } };

    table_begin(&g_table, SRAT_FIRST);
    memory_append(1, 64 * MIB, 64 * MIB, 1);
    memory_append(0, 0, 80 * MIB, 1); /* claims a part of the other's */
    lapic_append(0, 0, 1);
    x2apic_append(300, 1);
    ck_assert_int_eq(srat_parse(), EXO_OK);
    g_slit = (struct acpi_slit){ .count = 2, .distance = { { 10, 31 }, { 32, 10 } } };
    ck_assert_uint_eq(acpi_numa_build(&g_srat, &g_slit, cpu, 2, &g_numa), 0);
    ck_assert_uint_eq(g_numa.node_count, 2);
    ck_assert_uint_eq(g_numa.range_count, 2);
    ck_assert_uint_eq(g_numa.range[0].base, 0);
    ck_assert_uint_eq(g_numa.range[0].end, 64 * MIB);
    ck_assert_uint_eq(g_numa.range[0].node, 1); /* domain 1 came first in the table */
    ck_assert_uint_eq(g_numa.range[1].node, 0);
    ck_assert_uint_eq(g_numa.cpu_node[0], 0); /* APIC id 300, domain 1, node 0 */
    ck_assert_uint_eq(g_numa.cpu_node[1], 1);
    ck_assert_uint_eq(g_numa.distance[0][1], 32); /* from domain 1 to domain 0 */
}
END_TEST

START_TEST(numa_joins_surplus_nodes)
{
    table_begin(&g_table, SRAT_FIRST);
    for (uint32_t i = 0; i < BOOT_NODES_MAX + 2; i++) {
        memory_append(i, i * MIB, MIB, 1);
    }
    ck_assert_int_eq(srat_parse(), EXO_OK);
    ck_assert_uint_eq(acpi_numa_build(&g_srat, &g_slit, NULL, 0, &g_numa), 2);
    ck_assert_uint_eq(g_numa.node_count, BOOT_NODES_MAX);
    ck_assert_uint_eq(g_numa.range[BOOT_NODES_MAX].node, 0);
}
END_TEST

EXO_SUITE(acpi_srat, EXO_TEST(srat_gives_memory_and_processors),
          EXO_TEST(srat_passes_over_what_is_malformed), EXO_TEST(slit_is_read_or_refused_whole),
          EXO_TEST(numa_is_sorted_and_without_overlap), EXO_TEST(numa_joins_surplus_nodes))
