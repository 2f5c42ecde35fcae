/*
 * console.c - the simulator's console: output goes out as it is, input comes in a byte at a time
 * when the machine has come to rest.
 *
 * A byte is delivered when all CPUs idle and no event is set: a moment that the run itself decides,
 * however the bytes are dealt out to the process. So a run with the same input is the same run.
 *
 * Invariant (1): g_byte is written while no CPU runs, and read by CPU 0 in the interrupt that the
 * writing raised; there is no other byte before that.
 */
#include <errno.h>
#include <unistd.h>

#include "sim.h"

#define OUTPUT_COST_NS 1000u
#define READ_BYTES     4096u
#define END_OF_FILE    0x04 /* what the core gets for the end of input: control-D */

static bool g_reading;
static bool g_full; /* g_byte waits for the interrupt */
static char g_byte;
static char g_read[READ_BYTES]; /* read from the host, not yet let in */
static size_t g_read_count;
static size_t g_read_next;

void sim_console_open(bool reading)
{
    g_reading = reading;
}

void hal_console_write(enum hal_stream stream, const char *bytes, size_t len_bytes)
{
    uint64_t hash = len_bytes;

    for (size_t i = 0; i < len_bytes; i++) {
        hash = hash * 31 + (unsigned char)bytes[i];
    }
    sim_trace(SIM_TRACE_OUTPUT, hash);
    hosted_write(stream, bytes, len_bytes);
    sim_call(OUTPUT_COST_NS);
}

/* Take the next byte that there is, or the end; waits for the host, never for the machine. */
static char byte_next(void)
{
    if (g_read_next == g_read_count) {
        ssize_t got;

        do {
            got = read(STDIN_FILENO, g_read, sizeof(g_read));
        } while (got < 0 && (errno == EINTR || errno == EAGAIN));
        g_read_next = 0;
        g_read_count = got > 0 ? (size_t)got : 0;
        if (g_read_count == 0) {
            g_reading = false;
            return END_OF_FILE;
        }
    }
    return g_read[g_read_next++];
}

bool sim_console_input(void)
{
    if (!g_reading || g_full) {
        return false;
    }
    g_byte = byte_next();
    g_full = true;
    sim_trace(SIM_TRACE_INPUT, (unsigned char)g_byte);
    sim_irq_arrive(0, HOSTED_IRQ_INPUT);
    return true;
}

void hosted_console_deliver(void)
{
    if (g_full) {
        const char byte = g_byte;

        g_full = false;
        core_on_console_input(&byte, 1);
    }
}
