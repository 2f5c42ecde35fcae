/*
 * test_bootproto.c - multiboot2 and PVH information read from bytes: whole, torn off, and full of
 * lies.
 */
#include "exo_check.h"

#include "exo/lib/string.h"
#include "platform/x86_64/bootproto.h"

#define MEMORY_BYTES 8192u
#define INFO_AT      0x100u

static uint8_t g_memory[MEMORY_BYTES];
static struct bootproto g_proto;
static uint32_t g_end; /* where the next tag goes, from INFO_AT */

static void put(size_t at, uint64_t value, size_t len_bytes)
{
    for (size_t i = 0; i < len_bytes; i++) {
        g_memory[at + i] = (uint8_t)(value >> (8 * i));
    }
}

static exo_status_t read_limited(enum bootproto_kind kind, uint64_t limit)
{
    const struct bootproto_mem mem = { .base = g_memory, .limit = limit };

    memset(&g_proto, 0, sizeof(g_proto));
    return bootproto_read(kind, &mem, INFO_AT, &g_proto);
}

static void mb2_begin(void)
{
    memset(g_memory, 0, sizeof(g_memory));
    g_end = 8;
}

/* Begin a tag of `size` bytes; gives where its payload starts. */
static size_t mb2_tag(uint32_t type, uint32_t size)
{
    const size_t at = INFO_AT + g_end;

    put(at, type, 4);
    put(at + 4, size, 4);
    g_end += (uint32_t)align_up(size, 8);
    return at + 8;
}

static void mb2_end(void)
{
    (void)mb2_tag(0, 8);
    put(INFO_AT, g_end, 4);
}

static void mb2_memory(uint32_t entry_size)
{
    const size_t at = mb2_tag(6, 16 + 2 * entry_size);

    put(at, entry_size, 4);
    put(at + 8, 0x0, 8);
    put(at + 16, 0x9f000, 8);
    put(at + 24, 1, 4);
    put(at + 8 + entry_size, 0x100000, 8);
    put(at + 16 + entry_size, 0x7f00000, 8);
    put(at + 24 + entry_size, 3, 4);
}

static void mb2_module(uint32_t start, uint32_t end, const char *name)
{
    const size_t len = strlen(name) + 1;
    const size_t at = mb2_tag(3, (uint32_t)(16 + len));

    put(at, start, 4);
    put(at + 4, end, 4);
    memcpy(g_memory + at + 8, name, len);
}

static void mb2_text(uint32_t type, const char *text)
{
    const size_t len = strlen(text) + 1;

    memcpy(g_memory + mb2_tag(type, (uint32_t)(8 + len)), text, len);
}

START_TEST(multiboot2_tags_are_read)
{
    mb2_begin();
    mb2_text(1, "log=debug -- busybox true");
    mb2_module(0x1000, 0x1801, "initrd");
    mb2_memory(24);
    memcpy(g_memory + mb2_tag(14, 8 + 20), "RSD PTR old", 12);
    memcpy(g_memory + mb2_tag(15, 8 + 36), "RSD PTR new", 12);
    (void)mb2_tag(99, 24); /* unknown: passed over */
    mb2_end();
    ck_assert_int_eq(read_limited(BOOTPROTO_MULTIBOOT2, MEMORY_BYTES), EXO_OK);
    ck_assert_str_eq(g_proto.cmdline, "log=debug -- busybox true");
    ck_assert_uint_eq(g_proto.module_count, 1);
    ck_assert_uint_eq(g_proto.module[0].start, 0x1000);
    ck_assert_uint_eq(g_proto.module[0].len_bytes, 0x801);
    ck_assert_str_eq(g_proto.module[0].name, "initrd");
    ck_assert_uint_eq(g_proto.map.count, 2);
    ck_assert_int_eq((int)g_proto.map.range[0].kind, BOOT_REGION_FREE);
    ck_assert_int_eq((int)g_proto.map.range[1].kind, BOOT_REGION_ACPI);
    ck_assert_uint_eq(g_proto.rsdp_len_bytes, 36); /* the newer root pointer wins */
    ck_assert_mem_eq(g_proto.rsdp_copy, "RSD PTR new", 11);
    ck_assert_uint_eq(g_proto.broken_count, 0);
}
END_TEST

