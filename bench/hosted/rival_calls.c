/*
 * rival_calls.c - getppid in a process whose every call a tracer answers (PTRACE_SYSEMU), beside
 * the null system call; and that beside the host's own getppid.
 */
#include <signal.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/reg.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "exo/hal.h"
#include "exo_bench.h"

#define REGS_MAX 32u /* words of the registers as the host hands them over: 27 */

static void tracee_main(void)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (ptrace(PTRACE_TRACEME, 0, 0, 0) != 0) {
        _exit(1);
    }
    raise(SIGSTOP);
    for (;;) {
        syscall(SYS_getppid);
    }
}

/* Wait for the tracee's next stop, as long as the machine's timer interrupts the wait. */
static bool stop_await(pid_t pid)
{
    int status = 0;
    pid_t got;

    do {
        got = waitpid(pid, &status, __WALL);
    } while (got < 0);
    return WIFSTOPPED(status);
}

/* Let the tracee go on to its next call and answer that with 1. */
static bool call_emulate(pid_t pid)
{
    uint64_t regs[REGS_MAX];

    if (ptrace(PTRACE_SYSEMU, pid, 0, 0) != 0 || !stop_await(pid) ||
        ptrace(PTRACE_GETREGS, pid, 0, regs) != 0) {
        return false;
    }
    regs[RAX] = 1;
    return ptrace(PTRACE_SETREGS, pid, 0, regs) == 0;
}

static void calls_emulate(struct bench_run *run, pid_t pid)
{
    bool good = stop_await(pid) && call_emulate(pid);

    bench_start(run);
    for (uint64_t i = 0; i < run->loops && good; i++) {
        good = call_emulate(pid);
    }
    bench_stop(run);
    run->skipped = !good;
}

BENCH(rival_ptrace_sysemu, "getppid answered by a tracer with PTRACE_SYSEMU, 12 us", false)
{
    const hal_irq_t irq = hal_irq_save();
    const pid_t pid = fork();

    if (pid == 0) {
        tracee_main();
    }
    if (pid > 0) {
        calls_emulate(run, pid);
        kill(pid, SIGKILL);
        waitpid(pid, NULL, __WALL);
    }
    hal_irq_restore(irq);
}

BENCH_CLAIM(null_system_call, rival_getppid, 0);
BENCH_CLAIM(null_system_call, rival_ptrace_sysemu, 0);
