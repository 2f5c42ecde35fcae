/*
 * core/monitor/edit.c - the line editor.
 *
 * Invariants between bytes:
 *   (1) text[len] is NUL, cursor <= len < MONITOR_LINE_MAX;
 *   (2) what the terminal shows is the prompt and the text, its cursor at `cursor`;
 *   (3) history_offset is at most the number of lines kept; above 0 `typed` holds the unfinished
 *       line.
 */
#include "edit.h"

#include "exo/lib/fmt.h"
#include "exo/lib/string.h"

#define CTRL(letter) ((letter) - 'A' + 1)
#define DEL          0x7f
#define ESC          0x1b

static void put(struct line_edit *edit, const char *text)
{
    edit->write(text, strlen(text));
}

/* Show everything anew: from the line's start, the rest of the line cleared, then the cursor back.
 * */
static void redraw(struct line_edit *edit)
{
    char back[16];

    put(edit, "\r");
    put(edit, edit->prompt);
    edit->write(edit->text, edit->len);
    put(edit, "\x1b[K");
    if (edit->cursor < edit->len) {
        fmt_print(back, sizeof(back), "\x1b[%zuD", edit->len - edit->cursor);
        put(edit, back);
    }
}

static void line_set(struct line_edit *edit, const char *text)
{
    str_copy(edit->text, sizeof(edit->text), text);
    edit->len = strlen(edit->text);
    edit->cursor = edit->len;
}

void edit_init(struct line_edit *edit, const char *prompt,
               void (*write)(const char *bytes, size_t len_bytes))
{
    memset(edit, 0, sizeof(*edit));
    edit->prompt = prompt;
    edit->write = write;
}

void edit_begin(struct line_edit *edit)
{
    line_set(edit, "");
    edit->history_offset = 0;
    edit->escape = ESCAPE_NONE;
    put(edit, edit->prompt);
}

/* ---- changing the text ---- */

static void insert(struct line_edit *edit, char byte)
{
    if (edit->len + 1 >= sizeof(edit->text)) {
        put(edit, "\a");
        return;
    }
    memmove(edit->text + edit->cursor + 1, edit->text + edit->cursor, edit->len - edit->cursor + 1);
    edit->text[edit->cursor++] = byte;
    edit->len++;
    if (edit->cursor == edit->len) {
        edit->write(&byte, 1);
    } else {
        redraw(edit);
    }
}

/* Remove bytes [from, to) and leave the cursor at `from`. */
static void erase(struct line_edit *edit, size_t from, size_t to)
{
    if (from == to) {
        return;
    }
    memmove(edit->text + from, edit->text + to, edit->len - to + 1);
    edit->len -= to - from;
    edit->cursor = from;
    redraw(edit);
}

/* Where the word before the cursor begins. */
static size_t word_start(const struct line_edit *edit)
{
    size_t at = edit->cursor;

    while (at > 0 && edit->text[at - 1] == ' ') {
        at--;
    }
    while (at > 0 && edit->text[at - 1] != ' ') {
        at--;
    }
    return at;
}

static void move(struct line_edit *edit, size_t cursor)
{
    if (cursor != edit->cursor) {
        edit->cursor = cursor;
        redraw(edit);
    }
}

static void move_left(struct line_edit *edit)
{
    move(edit, edit->cursor > 0 ? edit->cursor - 1 : 0);
}

static void move_right(struct line_edit *edit)
{
    move(edit, edit->cursor < edit->len ? edit->cursor + 1 : edit->len);
}

static void delete_at(struct line_edit *edit)
{
    erase(edit, edit->cursor, edit->cursor < edit->len ? edit->cursor + 1 : edit->len);
}

/* ---- history ---- */

static char *history_line(struct line_edit *edit, uint32_t offset)
{
    return edit->history[(edit->history_count - offset) % EDIT_HISTORY_MAX];
}

static void history_add(struct line_edit *edit)
{
    if (edit->len == 0 ||
        (edit->history_count > 0 && str_equal(history_line(edit, 1), edit->text))) {
        return;
    }
    str_copy(edit->history[edit->history_count % EDIT_HISTORY_MAX], MONITOR_LINE_MAX, edit->text);
    edit->history_count++;
}

/* Show the line `offset` lines back. */
static void history_show(struct line_edit *edit, uint32_t offset)
{
    const uint32_t kept =
        edit->history_count < EDIT_HISTORY_MAX ? edit->history_count : EDIT_HISTORY_MAX;

    if (offset > kept) {
        return;
    }
    if (edit->history_offset == 0) {
        str_copy(edit->typed, sizeof(edit->typed), edit->text);
    }
    edit->history_offset = offset;
    line_set(edit, offset == 0 ? edit->typed : history_line(edit, offset));
    redraw(edit);
}

