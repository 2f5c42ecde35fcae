/*
 * tests/core/monitor/test_edit.c - the line editor, against a terminal that is as simple as the
 * editor's use of one: it knows CR, LF, BEL, ESC [ K and ESC [ n D.
 */
#include "edit.h"

#include "exo/lib/string.h"
#include "exo_check.h"

static struct line_edit g_edit;

static char g_row[600]; /* what the terminal's row shows */
static size_t g_row_len;
static size_t g_column;

static void row_put(char byte)
{
    g_row[g_column++] = byte;
    if (g_column > g_row_len) {
        g_row_len = g_column;
    }
    g_row[g_row_len] = '\0';
}

/* One sequence of ESC [ digits letter at bytes[0]; returns its length. */
static size_t row_escape(const char *bytes)
{
    size_t at = 2;
    size_t number = 0;

    ck_assert_int_eq(bytes[1], '[');
    for (; bytes[at] >= '0' && bytes[at] <= '9'; at++) {
        number = number * 10 + (size_t)(bytes[at] - '0');
    }
    if (bytes[at] == 'K') {
        g_row_len = g_column;
        g_row[g_row_len] = '\0';
    } else {
        ck_assert_int_eq(bytes[at], 'D');
        ck_assert_uint_le(number, g_column);
        g_column -= number;
    }
    return at + 1;
}

static void terminal(const char *bytes, size_t len_bytes)
{
    for (size_t i = 0; i < len_bytes;) {
        switch (bytes[i]) {
        case '\x1b':
            i += row_escape(bytes + i);
            continue;
        case '\r':
            g_column = 0;
            break;
        case '\n':
            g_column = 0;
            g_row_len = 0;
            g_row[0] = '\0';
            break;
        case '\a':
            break;
        default:
            row_put(bytes[i]);
            break;
        }
        i++;
    }
}

static void begin(void)
{
    g_column = 0;
    g_row_len = 0;
    edit_init(&g_edit, "> ", terminal);
    edit_begin(&g_edit);
}

static enum edit_result feed(const char *keys)
{
    enum edit_result result = EDIT_MORE;

    for (; *keys != '\0'; keys++) {
        ck_assert_int_eq(result, EDIT_MORE);
        result = edit_feed(&g_edit, *keys);
        if (result == EDIT_MORE) {
            /* Invariant (2): the terminal shows the prompt and the text, its cursor in place. */
            ck_assert_mem_eq(g_row, "> ", 2);
            ck_assert_str_eq(g_row + 2, g_edit.text);
            ck_assert_uint_eq(g_column, 2 + g_edit.cursor);
        }
    }
    return result;
}

static void expect_line(const char *keys, const char *line)
{
    ck_assert_int_eq(feed(keys), EDIT_LINE);
    ck_assert_str_eq(g_edit.text, line);
    edit_begin(&g_edit);
}

START_TEST(edit_inserts_and_erases_anywhere)
{
    begin();
    expect_line("help\r", "help");
    ck_assert_int_eq(feed("\n"), EDIT_MORE);       /* the LF of that CR */
    expect_line("\n", "");                         /* one of its own */
    expect_line("hlp\x1b[D\x1b[De\r", "help");     /* left, left, insert */
    expect_line("\nhelpx\x7f\r", "help");          /* LF after CR, backspace */
    expect_line("xhelp\x01\x1b[3~\r", "help");     /* ^A, Delete */
    expect_line("helx\x02\x04p\r", "help");        /* ^B, ^D deletes under the cursor */
    expect_line("elp\x1b[Hh\x1b[F!\r", "help!");   /* Home, End */
    expect_line("elp\x1bOHh\x1bOF!\r", "help!");   /* the other spelling */
    expect_line("elp\x1b[1~h\x1b[4~!\r", "help!"); /* and the third */
    expect_line("ab\x02\x06"
                "c\r",
                "abc");                 /* ^B ^F */
    expect_line("a\x1b[1;5Db\r", "ba"); /* ctrl-left counts as left */
}
END_TEST

START_TEST(edit_kills_words_and_line_parts)
{
    begin();
    expect_line("one two  \x17three\r", "one three"); /* ^W */
    expect_line("garbage\x15help\r", "help");         /* ^U */
    expect_line("help me\x02\x02\x02\x0b\r", "help"); /* ^K */
    expect_line("help me\x02\x02\x02\x15\r", " me");  /* ^U keeps what is behind */
    expect_line("bad\x03good\r", "good");             /* ^C */
}
END_TEST

START_TEST(edit_ends_only_on_an_empty_line)
{
    begin();
    ck_assert_int_eq(feed("x\x04\x7f"), EDIT_MORE);
    ck_assert_int_eq(feed("\x04"), EDIT_END);
}
END_TEST

START_TEST(edit_history_goes_back_and_forth)
{
    begin();
    expect_line("first\r", "first");
    expect_line("second\r", "second");
    expect_line("second\r", "second"); /* kept once */
    expect_line("\x1b[A\r", "second");
    expect_line("\x10\x10\r", "first");                       /* ^P ^P */
    expect_line("\x1b[A\x1b[A\x1b[A\x1b[A\x1b[A\r", "first"); /* stops at the oldest */
    expect_line("typed\x1b[A\x1b[B\r", "typed");              /* the unfinished line comes back */
    expect_line("\x1b[A!\r", "typed!");                       /* an old line may be changed */
    expect_line("\x0e\x1b[Bx\r", "x");                        /* nothing newer */
}
END_TEST

START_TEST(edit_history_forgets_the_oldest)
{
    char line[4] = "l?\r";

    begin();
    for (unsigned i = 0; i < EDIT_HISTORY_MAX + 5; i++) {
        line[1] = (char)('0' + i);
        ck_assert_int_eq(feed(line), EDIT_LINE);
        edit_begin(&g_edit);
    }
    for (unsigned i = 0; i < EDIT_HISTORY_MAX + 9; i++) {
        ck_assert_int_eq(feed("\x1b[A"), EDIT_MORE);
    }
    ck_assert_str_eq(g_edit.text, "l5");
}
END_TEST

START_TEST(edit_refuses_more_than_a_line)
{
    begin();
    for (unsigned i = 0; i < MONITOR_LINE_MAX + 10; i++) {
        ck_assert_int_eq(feed("x"), EDIT_MORE);
    }
    ck_assert_uint_eq(g_edit.len, MONITOR_LINE_MAX - 1);
    ck_assert_int_eq(feed("\x1b[Dy"), EDIT_MORE);
    ck_assert_uint_eq(g_edit.len, MONITOR_LINE_MAX - 1);
}
END_TEST

START_TEST(edit_ignores_unknown_keys)
{
    begin();
    expect_line("a\x1b[99~\x1b[Z\x1bx\x07\x1b[12;34~b\r", "ab");
}
END_TEST

EXO_SUITE(monitor_edit, EXO_TEST(edit_inserts_and_erases_anywhere),
          EXO_TEST(edit_kills_words_and_line_parts), EXO_TEST(edit_ends_only_on_an_empty_line),
          EXO_TEST(edit_history_goes_back_and_forth), EXO_TEST(edit_history_forgets_the_oldest),
          EXO_TEST(edit_refuses_more_than_a_line), EXO_TEST(edit_ignores_unknown_keys))
