/*
 * test_acpi_root.c - root pointer, headers, FADT, HPET, MCFG: good ones, and every way to be
 * broken.
 */
#include "exo_check.h"

#include "platform/x86_64/acpi_parse.h"

#include "table_bytes.h"

static struct table_bytes g_table;

static void rsdp_v1_make(void)
{
    table_begin(&g_table, ACPI_RSDP_V1_BYTES);
    table_text(&g_table, 0, "RSD PTR ");
    table_put(&g_table, 16, 0x7fe1000, 4);
    table_checksum(&g_table, 8, ACPI_RSDP_V1_BYTES);
}

static void rsdp_v2_make(void)
{
    table_begin(&g_table, ACPI_RSDP_V2_BYTES);
    table_text(&g_table, 0, "RSD PTR ");
    table_put(&g_table, 15, 2, 1);
    table_put(&g_table, 16, 0x7fe1000, 4);
    table_put(&g_table, 20, ACPI_RSDP_V2_BYTES, 4);
    table_put(&g_table, 24, 0x17fe2000, 8);
    table_checksum(&g_table, 8, ACPI_RSDP_V1_BYTES);
    table_checksum(&g_table, 32, ACPI_RSDP_V2_BYTES);
}

START_TEST(rsdp_of_both_versions_is_read)
{
    struct acpi_root root = { 0 };

    rsdp_v1_make();
    ck_assert_int_eq(acpi_rsdp_parse(g_table.bytes, g_table.len_bytes, &root), EXO_OK);
    ck_assert_uint_eq(root.rsdt, 0x7fe1000);
    ck_assert_uint_eq(root.xsdt, 0);

    rsdp_v2_make();
    ck_assert_int_eq(acpi_rsdp_parse(g_table.bytes, g_table.len_bytes, &root), EXO_OK);
    ck_assert_uint_eq(root.rsdt, 0x7fe1000);
    ck_assert_uint_eq(root.xsdt, 0x17fe2000);
    ck_assert_uint_eq(root.revision, 2);
}
END_TEST

START_TEST(rsdp_with_bad_signature_checksum_or_length_is_refused)
{
    struct acpi_root root = { .rsdt = 77 };

    rsdp_v1_make();
    ck_assert_int_eq(acpi_rsdp_parse(g_table.bytes, ACPI_RSDP_V1_BYTES - 1, &root),
                     EXO_ERR_BAD_FORMAT);
    g_table.bytes[16] ^= 1;
    ck_assert_int_eq(acpi_rsdp_parse(g_table.bytes, g_table.len_bytes, &root), EXO_ERR_BAD_FORMAT);
    rsdp_v1_make();
    g_table.bytes[7] = 'X';
    table_checksum(&g_table, 8, ACPI_RSDP_V1_BYTES);
    ck_assert_int_eq(acpi_rsdp_parse(g_table.bytes, g_table.len_bytes, &root), EXO_ERR_BAD_FORMAT);
    ck_assert_uint_eq(root.rsdt, 77); /* untouched by every error */
}
END_TEST

/* The first half names the RSDT and is sound: a broken second half costs the XSDT only. */
START_TEST(rsdp_with_broken_second_half_keeps_its_rsdt)
{
    struct acpi_root root = { 0 };

    rsdp_v2_make();
    g_table.bytes[24] ^= 1;
    ck_assert_int_eq(acpi_rsdp_parse(g_table.bytes, g_table.len_bytes, &root), EXO_OK);
    ck_assert_uint_eq(root.xsdt, 0);
    ck_assert_uint_eq(root.rsdt, 0x7fe1000);

    rsdp_v2_make();
    table_put(&g_table, 20, 4000, 4); /* beyond the bytes that were given, and summed right */
    table_checksum(&g_table, 32, 4000);
    ck_assert_int_eq(acpi_rsdp_parse(g_table.bytes, g_table.len_bytes, &root), EXO_OK);
    ck_assert_uint_eq(root.xsdt, 0);

    rsdp_v1_make();
    table_put(&g_table, 16, 0, 4);
    table_checksum(&g_table, 8, ACPI_RSDP_V1_BYTES);
    ck_assert_int_eq(acpi_rsdp_parse(g_table.bytes, g_table.len_bytes, &root), EXO_ERR_BAD_FORMAT);
}
END_TEST

