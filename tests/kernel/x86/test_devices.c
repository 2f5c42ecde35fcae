/*
 * test_devices.c - the pure halves of keyboard, screen, clock chip and topology.
 */
#include "exo_check.h"

#include "platform/x86_64/cpuid.h"
#include "platform/x86_64/ps2.h"
#include "platform/x86_64/rtc.h"
#include "platform/x86_64/vga_escape.h"

/* Feed codes[count] and collect what comes out, NUL-terminated. */
static void keys_feed(struct ps2_decoder *decoder, const uint8_t *codes, size_t count, char *out)
{
    char bytes[PS2_BYTES_MAX];
    size_t len = 0;

    for (size_t i = 0; i < count; i++) {
        const size_t emitted = ps2_decode(decoder, codes[i], bytes);

        for (size_t j = 0; j < emitted; j++) {
            out[len++] = bytes[j];
        }
    }
    out[len] = '\0';
}

#define EXPECT_KEYS(set, text, ...)                                                                \
    do {                                                                                           \
        const uint8_t keys_codes[] = { __VA_ARGS__ };                                              \
        struct ps2_decoder keys_decoder;                                                           \
        char keys_out[64];                                                                         \
        ps2_decoder_init(&keys_decoder, set);                                                      \
        keys_feed(&keys_decoder, keys_codes, sizeof(keys_codes), keys_out);                        \
        ck_assert_str_eq(keys_out, text);                                                          \
    } while (0)

START_TEST(keyboard_set_1_gives_letters_with_shift_caps_and_control)
{
    EXPECT_KEYS(1, "aA1!", 0x1e, 0x9e, 0x2a, 0x1e, 0x9e, 0xaa, 0x02, 0x36, 0x02, 0xb6);
    EXPECT_KEYS(1, "Aa1a", 0x3a, 0xba, 0x1e, 0x2a, 0x1e, 0xaa, 0x02, 0x3a, 0xba, 0x1e);
    EXPECT_KEYS(1, "\003c", 0x1d, 0x2e, 0x9d, 0x2e);      /* control-C, then not any more */
    EXPECT_KEYS(1, "\003", 0xe0, 0x1d, 0x2e, 0xe0, 0x9d); /* the right control key */
    EXPECT_KEYS(1, "\r\177\t\033", 0x1c, 0x0e, 0x0f, 0x01);
    EXPECT_KEYS(1, "\033x", 0x38, 0x2d, 0xb8);              /* alt-x */
    EXPECT_KEYS(1, "", 0xfa, 0x3b, 0xbb, 0x00, 0x58, 0x7f); /* acknowledgement, F1, no keys */
}
END_TEST

START_TEST(keyboard_set_1_gives_escapes_for_arrows)
{
    EXPECT_KEYS(1, "\033[A\033[B\033[C\033[D", 0xe0, 0x48, 0xe0, 0xc8, 0xe0, 0x50, 0xe0, 0x4d, 0xe0,
                0x4b);
    EXPECT_KEYS(1, "\033[3~\033[H\033[F", 0xe0, 0x53, 0xe0, 0x47, 0xe0, 0x4f);
    EXPECT_KEYS(1, "8\r/", 0x48, 0xe0, 0x1c, 0xe0, 0x35); /* keypad */
    /* Fake shifts round an arrow are none, and Pause is swallowed whole. */
    EXPECT_KEYS(1, "\033[Aa", 0xe0, 0x2a, 0xe0, 0x48, 0x1e);
    EXPECT_KEYS(1, "a", 0xe1, 0x1d, 0x45, 0xe1, 0x9d, 0xc5, 0x1e);
}
END_TEST

START_TEST(keyboard_set_2_gives_the_same)
{
    EXPECT_KEYS(2, "aA", 0x1c, 0xf0, 0x1c, 0x12, 0x1c, 0xf0, 0x1c, 0xf0, 0x12);
    EXPECT_KEYS(2, "a", 0x12, 0xf0, 0x12, 0x1c); /* shift released */
    EXPECT_KEYS(2, "\033[A\033[D", 0xe0, 0x75, 0xe0, 0xf0, 0x75, 0xe0, 0x6b);
    EXPECT_KEYS(2, "\r\177 ", 0x5a, 0xf0, 0x5a, 0x66, 0x29);
    EXPECT_KEYS(2, "a", 0xe1, 0x14, 0x77, 0xe1, 0xf0, 0x14, 0xf0, 0x77, 0x1c);
    EXPECT_KEYS(2, "", 0xfa, 0x83, 0x84, 0xff, 0xf0, 0xfe);
}
END_TEST

