/*
 * tests/core/debug/test_protobuf.c - the bytes that traces are made of, and their armour.
 */
#include "exo/debug/armour.h"
#include "exo/lib/string.h"
#include "exo_check.h"
#include "protobuf.h"

START_TEST(protobuf_writes_the_bytes_of_the_specification)
{
    /* 150 as field 1 is the example of protobuf.dev; 1 << 63 takes ten bytes. */
    static const uint8_t wanted[] = { 0x08, 0x96, 0x01, 0x12, 0x82, 0x00, 'h',  'i',  0xf9, 0x02,
                                      1,    2,    0,    0,    0,    0,    0,    0x80, 0x18, 0x80,
                                      0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01 };
    uint8_t bytes[64];
    struct protobuf to;

    protobuf_init(&to, bytes, sizeof(bytes));
    protobuf_number(&to, 1, 150);
    const size_t inner = protobuf_open(&to, 2);

    bytes[to.len++] = 'h';
    bytes[to.len++] = 'i';
    protobuf_close(&to, inner);
    protobuf_fixed64(&to, 47, 1ull << 63 | 0x201);
    protobuf_number(&to, 3, 1ull << 63);
    ck_assert(!to.is_cut);
    ck_assert_uint_eq(to.len, sizeof(wanted));
    ck_assert_mem_eq(bytes, wanted, sizeof(wanted));
}
END_TEST

START_TEST(protobuf_says_that_it_was_cut)
{
    uint8_t bytes[8];
    struct protobuf to;

    memset(bytes, 0xaa, sizeof(bytes));
    protobuf_init(&to, bytes, sizeof(bytes) - 1);
    protobuf_text(&to, 1, "12345");
    ck_assert(!to.is_cut);
    protobuf_number(&to, 1, 1);
    ck_assert(to.is_cut);
    ck_assert_uint_eq(bytes[7], 0xaa);
    protobuf_init(&to, bytes, sizeof(bytes) - 1);
    const size_t inner = protobuf_open(&to, 1);

    protobuf_text(&to, 1, "12345");
    protobuf_close(&to, inner);
    ck_assert(to.is_cut);
}
END_TEST

static char g_lines[512];
static size_t g_used;

static void keep(const char *line, size_t len)
{
    ck_assert_uint_le(len, ARMOUR_LINE_MAX);
    ck_assert_uint_lt(g_used + len, sizeof(g_lines));
    memcpy(g_lines + g_used, line, len);
    g_used += len;
    g_lines[g_used] = '\0';
}

/* The examples of RFC 4648 section 10, and a line that is full. */
START_TEST(armour_writes_base64_in_lines)
{
    static const char full[] = "012345678901234567890123456789012345678901234567890123";

    g_used = 0;
    armour_begin("x", keep);
    armour_write("x", "f", 1, keep);
    armour_write("x", "fo", 2, keep);
    armour_write("x", "foobar", 6, keep);
    armour_write("x", "", 0, keep);
    ck_assert_str_eq(g_lines, "exo-file x begin\nexo-file x Zg==\nexo-file x Zm8=\n"
                              "exo-file x Zm9vYmFy\n");
    g_used = 0;
    ck_assert_uint_eq(strlen(full), ARMOUR_BYTES);
    armour_write("sixteen-bytes-xx", full, ARMOUR_BYTES, keep);
    armour_write("y", "\xff\xff\xfe", 3, keep);
    ck_assert_str_eq(g_lines,
                     "exo-file sixteen-bytes-xx "
                     "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz\n"
                     "exo-file y ///+\n");
}
END_TEST

EXO_SUITE(debug_protobuf, EXO_TEST(protobuf_writes_the_bytes_of_the_specification),
          EXO_TEST(protobuf_says_that_it_was_cut), EXO_TEST(armour_writes_base64_in_lines))