START_TEST(rsdp_is_found_on_16_byte_boundaries_only)
{
    static struct table_bytes memory;
    size_t offset = 0;

    rsdp_v1_make();
    table_begin(&memory, 256);
    for (size_t i = 0; i < ACPI_RSDP_V1_BYTES; i++) {
        memory.bytes[40 + i] = g_table.bytes[i];
    }
    ck_assert_int_eq(acpi_rsdp_scan(memory.bytes, 256, &offset), EXO_ERR_NOT_FOUND);
    for (size_t i = 0; i < ACPI_RSDP_V1_BYTES; i++) {
        memory.bytes[224 + i] = g_table.bytes[i];
    }
    ck_assert_int_eq(acpi_rsdp_scan(memory.bytes, 256, &offset), EXO_OK);
    ck_assert_uint_eq(offset, 224);
    ck_assert_int_eq(acpi_rsdp_scan(memory.bytes, 224 + 19, &offset), EXO_ERR_NOT_FOUND);
    ck_assert_int_eq(acpi_rsdp_scan(memory.bytes, 0, &offset), EXO_ERR_NOT_FOUND);
}
END_TEST

START_TEST(header_length_is_bounded_and_signature_printable)
{
    struct acpi_header header;

    table_begin(&g_table, ACPI_HEADER_BYTES);
    table_text(&g_table, 0, "AP");
    g_table.bytes[2] = 0x1b;
    g_table.bytes[3] = 0xff;
    table_put(&g_table, 4, ACPI_HEADER_BYTES, 4);
    ck_assert_int_eq(acpi_header_parse(g_table.bytes, ACPI_HEADER_BYTES, &header), EXO_OK);
    ck_assert_str_eq(header.signature, "AP?\?");
    ck_assert_int_eq(acpi_header_parse(g_table.bytes, ACPI_HEADER_BYTES - 1, &header),
                     EXO_ERR_BAD_FORMAT);
    table_put(&g_table, 4, ACPI_HEADER_BYTES - 1, 4);
    ck_assert_int_eq(acpi_header_parse(g_table.bytes, ACPI_HEADER_BYTES, &header),
                     EXO_ERR_BAD_FORMAT);
    table_put(&g_table, 4, ACPI_TABLE_BYTES_MAX + 1, 4);
    ck_assert_int_eq(acpi_header_parse(g_table.bytes, ACPI_HEADER_BYTES, &header),
                     EXO_ERR_BAD_FORMAT);
}
END_TEST

START_TEST(root_tables_count_whole_entries_only)
{
    table_begin(&g_table, ACPI_HEADER_BYTES + 20);
    table_put(&g_table, ACPI_HEADER_BYTES, 0x1122334455667788, 8);
    ck_assert_uint_eq(acpi_root_count(ACPI_HEADER_BYTES + 20, 8), 2);
    ck_assert_uint_eq(acpi_root_count(ACPI_HEADER_BYTES + 20, 4), 5);
    ck_assert_uint_eq(acpi_root_count(ACPI_HEADER_BYTES - 1, 4), 0);
    ck_assert_uint_eq(acpi_root_entry(g_table.bytes, 0, 8), 0x1122334455667788);
    ck_assert_uint_eq(acpi_root_entry(g_table.bytes, 1, 4), 0x11223344);
}
END_TEST

/* Revision 1 ends before the extended addresses: ports count, and the machine is a full PC. */
START_TEST(fadt_of_revision_1_gives_ports)
{
    struct acpi_fadt fadt;

    table_begin(&g_table, 116);
    table_put(&g_table, 8, 1, 1);
    table_put(&g_table, 40, 0x7fe0040, 4);
    table_put(&g_table, 64, 0x604, 4);
    table_put(&g_table, 76, 0x608, 4);
    table_put(&g_table, 112, 1u << 10, 4); /* a reset register is promised, but there is no room */
    ck_assert_int_eq(acpi_fadt_parse(g_table.bytes, g_table.len_bytes, &fadt), EXO_OK);
    ck_assert_uint_eq(fadt.dsdt, 0x7fe0040);
    ck_assert_uint_eq(fadt.pm1a_control.address, 0x604);
    ck_assert_uint_eq(fadt.pm1a_control.space, ACPI_GAS_IO);
    ck_assert_uint_eq(fadt.pm_timer.address, 0x608);
    ck_assert(!fadt.reset_supported);
    ck_assert(!fadt.pm_timer_32bit);
    ck_assert(fadt.has_8042 && fadt.has_vga && fadt.has_rtc);
    ck_assert_int_eq(acpi_fadt_parse(g_table.bytes, 115, &fadt), EXO_ERR_BAD_FORMAT);
}
END_TEST

