/*
 * test_acpi_madt.c - the MADT's entries, and the _S5_ package in AML.
 */
#include "exo_check.h"

#include "platform/x86_64/acpi_parse.h"

#include "table_bytes.h"

#define MADT_FIRST 44u

static struct table_bytes g_table;
static struct acpi_madt g_madt;

#define APPEND(...)                                                                                \
    do {                                                                                           \
        const uint8_t append_bytes[] = { __VA_ARGS__ };                                            \
        table_append(&g_table, append_bytes, sizeof(append_bytes));                                \
    } while (0)

static void madt_begin(void)
{
    table_begin(&g_table, MADT_FIRST);
    table_put(&g_table, 36, 0xfee00000, 4);
    table_put(&g_table, 40, 1, 4);
}

static exo_status_t madt_parse(void)
{
    return acpi_madt_parse(g_table.bytes, g_table.len_bytes, &g_madt);
}

START_TEST(madt_gives_processors_of_both_kinds_once)
{
    madt_begin();
    APPEND(0, 8, 1, 0, 1, 0, 0, 0);                                      /* enabled */
    APPEND(0, 8, 2, 4, 0, 0, 0, 0);                                      /* disabled */
    APPEND(0, 8, 3, 5, 2, 0, 0, 0);                                      /* online-capable */
    APPEND(0, 8, 4, 0xff, 1, 0, 0, 0);                                   /* no processor */
    APPEND(9, 16, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 9, 0, 0, 0);             /* x2APIC id 256 */
    APPEND(9, 16, 0, 0, 4, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0);             /* id 4 again, enabled */
    APPEND(9, 16, 0, 0, 0xff, 0xff, 0xff, 0xff, 1, 0, 0, 0, 3, 0, 0, 0); /* no processor */
    ck_assert_int_eq(madt_parse(), EXO_OK);
    ck_assert_uint_eq(g_madt.local_apic, 0xfee00000);
    ck_assert(g_madt.has_8259);
    ck_assert_uint_eq(g_madt.cpu_count, 4);
    ck_assert_uint_eq(g_madt.cpu[0].uid, 1);
    ck_assert(g_madt.cpu[0].enabled);
    ck_assert(g_madt.cpu[1].enabled);
    ck_assert(!g_madt.cpu[2].enabled);
    ck_assert(g_madt.cpu[2].online_capable);
    ck_assert_uint_eq(g_madt.cpu[3].apic_id, 256);
    ck_assert_uint_eq(g_madt.cpu[3].uid, 9);
    ck_assert_uint_eq(g_madt.dropped_count, 0);
}
END_TEST

START_TEST(madt_gives_interrupt_wiring)
{
    madt_begin();
    APPEND(1, 12, 7, 0, 0, 0, 0xc0, 0xfe, 24, 0, 0, 0);
    APPEND(2, 10, 0, 0, 2, 0, 0, 0, 0, 0);    /* ISA 0 is line 2, as the bus says */
    APPEND(2, 10, 0, 9, 9, 0, 0, 0, 0x0f, 0); /* ISA 9: low, level */
    APPEND(3, 8, 0x05, 0, 30, 0, 0, 0);       /* NMI at line 30: high, edge */
    APPEND(4, 6, 0xff, 0x0d, 0, 1);           /* all: LINT1, high, level */
    APPEND(10, 12, 0x07, 0, 6, 0, 0, 0, 0, 0, 0, 0);
    APPEND(5, 12, 0, 0, 0, 0, 0, 0xfd, 1, 0, 0, 0);
    ck_assert_int_eq(madt_parse(), EXO_OK);
    ck_assert_uint_eq(g_madt.ioapic_count, 1);
    ck_assert_uint_eq(g_madt.ioapic[0].address, 0xfec00000);
    ck_assert_uint_eq(g_madt.ioapic[0].gsi_base, 24);
    ck_assert_uint_eq(g_madt.override_count, 2);
    ck_assert_uint_eq(g_madt.override[0].gsi, 2);
    ck_assert(!g_madt.override[0].line.active_low && !g_madt.override[0].line.level);
    ck_assert(g_madt.override[1].line.active_low && g_madt.override[1].line.level);
    ck_assert_uint_eq(g_madt.nmi_source_count, 1);
    ck_assert(!g_madt.nmi_source[0].line.active_low && !g_madt.nmi_source[0].line.level);
    ck_assert_uint_eq(g_madt.local_nmi_count, 2);
    ck_assert_uint_eq(g_madt.local_nmi[0].uid, ACPI_UID_ALL);
    ck_assert_uint_eq(g_madt.local_nmi[0].lint, 1);
    ck_assert(g_madt.local_nmi[0].line.level);
    ck_assert_uint_eq(g_madt.local_nmi[1].uid, 6);
    ck_assert(g_madt.local_nmi[1].line.active_low);
    ck_assert_uint_eq(g_madt.local_apic, 0x1fd000000);
}
END_TEST

