/*
 * end.c - the end of a run: the line that describes it, and the command that repeats it.
 *
 * Invariant (1): the first reason to end is the one that is told; the process ends on the host's
 * own stack (sim_leave), so that exit() has room.
 */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "exo/debug/panic.h"
#include "sim.h"

#define STATUS_MISTAKE 2 /* bad options, a host that refuses */
#define NS_PER_S       1000000000ull

enum end { END_EXIT, END_RESTART, END_SIGNAL };

static enum end g_end;
static const char *g_why;
static bool g_told;
static char **g_restart_argv;
static uint64_t g_start_ns; /* on the host's clock, for the speed alone */

static uint64_t host_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

void host_fail(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    hosted_fail_tell("exo-sim", format, args);
    va_end(args);
    _exit(STATUS_MISTAKE);
}

void hosted_housekeeper_init(bool read_input, char **restart_argv)
{
    g_restart_argv = restart_argv;
    g_start_ns = host_ns();
    signal(SIGPIPE, SIG_IGN); /* writes say so instead */
    sim_console_open(read_input);
    sim_streams_seed(g_sim.seed);
    sim_policy_init();
    sim_log_open();
    sim_trace_open();
}

void hosted_housekeeper_wake(void)
{
}

void sim_end(int status, const char *why)
{
    g_why = g_why != NULL ? g_why : why;
    sim_leave(status);
}

void hal_shutdown(int status)
{
    sim_end(status & 0xff, NULL);
}

void hal_restart(void)
{
    g_end = END_RESTART;
    sim_leave(0);
}

void hosted_housekeeper_end_by(int signal)
{
    g_end = END_SIGNAL;
    sim_leave(signal);
}

static struct sim_result result_make(int status)
{
    struct sim_result result = { .points = sim_points(),
                                 .events = sim_trace_events(),
                                 .hash = sim_trace_hash(),
                                 .decisions = sim_decisions(),
                                 .time_ns = sim_now_ns(),
                                 .faults = sim_faults_fired(),
                                 .cuts = sim_cuts(),
                                 .status = status };

    for (uint32_t i = 0; i < SIM_STREAMS; i++) {
        result.last[i] = sim_stream_last((enum sim_stream)i);
    }
    return result;
}

bool sim_result_same(const struct sim_result *a, const struct sim_result *b)
{
    return a->points == b->points && a->events == b->events && a->hash == b->hash &&
           a->decisions == b->decisions && a->time_ns == b->time_ns && a->status == b->status &&
           a->faults == b->faults && memcmp(a->last, b->last, sizeof(a->last)) == 0;
}

/* The line that two runs of one seed have in common, to the last letter, unless it says that they
 * have not. */
static void line_print(const struct sim_result *result)
{
    fprintf(stderr, "exo-sim: seed=%llu build=%s-%s policy=%s points=%llu events=%llu hash=%016llx",
            (unsigned long long)g_sim.seed, EXO_VERSION, EXO_COMMIT, sim_policy_name(g_sim.policy),
            (unsigned long long)result->points, (unsigned long long)result->events,
            (unsigned long long)result->hash);
    for (uint32_t i = 0; i < SIM_STREAMS; i++) {
        fprintf(stderr, " %s=%016llx", sim_stream_name((enum sim_stream)i),
                (unsigned long long)result->last[i]);
    }
    fprintf(stderr, " decisions=%llu time_ns=%llu status=%d%s\n",
            (unsigned long long)result->decisions, (unsigned long long)result->time_ns,
            result->status, result->cuts != 0 ? " NONDETERMINISTIC" : "");
}

static void report(int status)
{
    const uint64_t took_ns = host_ns() - g_start_ns + 1;
    const struct sim_result result = result_make(status);

    sim_trace_close();
    sim_log_close();
    fflush(stdout);
    if (g_sim.result != NULL) {
        *g_sim.result = result;
    }
    if (g_why != NULL) {
        fprintf(stderr, "exo-sim: %s\n", g_why);
    }
    if (result.cuts != 0) {
        fprintf(stderr, "exo-sim: user code looped without a call and was cut %llu times\n",
                (unsigned long long)result.cuts);
    }
    if (!g_sim.silent || status != 0) {
        line_print(&result);
    }
    if (!g_sim.silent) {
        fprintf(stderr, "exo-sim: %llu decisions a second\n",
                (unsigned long long)((unsigned __int128)sim_decisions() * NS_PER_S / took_ns));
    }
    if (g_why != NULL || status == PANIC_STATUS || (g_sim.status_tells && status != 0)) {
        fprintf(stderr, "exo-sim: again: %s\n", g_sim.command);
    }
}

void sim_finish(int status)
{
    hosted_terminal_restore();
    if (g_told) {
        _exit(status);
    }
    g_told = true;
    if (g_end == END_EXIT && status == 0 && sim_cuts() != 0) {
        status = SIM_STATUS_CUT;
    }
    report(g_end == END_SIGNAL ? 128 + status : status);
    if (g_end == END_RESTART && g_restart_argv != NULL) {
        execv("/proc/self/exe", g_restart_argv);
        host_fail("cannot start again: %s", strerror(errno));
    }
    if (g_end == END_SIGNAL) {
        signal(status, SIG_DFL);
        raise(status);
    }
    exit(status);
}
