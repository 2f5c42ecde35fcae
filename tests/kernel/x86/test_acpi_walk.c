/*
 * test_acpi_walk.c - walking tables in memory: sound ones count, broken ones cost themselves only.
 *
 * The tables stand in one frame, at the offsets below; XSDT and RSDT name the same ones.
 */
#include "exo_check.h"

#include "exo/hal.h"
#include "exo/lib/string.h"
#include "exo/mem/phys.h"

#include "platform/x86_64/acpi.h"

#include "table_bytes.h"

#define AT_XSDT 0x000u
#define AT_RSDT 0x080u
#define AT_MADT 0x100u
#define AT_FADT 0x200u
#define AT_DSDT 0x300u
#define AT_HPET 0x400u
#define BOOT_ID 7u

static struct table_bytes g_page;
static struct table_bytes g_rsdp;
static struct acpi_facts g_facts;
static paddr_t g_base;

static void header_put(size_t at, const char *signature, size_t len_bytes)
{
    table_text(&g_page, at, signature);
    table_put(&g_page, at + 4, len_bytes, 4);
}

/* Make the checksum of the table at `at` right. */
static void sum_put(size_t at)
{
    const size_t len = g_page.bytes[at + 4] | (size_t)g_page.bytes[at + 5] << 8;
    uint8_t sum = 0;

    g_page.bytes[at + 9] = 0;
    for (size_t i = 0; i < len; i++) {
        sum = (uint8_t)(sum + g_page.bytes[at + i]);
    }
    g_page.bytes[at + 9] = (uint8_t)-sum;
}

static void cpu_put(size_t at, uint8_t apic_id, uint8_t enabled)
{
    table_put(&g_page, at, 0 | 8u << 8, 2);
    g_page.bytes[at + 3] = apic_id;
    g_page.bytes[at + 4] = enabled;
}

/* A whole sound machine: CPUs 3, 7 (that boots) and 9, of which 9 is off; S5 is 5. */
static void machine_make(void)
{
    static const uint8_t s5[] = { 0x08, '_', 'S', '5', '_', 0x12, 6, 2, 0x0a, 5, 0x0a, 5 };

    /* An RSDT names its tables by 32 bits. */
    const struct phys_spec below_4g = {
        .frame_count = 1, .align_frames = 1, .limit = 1ull << 32, .node = PHYS_NODE_ANY
    };

    ck_assert_int_eq(phys_alloc_spec(&below_4g, &g_base), EXO_OK);
    table_begin(&g_page, PAGE_SIZE);
    header_put(AT_XSDT, "XSDT", 36 + 3 * 8);
    header_put(AT_RSDT, "RSDT", 36 + 3 * 4);
    for (size_t i = 0; i < 3; i++) {
        static const uint32_t at[] = { AT_MADT, AT_FADT, AT_HPET };

        table_put(&g_page, AT_XSDT + 36 + i * 8, g_base + at[i], 8);
        table_put(&g_page, AT_RSDT + 36 + i * 4, g_base + at[i], 4);
    }
    header_put(AT_MADT, "APIC", 44 + 3 * 8);
    cpu_put(AT_MADT + 44, 3, 1);
    cpu_put(AT_MADT + 52, BOOT_ID, 1);
    cpu_put(AT_MADT + 60, 9, 0);
    header_put(AT_FADT, "FACP", 116);
    table_put(&g_page, AT_FADT + 40, g_base + AT_DSDT, 4);
    header_put(AT_DSDT, "DSDT", 37 + sizeof(s5));
    for (size_t i = 0; i < sizeof(s5); i++) {
        g_page.bytes[AT_DSDT + 37 + i] = s5[i];
    }
    header_put(AT_HPET, "HPET", 56);
    table_put(&g_page, AT_HPET + 44, 0xfed00000, 8);
    static const uint32_t sums[] = { AT_XSDT, AT_RSDT, AT_MADT, AT_FADT, AT_DSDT, AT_HPET };

    for (size_t i = 0; i < ARRAY_COUNT(sums); i++) {
        sum_put(sums[i]);
    }
    table_begin(&g_rsdp, ACPI_RSDP_V2_BYTES);
    table_text(&g_rsdp, 0, "RSD PTR ");
    table_put(&g_rsdp, 15, 2, 1);
    table_put(&g_rsdp, 16, g_base + AT_RSDT, 4);
    table_put(&g_rsdp, 20, ACPI_RSDP_V2_BYTES, 4);
    table_put(&g_rsdp, 24, g_base + AT_XSDT, 8);
    table_checksum(&g_rsdp, 8, ACPI_RSDP_V1_BYTES);
    table_checksum(&g_rsdp, 32, ACPI_RSDP_V2_BYTES);
}

