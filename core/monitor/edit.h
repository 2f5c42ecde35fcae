/*
 * edit.h - editing one line of a terminal, with a history of lines.
 *
 * Fed byte by byte; what must appear on the terminal goes out through `write`. Keys: left, right,
 * up, down, Home, End, Delete, Backspace, ^A ^B ^C ^E ^F ^K ^N ^P ^U ^W, and ^D: Delete, or the end
 * on an empty line. Other control bytes are ignored; bytes above 0x7f are taken as they are.
 */
#ifndef EDIT_H
#define EDIT_H

#include "exo/monitor.h"

#define EDIT_HISTORY_MAX 32u /* lines kept */

enum edit_result {
    EDIT_MORE, /* the line is not finished */
    EDIT_LINE, /* finished: text[] is the line; edit_begin() before the next byte */
    EDIT_END,  /* ^D on an empty line */
};

/* Where in an escape sequence the input stands. */
enum edit_escape { ESCAPE_NONE, ESCAPE_SEEN, ESCAPE_BRACKET, ESCAPE_NUMBER, ESCAPE_O };

struct line_edit {
    const char *prompt;                                 /* [c] */
    void (*write)(const char *bytes, size_t len_bytes); /* [c] */
    char text[MONITOR_LINE_MAX];                        /* NUL-terminated */
    size_t len;
    size_t cursor; /* 0..len */
    enum edit_escape escape;
    uint32_t escape_number;
    bool after_return; /* the last byte was CR: a LF that follows belongs to it */
    char history[EDIT_HISTORY_MAX][MONITOR_LINE_MAX];
    uint32_t history_count;       /* lines ever added */
    uint32_t history_offset;      /* how far back the shown line is, 0 = the one being typed */
    char typed[MONITOR_LINE_MAX]; /* the line being typed, while an older one is shown */
};

void edit_init(struct line_edit *edit, const char *prompt,
               void (*write)(const char *bytes, size_t len_bytes));

/* Print the prompt and start an empty line. */
void edit_begin(struct line_edit *edit);

enum edit_result edit_feed(struct line_edit *edit, char byte);

#endif /* EDIT_H */
