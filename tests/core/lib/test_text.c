/*
 * tests/core/lib/test_text.c - strings, memory, numbers, percent-encoding, status names.
 */
#include "exo/abi/status.h"
#include "exo/lib/number.h"
#include "exo/lib/percent.h"
#include "exo/lib/string.h"
#include "exo_check.h"

START_TEST(string_compares_and_copies)
{
    char buf[4];

    ck_assert(str_equal("", ""));
    ck_assert(!str_equal("a", "ab"));
    ck_assert_int_lt(str_compare("a", "b"), 0);
    ck_assert_int_gt(str_compare("\xff", "a"), 0); /* unsigned bytes */
    ck_assert_str_eq(str_after_prefix("key=value", "key="), "value");
    ck_assert_ptr_null(str_after_prefix("ke", "key"));
    ck_assert(str_copy(buf, sizeof(buf), "abc"));
    ck_assert_str_eq(buf, "abc");
    ck_assert(!str_copy(buf, sizeof(buf), "abcd"));
    ck_assert_str_eq(buf, "abc");
    ck_assert(str_copy_max(buf, sizeof(buf), "xyz", 2));
    ck_assert_str_eq(buf, "xy");
}
END_TEST

/* Every length and offset of a small window, so that both the word loops and their ends are met. */
START_TEST(memory_moves_every_length_and_overlap)
{
    unsigned char data[64];

    for (size_t from = 0; from < 20; from++) {
        for (size_t to = 0; to < 20; to++) {
            for (size_t len = 0; len < 40; len++) {
                for (size_t i = 0; i < sizeof(data); i++) {
                    data[i] = (unsigned char)i;
                }
                memmove(data + to, data + from, len);
                for (size_t i = 0; i < sizeof(data); i++) {
                    const bool is_moved = i >= to && i < to + len;

                    ck_assert_uint_eq(data[i], is_moved ? i - to + from : i);
                }
            }
        }
    }
}
END_TEST

START_TEST(memory_copies_sets_and_compares)
{
    char a[33];
    char b[33];

    memset(a, 'x', sizeof(a));
    a[32] = '\0';
    ck_assert_uint_eq(strlen(a), 32);
    memcpy(b, a, sizeof(a));
    ck_assert_int_eq(memcmp(a, b, sizeof(a)), 0);
    b[31] = 'w';
    ck_assert_int_gt(memcmp(a, b, sizeof(a)), 0);
    ck_assert_int_lt(memcmp(b, a, sizeof(a)), 0);
    ck_assert_int_eq(memcmp(a, b, 31), 0);
}
END_TEST

START_TEST(number_parse_reads_decimal_hex_and_suffixes)
{
    uint64_t value = 0;

    ck_assert_int_eq(number_parse("0", &value), EXO_OK);
    ck_assert_uint_eq(value, 0);
    ck_assert_int_eq(number_parse("18446744073709551615", &value), EXO_OK);
    ck_assert_uint_eq(value, UINT64_MAX);
    ck_assert_int_eq(number_parse("0xFfFfFfFfFfFfFfFf", &value), EXO_OK);
    ck_assert_uint_eq(value, UINT64_MAX);
    ck_assert_int_eq(number_parse("3K", &value), EXO_OK);
    ck_assert_uint_eq(value, 3072);
    ck_assert_int_eq(number_parse("2G", &value), EXO_OK);
    ck_assert_uint_eq(value, 2ull << 30);
}
END_TEST

START_TEST(number_parse_refuses_malformed_and_too_large)
{
    static const char *const malformed[] = { "", "-1", "+1", " 1", "1 ", "0x", "1KK", "K", "12z" };
    uint64_t value = 77;
    uint32_t small = 77;

    for (size_t i = 0; i < ARRAY_COUNT(malformed); i++) {
        ck_assert_int_eq(number_parse(malformed[i], &value), EXO_ERR_BAD_FORMAT);
    }
    ck_assert_int_eq(number_parse("18446744073709551616", &value), EXO_ERR_INVALID);
    ck_assert_int_eq(number_parse("0x10000000000000000", &value), EXO_ERR_INVALID);
    ck_assert_int_eq(number_parse("17179869184G", &value), EXO_ERR_INVALID);
    ck_assert_int_eq(number_parse_max("65", 64, &small), EXO_ERR_INVALID);
    ck_assert_uint_eq(value, 77); /* untouched by every error */
    ck_assert_uint_eq(small, 77);
    ck_assert_int_eq(number_parse_max("64", 64, &small), EXO_OK);
    ck_assert_uint_eq(small, 64);
}
END_TEST

static void expect_decoded(const char *text, const char *expected)
{
    char buf[32];

    ck_assert(str_copy(buf, sizeof(buf), text));
    ck_assert_int_eq(percent_decode(buf), EXO_OK);
    ck_assert_str_eq(buf, expected);
}

START_TEST(percent_decode_undoes_the_encoding)
{
    expect_decoded("plain", "plain");
    expect_decoded("a%20b%2Fc%2f", "a b/c/");
    expect_decoded("%25%41", "%A");
    expect_decoded("%00", "");
    expect_decoded("", "");
    expect_decoded("%fF", "\xff");
}
END_TEST

START_TEST(percent_decode_refuses_and_leaves_the_text)
{
    static const char *const bad[] = { "%", "%4", "%4g", "ok%", "%00x", "x%00", "%20%zz" };
    char buf[16];

    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        ck_assert(str_copy(buf, sizeof(buf), bad[i]));
        ck_assert_int_eq(percent_decode(buf), EXO_ERR_BAD_FORMAT);
        ck_assert_str_eq(buf, bad[i]);
    }
}
END_TEST

START_TEST(status_names_are_those_of_the_list)
{
    ck_assert_str_eq(exo_status_name(EXO_OK), "EXO_OK");
    ck_assert_str_eq(exo_status_name(EXO_ERR_BUSY), "EXO_ERR_BUSY");
    ck_assert_str_eq(exo_status_text(EXO_ERR_NO_MEMORY), "out of memory");
    ck_assert_str_eq(exo_status_name(-1), "EXO_ERR_?");
    ck_assert_str_eq(exo_status_text(1), "unknown status");
    /* Dense from -4097 on: outside errno's range. */
    for (exo_status_t status = -4097; status >= EXO_ERR_IO; status--) {
        ck_assert_str_ne(exo_status_name(status), "EXO_ERR_?");
    }
}
END_TEST

EXO_SUITE(lib_text, EXO_TEST(string_compares_and_copies),
          EXO_TEST(memory_moves_every_length_and_overlap),
          EXO_TEST(memory_copies_sets_and_compares),
          EXO_TEST(number_parse_reads_decimal_hex_and_suffixes),
          EXO_TEST(number_parse_refuses_malformed_and_too_large),
          EXO_TEST(percent_decode_undoes_the_encoding),
          EXO_TEST(percent_decode_refuses_and_leaves_the_text),
          EXO_TEST(status_names_are_those_of_the_list))