/* Put the page into memory and gather from it; [0, limit) can be read. */
static void gather(uint64_t limit)
{
    memcpy(hal_phys_to_virt(g_base), g_page.bytes, PAGE_SIZE);
    memset(&g_facts, 0, sizeof(g_facts));
    acpi_gather(&g_facts, g_rsdp.bytes, g_rsdp.len_bytes, limit, BOOT_ID);
}

static void machine_free(void)
{
    phys_free(g_base, 1);
}

START_TEST(sound_tables_are_all_taken)
{
    machine_make();
    gather(g_base + PAGE_SIZE);
    machine_free();
    ck_assert(g_facts.has_madt && g_facts.has_fadt && g_facts.has_hpet && g_facts.has_s5);
    ck_assert_uint_eq(g_facts.s5.type_a, 5);
    ck_assert_uint_eq(g_facts.cpu_count, 2); /* the boot CPU first, 9 is off */
    ck_assert_uint_eq(g_facts.cpu[0].apic_id, BOOT_ID);
    ck_assert_uint_eq(g_facts.cpu[1].apic_id, 3);
}
END_TEST

START_TEST(table_with_bad_checksum_costs_itself_only)
{
    machine_make();
    g_page.bytes[AT_MADT + 50] ^= 1;
    gather(g_base + PAGE_SIZE);
    machine_free();
    ck_assert(!g_facts.has_madt);
    ck_assert(g_facts.has_fadt && g_facts.has_hpet && g_facts.has_s5);
    ck_assert_uint_eq(g_facts.cpu_count, 1);
    ck_assert_uint_eq(g_facts.cpu[0].apic_id, BOOT_ID);
}
END_TEST

START_TEST(broken_xsdt_gives_way_to_the_rsdt)
{
    machine_make();
    g_page.bytes[AT_XSDT + 9] ^= 1;
    gather(g_base + PAGE_SIZE);
    ck_assert(g_facts.has_madt && g_facts.has_hpet);
    g_page.bytes[AT_RSDT + 9] ^= 1; /* and without both there is nothing */
    gather(g_base + PAGE_SIZE);
    machine_free();
    ck_assert(!g_facts.has_madt && !g_facts.has_fadt && !g_facts.has_hpet);
    ck_assert_uint_eq(g_facts.cpu_count, 1);
}
END_TEST

/* Pointers and lengths that lead out of what can be read: neither is followed. */
START_TEST(tables_out_of_reach_are_passed_over)
{
    machine_make();
    table_put(&g_page, AT_XSDT + 36, 0x7ffffffff000, 8);
    table_put(&g_page, AT_XSDT + 44, 0, 8);
    sum_put(AT_XSDT);
    gather(g_base + PAGE_SIZE);
    ck_assert(!g_facts.has_madt && !g_facts.has_fadt && g_facts.has_hpet);
    gather(g_base + AT_HPET + 55); /* the HPET's last byte is beyond */
    machine_free();
    ck_assert(!g_facts.has_hpet);
}
END_TEST

START_TEST(tables_of_another_kind_are_not_mistaken)
{
    machine_make();
    table_text(&g_page, AT_DSDT, "XXXX"); /* what the FADT names is no DSDT */
    sum_put(AT_DSDT);
    table_text(&g_page, AT_XSDT, "XSDX");
    sum_put(AT_XSDT);
    gather(g_base + PAGE_SIZE);
    machine_free();
    ck_assert(g_facts.has_fadt && g_facts.has_madt); /* through the RSDT */
    ck_assert(!g_facts.has_s5);
}
END_TEST

START_TEST(broken_root_pointer_leaves_one_cpu)
{
    machine_make();
    g_rsdp.bytes[0] = 'X';
    gather(g_base + PAGE_SIZE);
    machine_free();
    ck_assert(!g_facts.has_madt && !g_facts.has_fadt);
    ck_assert_uint_eq(g_facts.cpu_count, 1);
}
END_TEST

EXO_SUITE(x86_acpi_walk, EXO_TEST(sound_tables_are_all_taken),
          EXO_TEST(table_with_bad_checksum_costs_itself_only),
          EXO_TEST(broken_xsdt_gives_way_to_the_rsdt),
          EXO_TEST(tables_out_of_reach_are_passed_over),
          EXO_TEST(tables_of_another_kind_are_not_mistaken),
          EXO_TEST(broken_root_pointer_leaves_one_cpu))