/* An entry too short for its type is counted and passed over; the next one still counts. */
START_TEST(madt_passes_over_short_and_unknown_entries)
{
    madt_begin();
    APPEND(0, 6, 1, 0, 1, 0);                     /* a processor without flags' upper half */
    APPEND(77, 5, 1, 2, 3);                       /* a type of the future */
    APPEND(2, 10, 0, 16, 2, 0, 0, 0, 0, 0);       /* there is no ISA line 16 */
    APPEND(4, 6, 0, 0, 0, 2);                     /* nor a LINT2 */
    APPEND(1, 12, 7, 0, 0, 0, 0, 0, 24, 0, 0, 0); /* an I/O APIC at address 0 */
    APPEND(0, 8, 1, 3, 1, 0, 0, 0);
    ck_assert_int_eq(madt_parse(), EXO_OK);
    ck_assert_uint_eq(g_madt.cpu_count, 1);
    ck_assert_uint_eq(g_madt.cpu[0].apic_id, 3);
    ck_assert_uint_eq(g_madt.override_count, 0);
    ck_assert_uint_eq(g_madt.local_nmi_count, 0);
    ck_assert_uint_eq(g_madt.ioapic_count, 0);
    ck_assert_uint_eq(g_madt.dropped_count, 4);
}
END_TEST

START_TEST(madt_walk_ends_at_lengths_that_lead_nowhere)
{
    madt_begin();
    APPEND(0, 8, 1, 3, 1, 0, 0, 0);
    APPEND(0, 0, 2, 4, 1, 0, 0, 0); /* would never go forward */
    ck_assert_int_eq(madt_parse(), EXO_OK);
    ck_assert_uint_eq(g_madt.cpu_count, 1);
    ck_assert_uint_eq(g_madt.dropped_count, 1);

    madt_begin();
    APPEND(0, 8, 1, 3, 1, 0, 0); /* one byte past the end of the table */
    ck_assert_int_eq(madt_parse(), EXO_OK);
    ck_assert_uint_eq(g_madt.cpu_count, 0);
    ck_assert_uint_eq(g_madt.dropped_count, 1);

    madt_begin();
    APPEND(0); /* a lone type byte */
    ck_assert_int_eq(madt_parse(), EXO_OK);
    ck_assert_uint_eq(g_madt.cpu_count, 0);
    ck_assert_int_eq(acpi_madt_parse(g_table.bytes, MADT_FIRST - 1, &g_madt), EXO_ERR_BAD_FORMAT);
}
END_TEST

START_TEST(madt_drops_what_is_beyond_its_limits)
{
    madt_begin();
    for (unsigned i = 0; i < ACPI_CPUS_MAX + 3; i++) {
        const uint8_t low = (uint8_t)i;
        const uint8_t high = (uint8_t)(i >> 8);

        APPEND(9, 16, 0, 0, low, high, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0);
        if (g_table.len_bytes + 16 > TABLE_BYTES_MAX) {
            break;
        }
    }
    ck_assert_int_eq(madt_parse(), EXO_OK);
    ck_assert_uint_le(g_madt.cpu_count, ACPI_CPUS_MAX);
    madt_begin();
    for (unsigned i = 0; i < ACPI_IOAPICS_MAX + 3; i++) {
        APPEND(1, 12, 7, 0, 0, 0, 0xc0, 0xfe, (uint8_t)(i * 24), 0, 0, 0);
    }
    ck_assert_int_eq(madt_parse(), EXO_OK);
    ck_assert_uint_eq(g_madt.ioapic_count, ACPI_IOAPICS_MAX);
    ck_assert_uint_eq(g_madt.dropped_count, 3);
}
END_TEST

/* ---- _S5_
 * ---------------------------------------------------------------------------------------- */

static void aml_begin(void)
{
    table_begin(&g_table, ACPI_HEADER_BYTES);
    APPEND(0x10, 0x05); /* whatever code stands before */
}

static exo_status_t s5_find(struct acpi_sleep *sleep)
{
    return acpi_s5_find(g_table.bytes, g_table.len_bytes, sleep);
}