START_TEST(multiboot2_entries_may_be_longer_than_known)
{
    mb2_begin();
    mb2_memory(40);
    mb2_end();
    ck_assert_int_eq(read_limited(BOOTPROTO_MULTIBOOT2, MEMORY_BYTES), EXO_OK);
    ck_assert_uint_eq(g_proto.map.count, 2);
    ck_assert_uint_eq(g_proto.map.range[1].base, 0x100000);
}
END_TEST

START_TEST(multiboot2_lies_are_counted_and_passed_over)
{
    mb2_begin();
    mb2_module(0x1800, 0x1000, "backwards");
    mb2_module(0x1000, 0x1000, "empty");
    mb2_module(0x1000, 0x7fffffff, "beyond memory");
    mb2_memory(16); /* entries too short to hold what they must */
    (void)mb2_tag(6, 12);
    mb2_memory(24);
    const size_t open_text = mb2_tag(1, 12);

    memset(g_memory + open_text, 'x', 4); /* no NUL inside the tag */
    mb2_end();
    ck_assert_int_eq(read_limited(BOOTPROTO_MULTIBOOT2, MEMORY_BYTES), EXO_OK);
    ck_assert_uint_eq(g_proto.module_count, 0);
    ck_assert_uint_eq(g_proto.broken_count, 5);
    ck_assert_uint_eq(g_proto.map.count, 2);
    ck_assert_str_eq(g_proto.cmdline, "");
}
END_TEST

START_TEST(multiboot2_tag_lengths_cannot_lead_astray)
{
    static const uint32_t sizes[] = { 0, 7, 0x10000, 0xfffffff9u };

    for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
        mb2_begin();
        mb2_memory(24);
        const size_t bad = INFO_AT + g_end;

        mb2_end();
        put(bad, 1, 4);
        put(bad + 4, sizes[i], 4);
        ck_assert_int_eq(read_limited(BOOTPROTO_MULTIBOOT2, MEMORY_BYTES), EXO_OK);
        ck_assert_uint_eq(g_proto.broken_count, 1);
        ck_assert_uint_eq(g_proto.map.count, 2);
    }
}
END_TEST

START_TEST(multiboot2_head_must_fit_into_memory)
{
    mb2_begin();
    mb2_memory(24);
    mb2_end();
    ck_assert_int_eq(read_limited(BOOTPROTO_MULTIBOOT2, INFO_AT + g_end), EXO_OK);
    ck_assert_int_eq(read_limited(BOOTPROTO_MULTIBOOT2, INFO_AT + g_end - 1), EXO_ERR_BAD_FORMAT);
    ck_assert_int_eq(read_limited(BOOTPROTO_MULTIBOOT2, INFO_AT), EXO_ERR_BAD_FORMAT);
    put(INFO_AT, 8, 4);
    ck_assert_int_eq(read_limited(BOOTPROTO_MULTIBOOT2, MEMORY_BYTES), EXO_ERR_BAD_FORMAT);
    ck_assert_int_eq(read_limited((enum bootproto_kind)0, MEMORY_BYTES), EXO_ERR_INVALID);
}
END_TEST

#define PVH_MODULES_AT 0x400u
#define PVH_MEMORY_AT  0x600u
#define PVH_TEXT_AT    0x800u

