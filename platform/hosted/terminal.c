/*
 * terminal.c - the mode of the terminal that standard input may be; it is put back on every way
 * out.
 *
 * Invariant (1): g_saved holds the terminal's mode from before the start while g_raw is set.
 */
#include <stdatomic.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#include "host.h"

static bool g_terminal; /* standard input is a terminal that is to be raw */
static struct termios g_saved;
static _Atomic bool g_raw;

void hosted_terminal_restore(void)
{
    if (atomic_exchange(&g_raw, false)) {
        tcsetattr(STDIN_FILENO, TCSADRAIN, &g_saved);
    }
}

/* Bytes as they are typed: no line editing, no echo, no signals from keys; output stays translated,
 * so that "\n" begins a line. */
void hosted_terminal_raw(void)
{
    struct termios raw = g_saved;

    if (!g_terminal || tcgetpgrp(STDIN_FILENO) != getpgrp()) {
        return;
    }
    raw.c_iflag &= ~(tcflag_t)(ICRNL | INLCR | IGNCR | IXON | ISTRIP | BRKINT);
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO | ECHONL | ISIG | IEXTEN);
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    atomic_store(&g_raw, true);
    tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
}

void hosted_terminal_init(bool raw)
{
    g_terminal = raw && isatty(STDIN_FILENO) != 0 && tcgetattr(STDIN_FILENO, &g_saved) == 0;
    if (g_terminal) {
        atexit(hosted_terminal_restore);
        hosted_terminal_raw();
    }
}