static void history_older(struct line_edit *edit)
{
    history_show(edit, edit->history_offset + 1);
}

static void history_newer(struct line_edit *edit)
{
    if (edit->history_offset > 0) {
        history_show(edit, edit->history_offset - 1);
    }
}

/* ---- keys ---- */

/* The final byte of ESC [ or ESC O. */
static void key_letter(struct line_edit *edit, char letter)
{
    switch (letter) {
    case 'A':
        history_older(edit);
        break;
    case 'B':
        history_newer(edit);
        break;
    case 'C':
        move_right(edit);
        break;
    case 'D':
        move_left(edit);
        break;
    case 'H':
        move(edit, 0);
        break;
    case 'F':
        move(edit, edit->len);
        break;
    default:
        break;
    }
}

/* The number of ESC [ number ~. */
static void key_number(struct line_edit *edit, uint32_t number)
{
    switch (number) {
    case 1:
    case 7:
        move(edit, 0);
        break;
    case 3:
        delete_at(edit);
        break;
    case 4:
    case 8:
        move(edit, edit->len);
        break;
    default:
        break;
    }
}

/* Feed a byte of an escape sequence. */
static void feed_escape(struct line_edit *edit, char byte)
{
    const enum edit_escape state = edit->escape;

    edit->escape = ESCAPE_NONE;
    if (state == ESCAPE_SEEN) {
        if (byte == '[') {
            edit->escape = ESCAPE_BRACKET;
        } else if (byte == 'O') {
            edit->escape = ESCAPE_O;
        }
        return;
    }
    if (state != ESCAPE_O && byte >= '0' && byte <= '9') {
        edit->escape_number =
            (state == ESCAPE_NUMBER ? edit->escape_number % 100 * 10 : 0) + (uint32_t)(byte - '0');
        edit->escape = ESCAPE_NUMBER;
    } else if (state == ESCAPE_NUMBER && byte == ';') {
        edit->escape = ESCAPE_BRACKET; /* a modifier follows: the key counts, not its modifier */
    } else if (state == ESCAPE_NUMBER && byte == '~') {
        key_number(edit, edit->escape_number);
    } else {
        key_letter(edit, byte);
    }
}

static enum edit_result finish(struct line_edit *edit)
{
    put(edit, "\n");
    history_add(edit);
    return EDIT_LINE;
}

/* ^C: give the line up and start another. */
static void abandon(struct line_edit *edit)
{
    put(edit, "^C\n");
    edit_begin(edit);
}

static enum edit_result feed_control(struct line_edit *edit, char byte)
{
    switch (byte) {
    case '\r':
        edit->after_return = true;
        return finish(edit);
    case '\n':
        return finish(edit);
    case CTRL('D'):
        if (edit->len == 0) {
            return EDIT_END;
        }
        delete_at(edit);
        break;
    case CTRL('A'):
        move(edit, 0);
        break;
    case CTRL('B'):
        move_left(edit);
        break;
    case CTRL('C'):
        abandon(edit);
        break;
    case CTRL('E'):
        move(edit, edit->len);
        break;
    case CTRL('F'):
        move_right(edit);
        break;
    case CTRL('K'):
        erase(edit, edit->cursor, edit->len);
        break;
    case CTRL('N'):
        history_newer(edit);
        break;
    case CTRL('P'):
        history_older(edit);
        break;
    case CTRL('U'):
        erase(edit, 0, edit->cursor);
        break;
    case CTRL('W'):
        erase(edit, word_start(edit), edit->cursor);
        break;
    case '\b':
    case DEL:
        erase(edit, edit->cursor > 0 ? edit->cursor - 1 : 0, edit->cursor);
        break;
    case ESC:
        edit->escape = ESCAPE_SEEN;
        break;
    default:
        break;
    }
    return EDIT_MORE;
}

enum edit_result edit_feed(struct line_edit *edit, char byte)
{
    const bool is_pair = edit->after_return && byte == '\n';

    edit->after_return = false;
    if (is_pair) {
        return EDIT_MORE;
    }
    if (edit->escape != ESCAPE_NONE) {
        feed_escape(edit, byte);
        return EDIT_MORE;
    }
    if ((unsigned char)byte < ' ' || byte == DEL) {
        return feed_control(edit, byte);
    }
    insert(edit, byte);
    return EDIT_MORE;
}