static void pvh_make(uint32_t version)
{
    memset(g_memory, 0, sizeof(g_memory));
    put(INFO_AT, 0x336ec578, 4);
    put(INFO_AT + 4, version, 4);
    put(INFO_AT + 12, 1, 4);
    put(INFO_AT + 16, PVH_MODULES_AT, 8);
    put(INFO_AT + 24, PVH_TEXT_AT, 8);
    put(INFO_AT + 32, 0xf5a00, 8);
    put(INFO_AT + 40, PVH_MEMORY_AT, 8);
    put(INFO_AT + 48, 2, 4);
    put(PVH_MODULES_AT, 0x1000, 8);
    put(PVH_MODULES_AT + 8, 0x123, 8);
    put(PVH_MEMORY_AT, 0, 8);
    put(PVH_MEMORY_AT + 8, 0x9f000, 8);
    put(PVH_MEMORY_AT + 16, 1, 4);
    put(PVH_MEMORY_AT + 24, 0xf0000, 8);
    put(PVH_MEMORY_AT + 32, 0x10000, 8);
    put(PVH_MEMORY_AT + 40, 2, 4);
    memcpy(g_memory + PVH_TEXT_AT, "check=all", 10);
}

START_TEST(pvh_start_information_is_read)
{
    pvh_make(1);
    ck_assert_int_eq(read_limited(BOOTPROTO_PVH, MEMORY_BYTES), EXO_OK);
    ck_assert_str_eq(g_proto.cmdline, "check=all");
    ck_assert_uint_eq(g_proto.rsdp, 0xf5a00);
    ck_assert_uint_eq(g_proto.module_count, 1);
    ck_assert_uint_eq(g_proto.module[0].start, 0x1000);
    ck_assert_uint_eq(g_proto.module[0].len_bytes, 0x123);
    ck_assert_str_eq(g_proto.module[0].name, "");
    ck_assert_uint_eq(g_proto.map.count, 2);
    ck_assert_int_eq((int)g_proto.map.range[1].kind, BOOT_REGION_FIRMWARE);
}
END_TEST

START_TEST(pvh_without_a_memory_map_is_refused)
{
    pvh_make(0); /* version 0 has none */
    ck_assert_int_eq(read_limited(BOOTPROTO_PVH, MEMORY_BYTES), EXO_ERR_BAD_FORMAT);
    pvh_make(1);
    put(INFO_AT + 40, MEMORY_BYTES, 8);
    ck_assert_int_eq(read_limited(BOOTPROTO_PVH, MEMORY_BYTES), EXO_ERR_BAD_FORMAT);
    pvh_make(1);
    put(INFO_AT + 48, UINT32_MAX, 4);
    ck_assert_int_eq(read_limited(BOOTPROTO_PVH, MEMORY_BYTES), EXO_ERR_BAD_FORMAT);
    pvh_make(1);
    put(INFO_AT, 0x336ec579, 4);
    ck_assert_int_eq(read_limited(BOOTPROTO_PVH, MEMORY_BYTES), EXO_ERR_BAD_FORMAT);
}
END_TEST

START_TEST(pvh_lies_are_counted_and_passed_over)
{
    pvh_make(1);
    put(INFO_AT + 12, BOOT_MODULES_MAX + 1, 4);
    put(INFO_AT + 24, UINT64_MAX, 8);
    ck_assert_int_eq(read_limited(BOOTPROTO_PVH, MEMORY_BYTES), EXO_OK);
    ck_assert_uint_eq(g_proto.broken_count, 1);
    ck_assert_uint_eq(g_proto.module_count, 0);
    ck_assert_str_eq(g_proto.cmdline, "");

    pvh_make(1);
    put(PVH_MODULES_AT + 8, UINT64_MAX, 8);
    ck_assert_int_eq(read_limited(BOOTPROTO_PVH, MEMORY_BYTES), EXO_OK);
    ck_assert_uint_eq(g_proto.broken_count, 1);
    ck_assert_uint_eq(g_proto.module_count, 0);
}
END_TEST

EXO_SUITE(x86_bootproto, EXO_TEST(multiboot2_tags_are_read),
          EXO_TEST(multiboot2_entries_may_be_longer_than_known),
          EXO_TEST(multiboot2_lies_are_counted_and_passed_over),
          EXO_TEST(multiboot2_tag_lengths_cannot_lead_astray),
          EXO_TEST(multiboot2_head_must_fit_into_memory), EXO_TEST(pvh_start_information_is_read),
          EXO_TEST(pvh_without_a_memory_map_is_refused),
          EXO_TEST(pvh_lies_are_counted_and_passed_over))