/* Every sequence of bytes is answered within bounds, and ordinary keys work after any rubbish. */
START_TEST(keyboard_survives_any_bytes)
{
    for (uint8_t set = 1; set <= 2; set++) {
        struct ps2_decoder decoder;
        uint32_t seed = 12345;
        char bytes[PS2_BYTES_MAX];

        ps2_decoder_init(&decoder, set);
        for (unsigned i = 0; i < 20000; i++) {
            seed = seed * 1103515245u + 12345u;
            ck_assert_uint_le(ps2_decode(&decoder, (uint8_t)(seed >> 16), bytes), PS2_BYTES_MAX);
        }
    }
}
END_TEST

/* ---- screen
 * -------------------------------------------------------------------------------------- */

/* Feed text; gives the result of its last byte. */
static enum vga_escape_result escape_feed(struct vga_escape *escape, const char *text)
{
    enum vga_escape_result result = VGA_ESCAPE_TEXT;

    for (; *text != '\0'; text++) {
        result = vga_escape_feed(escape, (uint8_t)*text);
    }
    return result;
}

START_TEST(screen_recognises_commands_with_parameters)
{
    struct vga_escape escape;

    vga_escape_init(&escape, 7);
    ck_assert_int_eq(escape_feed(&escape, "x"), VGA_ESCAPE_TEXT);
    ck_assert_int_eq(escape_feed(&escape, "\033[12;"), VGA_ESCAPE_MORE);
    ck_assert_int_eq(escape_feed(&escape, "34H"), VGA_ESCAPE_COMMAND);
    ck_assert_uint_eq(escape.final, 'H');
    ck_assert_uint_eq(escape.parameter[0], 12);
    ck_assert_uint_eq(escape.parameter[1], 34);
    ck_assert_int_eq(escape_feed(&escape, "\033[K"), VGA_ESCAPE_COMMAND);
    ck_assert_uint_eq(escape.parameter[0], 0);
    ck_assert_int_eq(escape_feed(&escape, "\033[;5H"), VGA_ESCAPE_COMMAND);
    ck_assert_uint_eq(escape.parameter[0], 0);
    ck_assert_uint_eq(escape.parameter[1], 5);
    ck_assert_int_eq(escape_feed(&escape, "\033[?25l"), VGA_ESCAPE_COMMAND);
    ck_assert_int_eq(escape_feed(&escape, "\033c"), VGA_ESCAPE_MORE); /* not a control sequence */
    ck_assert_int_eq(escape_feed(&escape, "y"), VGA_ESCAPE_TEXT);
}
END_TEST

START_TEST(screen_parameters_are_bounded)
{
    struct vga_escape escape;

    vga_escape_init(&escape, 7);
    escape_feed(&escape, "\033[99999999999;1;2;3;4;5;6;7;8;9;10;11;12m");
    ck_assert_uint_eq(escape.parameter[0], VGA_PARAMETER_MAX);
    ck_assert_uint_eq(escape.parameter[VGA_PARAMETERS_MAX - 1], 7);
    ck_assert_int_eq(escape_feed(&escape, "\033[3\033[4C"), VGA_ESCAPE_COMMAND); /* begun anew */
    ck_assert_uint_eq(escape.parameter[0], 4);
}
END_TEST

START_TEST(screen_colours_are_translated)
{
    struct vga_escape escape;

    vga_escape_init(&escape, 7);
    escape_feed(&escape, "\033[31m");
    ck_assert_uint_eq(escape.attribute, 0x04); /* ANSI red is VGA 4 */
    escape_feed(&escape, "\033[1;44m");
    ck_assert_uint_eq(escape.attribute, 0x1c);
    escape_feed(&escape, "\033[m");
    ck_assert_uint_eq(escape.attribute, 0x07);
    escape_feed(&escape, "\033[7m");
    ck_assert_uint_eq(escape.attribute, 0x70);
    escape_feed(&escape, "\033[0;93m");
    ck_assert_uint_eq(escape.attribute, 0x0e);
}
END_TEST

/* ---- clock chip
 * ---------------------------------------------------------------------------------- */

START_TEST(rtc_dates_become_seconds)
{
    struct rtc_raw raw = { .day = 1, .month = 1, .year = 0x70, .century = 0x19, .status_b = 2 };
    uint64_t seconds = 1;

    ck_assert_int_eq(rtc_seconds(&raw, &seconds), EXO_OK);
    ck_assert_uint_eq(seconds, 0);
    raw = (struct rtc_raw){ .second = 0x59,
                            .minute = 0x59,
                            .hour = 0x23,
                            .day = 0x29,
                            .month = 2,
                            .year = 0x24,
                            .century = 0x20,
                            .status_b = 2 };
    ck_assert_int_eq(rtc_seconds(&raw, &seconds), EXO_OK);
    ck_assert_uint_eq(seconds, 1709251199);
    raw = (struct rtc_raw){ .day = 1, .month = 3, .year = 0, .century = 0x21, .status_b = 2 };
    ck_assert_int_eq(rtc_seconds(&raw, &seconds), EXO_OK);
    ck_assert_uint_eq(seconds, 4107542400); /* 2100 is no leap year */
}
END_TEST

