/*
 * tests/core/lib/test_fmt.c - formatted text.
 */
#include "exo/lib/fmt.h"
#include "exo_check.h"

static char g_buf[128];

/* Formats are checked by the compiler where they are valid; the odd ones go through a pointer. */
#define EXPECT(expected, ...)                                                                      \
    do {                                                                                           \
        const size_t fmt_len = fmt_print(g_buf, sizeof(g_buf), __VA_ARGS__);                       \
        ck_assert_str_eq(g_buf, expected);                                                         \
        ck_assert_uint_eq(fmt_len, sizeof(expected) - 1);                                          \
    } while (0)

START_TEST(fmt_prints_integers_of_every_length)
{
    EXPECT("0 -1 2147483647 -2147483648", "%d %i %d %d", 0, -1, INT32_MAX, INT32_MIN);
    EXPECT("4294967295", "%u", UINT32_MAX);
    EXPECT("-9223372036854775808", "%ld", INT64_MIN);
    EXPECT("18446744073709551615", "%lu", UINT64_MAX);
    EXPECT("18446744073709551615", "%llu", (unsigned long long)UINT64_MAX);
    EXPECT("7", "%zu", (size_t)7);
    EXPECT("ff FF 0xff 0XFF 0", "%x %X %#x %#X %#x", 255, 255, 255, 255, 0);
    EXPECT("ffffffffffffffff", "%lx", UINT64_MAX);
    EXPECT("0x1000", "%p", (void *)0x1000);
}
END_TEST

START_TEST(fmt_pads_by_width_precision_and_flags)
{
    EXPECT("    7|7    |00007|  007", "%5d|%-5d|%05d|%5.3d", 7, 7, 7, 7);
    EXPECT("-0007|+7| 7|   -7", "%05d|%+d|% d|%5d", -7, 7, 7, -7);
    EXPECT("0x00ff|  0xff", "%#06x|%#6x", 255, 255);
    EXPECT("    7|7    ", "%*d|%*d", 5, 7, -5, 7);
    EXPECT("", "%.0d", 0);
    EXPECT("                    1", "%21d", 1);
}
END_TEST

START_TEST(fmt_prints_text_and_characters)
{
    EXPECT("abc|  abc|abc  |ab|a", "%s|%5s|%-5s|%.2s|%.*s", "abc", "abc", "abc", "abc", 1, "abc");
    EXPECT("x|  x|100%", "%c|%3c|100%%", 'x', 'x');
    const char *volatile nothing = NULL;

    EXPECT("(null)", "%s", nothing);
}
END_TEST

/* Precision bounds the read: the array has no NUL. */
START_TEST(fmt_precision_never_reads_past_it)
{
    static const char four[4] = { 'A', 'P', 'I', 'C' };

    EXPECT("APIC", "%.4s", four);
}
END_TEST

START_TEST(fmt_cuts_and_reports_the_whole_length)
{
    char small[4] = "zzz";

    ck_assert_uint_eq(fmt_print(small, sizeof(small), "%s", "abcdef"), 6);
    ck_assert_str_eq(small, "abc");
    ck_assert_uint_eq(fmt_print(small, 0, "%d", 12), 2);
    ck_assert_str_eq(small, "abc"); /* size 0 writes nothing */
    ck_assert_uint_eq(fmt_print(small, 1, "%d", 12), 2);
    ck_assert_str_eq(small, "");
}
END_TEST

START_TEST(fmt_copies_what_it_does_not_know)
{
    const char *volatile odd = "a%yb%";

    ck_assert_uint_eq(fmt_print(g_buf, sizeof(g_buf), odd, 0), 5);
    ck_assert_str_eq(g_buf, "a%yb%");
}
END_TEST

EXO_SUITE(lib_fmt, EXO_TEST(fmt_prints_integers_of_every_length),
          EXO_TEST(fmt_pads_by_width_precision_and_flags), EXO_TEST(fmt_prints_text_and_characters),
          EXO_TEST(fmt_precision_never_reads_past_it),
          EXO_TEST(fmt_cuts_and_reports_the_whole_length),
          EXO_TEST(fmt_copies_what_it_does_not_know))