START_TEST(fadt_of_revision_6_prefers_extended_addresses)
{
    struct acpi_fadt fadt;

    table_begin(&g_table, 276);
    table_put(&g_table, 8, 6, 1);
    table_put(&g_table, 40, 0x1000, 4);
    table_put(&g_table, 76, 0x608, 4);
    table_put(&g_table, 109, 1u << 2 | 1u << 5, 2); /* no 8042, no VGA, no RTC */
    table_put(&g_table, 112, 1u << 8 | 1u << 10 | 1u << 20, 4);
    table_put(&g_table, 116, ACPI_GAS_IO | 8u << 8, 4);
    table_put(&g_table, 120, 0xcf9, 8);
    table_put(&g_table, 128, 0x0f, 1);
    table_put(&g_table, 140, 0x123456789000, 8);
    table_put(&g_table, 208, ACPI_GAS_MEMORY, 1);
    table_put(&g_table, 212, 0xfed80000, 8);
    ck_assert_int_eq(acpi_fadt_parse(g_table.bytes, g_table.len_bytes, &fadt), EXO_OK);
    ck_assert_uint_eq(fadt.dsdt, 0x123456789000);
    ck_assert_uint_eq(fadt.pm_timer.address, 0xfed80000);
    ck_assert_uint_eq(fadt.pm_timer.space, ACPI_GAS_MEMORY);
    ck_assert(fadt.reset_supported);
    ck_assert_uint_eq(fadt.reset.address, 0xcf9);
    ck_assert_uint_eq(fadt.reset_value, 0x0f);
    ck_assert(fadt.pm_timer_32bit && fadt.hardware_reduced);
    ck_assert(!fadt.has_8042 && !fadt.has_vga && !fadt.has_rtc);
}
END_TEST

START_TEST(hpet_table_must_name_memory)
{
    struct acpi_hpet hpet = { .number = 9 };

    table_begin(&g_table, 56);
    table_put(&g_table, 44, 0xfed00000, 8);
    table_put(&g_table, 53, 100, 2);
    ck_assert_int_eq(acpi_hpet_parse(g_table.bytes, 55, &hpet), EXO_ERR_BAD_FORMAT);
    g_table.bytes[40] = ACPI_GAS_IO;
    ck_assert_int_eq(acpi_hpet_parse(g_table.bytes, 56, &hpet), EXO_ERR_BAD_FORMAT);
    g_table.bytes[40] = ACPI_GAS_MEMORY;
    ck_assert_uint_eq(hpet.number, 9);
    ck_assert_int_eq(acpi_hpet_parse(g_table.bytes, 56, &hpet), EXO_OK);
    ck_assert_uint_eq(hpet.address, 0xfed00000);
    ck_assert_uint_eq(hpet.min_tick, 100);
    table_put(&g_table, 44, 0, 8);
    ck_assert_int_eq(acpi_hpet_parse(g_table.bytes, 56, &hpet), EXO_ERR_BAD_FORMAT);
}
END_TEST

START_TEST(mcfg_passes_over_senseless_ranges_and_stops_at_its_limit)
{
    struct acpi_mcfg mcfg;
    const size_t entries = ACPI_MCFG_MAX + 2;

    table_begin(&g_table, 44 + entries * 16 + 15); /* and a torn entry */
    for (size_t i = 0; i < entries; i++) {
        table_put(&g_table, 44 + i * 16, 0xb0000000 + i * 0x1000000, 8);
        table_put(&g_table, 44 + i * 16 + 11, 255, 1);
    }
    ck_assert_int_eq(acpi_mcfg_parse(g_table.bytes, g_table.len_bytes, &mcfg), EXO_OK);
    ck_assert_uint_eq(mcfg.count, ACPI_MCFG_MAX);
    ck_assert_uint_eq(mcfg.range[1].base, 0xb1000000);
    table_put(&g_table, 44 + 10, 9, 1); /* first bus above the last one */
    table_put(&g_table, 44 + 11, 8, 1);
    table_put(&g_table, 44 + 16, 0, 8); /* no address */
    ck_assert_int_eq(acpi_mcfg_parse(g_table.bytes, 44 + 3 * 16, &mcfg), EXO_OK);
    ck_assert_uint_eq(mcfg.count, 1);
    ck_assert_uint_eq(mcfg.range[0].base, 0xb2000000);
    ck_assert_int_eq(acpi_mcfg_parse(g_table.bytes, 43, &mcfg), EXO_ERR_BAD_FORMAT);
}
END_TEST

EXO_SUITE(x86_acpi_root, EXO_TEST(rsdp_of_both_versions_is_read),
          EXO_TEST(rsdp_with_bad_signature_checksum_or_length_is_refused),
          EXO_TEST(rsdp_with_broken_second_half_keeps_its_rsdt),
          EXO_TEST(rsdp_is_found_on_16_byte_boundaries_only),
          EXO_TEST(header_length_is_bounded_and_signature_printable),
          EXO_TEST(root_tables_count_whole_entries_only), EXO_TEST(fadt_of_revision_1_gives_ports),
          EXO_TEST(fadt_of_revision_6_prefers_extended_addresses),
          EXO_TEST(hpet_table_must_name_memory),
          EXO_TEST(mcfg_passes_over_senseless_ranges_and_stops_at_its_limit))