START_TEST(rtc_formats_and_missing_century_are_understood)
{
    /* 12 hours, BCD: 12 AM is midnight, 12 PM noon. */
    struct rtc_raw raw = { .hour = 0x12, .day = 1, .month = 1, .year = 0x26 };
    uint64_t seconds = 0;

    ck_assert_int_eq(rtc_seconds(&raw, &seconds), EXO_OK);
    ck_assert_uint_eq(seconds, 1767225600); /* and no century means 20 */
    raw.hour = 0x92;
    ck_assert_int_eq(rtc_seconds(&raw, &seconds), EXO_OK);
    ck_assert_uint_eq(seconds, 1767225600 + 12 * 3600);
    raw = (struct rtc_raw){
        .second = 30, .hour = 13, .day = 31, .month = 12, .year = 26, .century = 20, .status_b = 6
    };
    ck_assert_int_eq(rtc_seconds(&raw, &seconds), EXO_OK);
    ck_assert_uint_eq(seconds, 1798722030);
    raw.century = 77; /* rubbish in the century */
    ck_assert_int_eq(rtc_seconds(&raw, &seconds), EXO_OK);
    ck_assert_uint_eq(seconds, 1798722030);
}
END_TEST

START_TEST(rtc_impossible_dates_are_refused)
{
    const struct rtc_raw good = { .hour = 1, .day = 1, .month = 1, .year = 26, .status_b = 6 };
    uint64_t seconds = 5;
    struct rtc_raw raw = good;

    raw.month = 13;
    ck_assert_int_eq(rtc_seconds(&raw, &seconds), EXO_ERR_BAD_FORMAT);
    raw = good;
    raw.month = 0;
    ck_assert_int_eq(rtc_seconds(&raw, &seconds), EXO_ERR_BAD_FORMAT);
    raw = good;
    raw.day = 0;
    ck_assert_int_eq(rtc_seconds(&raw, &seconds), EXO_ERR_BAD_FORMAT);
    raw = good;
    raw.hour = 24;
    ck_assert_int_eq(rtc_seconds(&raw, &seconds), EXO_ERR_BAD_FORMAT);
    raw = good;
    raw.second = 60;
    ck_assert_int_eq(rtc_seconds(&raw, &seconds), EXO_ERR_BAD_FORMAT);
    raw = good;
    raw.status_b = 4; /* 12 hours: there is no hour 0 */
    raw.hour = 0;
    ck_assert_int_eq(rtc_seconds(&raw, &seconds), EXO_ERR_BAD_FORMAT);
    raw = good;
    raw.century = 19;
    ck_assert_int_eq(rtc_seconds(&raw, &seconds), EXO_ERR_BAD_FORMAT); /* 1926 */
    ck_assert_uint_eq(seconds, 5);
}
END_TEST

START_TEST(topology_splits_apic_ids)
{
    struct cpu_topology place;

    cpu_topology_split(0x1b, 1, 4, &place);
    ck_assert_uint_eq(place.thread, 1);
    ck_assert_uint_eq(place.core, 5);
    ck_assert_uint_eq(place.package, 1);
    cpu_topology_split(5, 0, 0, &place); /* every CPU its own package */
    ck_assert_uint_eq(place.package, 5);
    ck_assert_uint_eq(place.core, 0);
    cpu_topology_split(7, 3, 1, &place); /* contradictory: the thread's bits win */
    ck_assert_uint_eq(place.thread, 7);
    ck_assert_uint_eq(place.core, 0);
    ck_assert_uint_eq(place.package, 0);
    cpu_topology_split(7, 40, 50, &place); /* out of range */
    ck_assert_uint_eq(place.thread, 7);
}
END_TEST

EXO_SUITE(x86_devices, EXO_TEST(keyboard_set_1_gives_letters_with_shift_caps_and_control),
          EXO_TEST(keyboard_set_1_gives_escapes_for_arrows),
          EXO_TEST(keyboard_set_2_gives_the_same), EXO_TEST(keyboard_survives_any_bytes),
          EXO_TEST(screen_recognises_commands_with_parameters),
          EXO_TEST(screen_parameters_are_bounded), EXO_TEST(screen_colours_are_translated),
          EXO_TEST(rtc_dates_become_seconds),
          EXO_TEST(rtc_formats_and_missing_century_are_understood),
          EXO_TEST(rtc_impossible_dates_are_refused), EXO_TEST(topology_splits_apic_ids))