START_TEST(s5_package_is_read_in_every_spelling)
{
    struct acpi_sleep sleep = { 0 };

    aml_begin();
    APPEND(0x08, '_', 'S', '5', '_', 0x12, 0x06, 0x04, 0x00, 0x00, 0x00, 0x00); /* QEMU's */
    ck_assert_int_eq(s5_find(&sleep), EXO_OK);
    ck_assert_uint_eq(sleep.type_a, 0);

    aml_begin();
    APPEND(0x08, '\\', '_', 'S', '5', '_', 0x12, 0x0a, 0x04, 0x0a, 0x07, 0x0a, 0x06, 0, 0);
    ck_assert_int_eq(s5_find(&sleep), EXO_OK);
    ck_assert_uint_eq(sleep.type_a, 7);
    ck_assert_uint_eq(sleep.type_b, 6);

    aml_begin(); /* two-byte package length; word and double word constants; the table ends here */
    APPEND(0x08, '_', 'S', '5', '_', 0x12, 0x4a, 0x00, 0x02, 0x0b, 5, 0, 0x0c, 1, 0, 0, 0);
    ck_assert_int_eq(s5_find(&sleep), EXO_OK);
    ck_assert_uint_eq(sleep.type_a, 5);
    ck_assert_uint_eq(sleep.type_b, 1);

    aml_begin(); /* one number for both registers */
    APPEND(0x08, '_', 'S', '5', '_', 0x12, 0x03, 0x01, 0x01);
    ck_assert_int_eq(s5_find(&sleep), EXO_OK);
    ck_assert_uint_eq(sleep.type_a, 1);
    ck_assert_uint_eq(sleep.type_b, 1);
}
END_TEST

START_TEST(s5_look_alikes_are_passed_over)
{
    struct acpi_sleep sleep = { .type_a = 99 };

    aml_begin();
    APPEND('_', 'S', '5', '_', 0x12, 0x06, 0x04, 0x01, 0x01);             /* not a Name() */
    APPEND(0x08, '_', 'S', '5', '_', 0x11, 0x06, 0x04, 0x01, 0x01);       /* a Buffer() */
    APPEND(0x08, '_', 'S', '5', '_', 0x12, 0x06, 0x00, 0x01, 0x01);       /* an empty package */
    APPEND(0x08, '_', 'S', '5', '_', 0x12, 0x06, 0x02, 0x0a, 0x08, 0x00); /* no such sleep type */
    APPEND(0x08, '_', 'S', '5', '_', 0x12, 0x06, 0x02, 0x70, 0x68, 0x00); /* not constants */
    ck_assert_int_eq(s5_find(&sleep), EXO_ERR_NOT_FOUND);
    ck_assert_uint_eq(sleep.type_a, 99);
    APPEND(0x08, '_', 'S', '5', '_', 0x12, 0x06, 0x02, 0x0a, 0x05, 0x00);
    ck_assert_int_eq(s5_find(&sleep), EXO_OK);
    ck_assert_uint_eq(sleep.type_a, 5);
}
END_TEST

/* Cut a good package at every byte: nothing is read past the end, and no half of it counts. */
START_TEST(s5_torn_off_anywhere_is_not_found)
{
    struct acpi_sleep sleep;

    aml_begin();
    APPEND(0x08, '_', 'S', '5', '_', 0x12, 0x4a, 0x00, 0x02, 0x0e, 5, 0, 0, 0, 0, 0, 0, 0, 0x0a, 3);
    for (size_t len = 0; len < g_table.len_bytes; len++) {
        ck_assert_int_eq(acpi_s5_find(g_table.bytes, len, &sleep), EXO_ERR_NOT_FOUND);
    }
    ck_assert_int_eq(s5_find(&sleep), EXO_OK);
}
END_TEST

EXO_SUITE(x86_acpi_madt, EXO_TEST(madt_gives_processors_of_both_kinds_once),
          EXO_TEST(madt_gives_interrupt_wiring),
          EXO_TEST(madt_passes_over_short_and_unknown_entries),
          EXO_TEST(madt_walk_ends_at_lengths_that_lead_nowhere),
          EXO_TEST(madt_drops_what_is_beyond_its_limits),
          EXO_TEST(s5_package_is_read_in_every_spelling), EXO_TEST(s5_look_alikes_are_passed_over),
          EXO_TEST(s5_torn_off_anywhere_is_not_found))
