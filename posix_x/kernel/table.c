/*
 * posix_x/kernel/table.c - which Linux calls are answered, by whom, on which path.
 *
 * A row that is missing answers ENOSYS: never half an answer. docs/posix-x.md lists the same rows.
 */
#include "px.h"

#define FAST(name, function)   [PX_NR_##name] = { .handler = (function), .path = PX_PATH_FAST }
#define HYBRID(name, function) [PX_NR_##name] = { .handler = (function), .path = PX_PATH_HYBRID }
#define LEGACY(name, function) [PX_NR_##name] = { .handler = (function), .path = PX_PATH_LEGACY }

static const struct px_row g_row[PX_CALLS_MAX] = {
    /* file.c */
    HYBRID(read, px_read),
    HYBRID(write, px_write),
    HYBRID(writev, px_writev),
    FAST(close, px_close),
    HYBRID(fstat, px_fstat),
    HYBRID(newfstatat, px_newfstatat),
    FAST(ioctl, px_ioctl),
    FAST(fcntl, px_fcntl),
    FAST(lseek, px_lseek),
    HYBRID(readlink, px_readlink),
    /* memory.c */
    HYBRID(mmap, px_mmap),
    HYBRID(munmap, px_munmap),
    HYBRID(mprotect, px_mprotect),
    HYBRID(brk, px_brk),
    /* process.c */
    HYBRID(uname, px_uname),
    FAST(getpid, px_getpid),
    FAST(gettid, px_getpid),
    FAST(getppid, px_getppid),
    FAST(getuid, px_zero),
    FAST(geteuid, px_zero),
    FAST(getgid, px_zero),
    FAST(getegid, px_zero),
    HYBRID(arch_prctl, px_arch_prctl),
    FAST(set_tid_address, px_set_tid_address),
    FAST(set_robust_list, px_set_robust_list),
    HYBRID(prctl, px_prctl),
    HYBRID(sched_yield, px_sched_yield),
    HYBRID(sched_getaffinity, px_sched_getaffinity),
    HYBRID(getcpu, px_getcpu),
    HYBRID(getrandom, px_getrandom),
    LEGACY(exit, px_exit),
    LEGACY(exit_group, px_exit),
    /* limits.c */
    HYBRID(prlimit64, px_prlimit64),
    HYBRID(getrlimit, px_getrlimit),
    HYBRID(setrlimit, px_setrlimit),
    /* clock.c */
    HYBRID(clock_gettime, px_clock_gettime),
    HYBRID(clock_getres, px_clock_getres),
    HYBRID(gettimeofday, px_gettimeofday),
    HYBRID(time, px_time),
    HYBRID(nanosleep, px_nanosleep),
    HYBRID(clock_nanosleep, px_clock_nanosleep),
    /* futex.c */
    HYBRID(futex, px_futex),
    /* signal.c */
    HYBRID(rt_sigaction, px_rt_sigaction),
    HYBRID(rt_sigprocmask, px_rt_sigprocmask),
};

static const char *const g_name[PX_CALLS_MAX] = {
#define X(number, name) [number] = #name,
#include "posix_x/include/linux_calls.h"
#undef X
};

const struct px_row *px_row(uint32_t nr)
{
    return nr < PX_CALLS_MAX ? &g_row[nr] : NULL;
}

const char *px_call_name(uint32_t nr)
{
    return nr < PX_CALLS_MAX && g_name[nr] != NULL ? g_name[nr] : "?";
}
