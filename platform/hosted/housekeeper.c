/*
 * housekeeper.c - the process's first thread: standard input, host signals, the end.
 *
 * It sleeps in poll() until bytes come, a signal for the process is there, or a CPU asks for the
 * end. The end is its business because exit() wants an ordinary stack and a thread that holds no
 * kernel state: the asking CPU only waits, and ends the process itself if exit() hangs on what a
 * stopped CPU held.
 *
 * Life: RUNNING -(hal_shutdown, hal_restart, hosted_housekeeper_end_by)-> one of the ends; the
 * first wins.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "host.h"

#define STATUS_MISTAKE 2              /* bad options, a host that refuses */
#define END_TIMEOUT_NS 10000000000ull /* exit() runs sanitizers' and profilers' reports */
#define END_POLL_NS    10000000

enum end { END_NONE, END_EXIT, END_RESTART, END_SIGNAL };

static _Atomic uint32_t g_end; /* enum end */
static uint32_t g_end_cpu;     /* who asked; written before g_end */
static int g_end_value;        /* status or signal; written before g_end */
static _Atomic bool g_end_claimed;
static int g_wake_fd = -1;
static int g_signal_fd = -1;
static bool g_reading;
static char **g_restart_argv;

void host_fail(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    hosted_fail_tell("exo-hosted", format, args);
    va_end(args);
    exit(STATUS_MISTAKE);
}

void hosted_housekeeper_wake(void)
{
    const uint64_t one = 1;

    if (write(g_wake_fd, &one, sizeof(one)) < 0) {
        return; /* the counter is at its limit: awake already */
    }
}

/* Ask for the end and wait for it. Context: CPU, any. */
static _Noreturn void end_ask(enum end end, int value)
{
    struct timespec nap = { .tv_nsec = END_POLL_NS };

    hal_irq_disable();
    if (!atomic_exchange(&g_end_claimed, true)) {
        g_end_cpu = hal_cpu_id();
        g_end_value = value;
        atomic_store(&g_end, end);
        hosted_housekeeper_wake();
    }
    const uint64_t limit_ns = hal_clock_ns() + END_TIMEOUT_NS;

    while (hal_clock_ns() < limit_ns) {
        host_syscall(SYS_nanosleep, (long)&nap, 0, 0, 0);
    }
    hosted_terminal_restore();
    _exit(value);
}

void hal_shutdown(int status)
{
    end_ask(END_EXIT, status & 0xff);
}

void hal_restart(void)
{
    end_ask(END_RESTART, 0);
}

void hosted_housekeeper_end_by(int signal)
{
    end_ask(END_SIGNAL, signal);
}

/* Let `signal` do what it does by default. */
static void signal_reset(int number)
{
    signal(number, SIG_DFL);
}

/* Die of `signal` as if nobody had caught it. */
static _Noreturn void die_of(int signal)
{
    sigset_t set;

    hosted_terminal_restore();
    signal_reset(signal);
    sigemptyset(&set);
    sigaddset(&set, signal);
    kill(getpid(), signal);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    _exit(128 + signal);
}

static _Noreturn void end_now(void)
{
    const enum end end = (enum end)atomic_load(&g_end);

    hosted_cpu_stop_all(g_end_cpu);
    hosted_terminal_restore();
    if (end == END_SIGNAL) {
        die_of(g_end_value);
    }
    if (end == END_RESTART && g_restart_argv != NULL) {
        sigset_t none;

        sigemptyset(&none); /* the mask outlives exec */
        sigprocmask(SIG_SETMASK, &none, NULL);
        execv("/proc/self/exe", g_restart_argv);
        host_fail("cannot start again: %s", strerror(errno));
    }
    exit(g_end_value);
}

/* A signal that was sent to the process. */
static void signal_take(void)
{
    struct signalfd_siginfo info;

    if (read(g_signal_fd, &info, sizeof(info)) != (ssize_t)sizeof(info)) {
        return;
    }
    switch (info.ssi_signo) {
    case SIGTSTP:
        hosted_terminal_restore();
        kill(getpid(), SIGSTOP);
        hosted_terminal_raw(); /* here when continued, unless in the background */
        break;
    case SIGCONT:
        hosted_terminal_raw();
        break;
    default:
        die_of((int)info.ssi_signo);
    }
}

void hosted_housekeeper_init(bool read_input, char **restart_argv)
{
    static const int taken[] = { SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGTSTP, SIGCONT };
    sigset_t set;

    g_reading = read_input;
    g_restart_argv = restart_argv;
    signal(SIGPIPE, SIG_IGN); /* writes say so instead */
    signal(SIGTTOU, SIG_IGN); /* the mode is put back from the background too */
    sigemptyset(&set);
    for (size_t i = 0; i < ARRAY_COUNT(taken); i++) {
        sigaddset(&set, taken[i]);
    }
    g_signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    g_wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (g_signal_fd < 0 || g_wake_fd < 0) {
        host_fail("cannot make the housekeeper's descriptors: %s", strerror(errno));
    }
    sigaddset(&set, HOSTED_SIGNAL_IPI); /* the CPUs' own */
    sigaddset(&set, HOSTED_SIGNAL_TIMER);
    sigprocmask(SIG_SETMASK, &set, NULL);
}

void hosted_housekeeper_run(void)
{
    for (;;) {
        const bool read_now = g_reading && hosted_console_has_room();
        struct pollfd fds[] = {
            { .fd = g_wake_fd, .events = POLLIN },
            { .fd = g_signal_fd, .events = POLLIN },
            { .fd = read_now ? STDIN_FILENO : -1, .events = POLLIN },
        };
        uint64_t count;

        if (poll(fds, ARRAY_COUNT(fds), -1) < 0) {
            continue;
        }
        if (fds[0].revents != 0 && read(g_wake_fd, &count, sizeof(count)) > 0 &&
            atomic_load(&g_end) != END_NONE) {
            end_now();
        }
        if (fds[1].revents != 0) {
            signal_take();
        }
        if (fds[2].revents != 0) {
            g_reading = hosted_console_read();
        }
    }
}
