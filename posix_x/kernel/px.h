/*
 * posix_x/kernel/px.h - what the files of POSIX-X share: the state of a Linux process and the form
 * of a call.
 *
 * A call is a function of struct px_call that returns its result: 0 or more, or -LINUX_E..., never
 * a status (px_error() translates those). It runs in the process's thread and may block.
 */
#ifndef POSIX_X_KERNEL_PX_H
#define POSIX_X_KERNEL_PX_H

#include "exo/abi/status.h"
#include "exo/hal/user.h"
#include "exo/lib/types.h"
#include "exo/mem/user.h"
#include "exo/proc/upcalls.h"
#include "posix_x/include/linux_abi.h"
#include "posix_x/include/linux_errno.h"
#include "posix_x/include/linux_time.h"

#define PX_CALLS_MAX 464u /* call numbers that have a row in the table; all above are unknown */
#define PX_FDS_MAX   3u   /* the standard streams: nothing can be opened yet */
#define PX_CLOCK_HZ  100u /* AT_CLKTCK */

enum px_nr {
#define X(number, name) PX_NR_##name = (number),
#include "posix_x/include/linux_calls.h"
#undef X
};

/* How a call is answered (design.md section 6). */
enum px_path {
    PX_PATH_NONE,   /* not implemented: ENOSYS */
    PX_PATH_FAST,   /* at once: neither blocks nor locks */
    PX_PATH_HYBRID, /* through spaces, streams and waiting */
    PX_PATH_LEGACY, /* correct first: process start and end */
    PX_PATHS,
};

/* An open file of a process. */
struct px_file {
    bool open;
    bool cloexec;
    uint32_t flags; /* LINUX_O_* */
};

/* A Linux process. Only its own thread touches it. Lives in frames of its own. */
struct px_proc {
    uint64_t calls[PX_CALLS_MAX];  /* times asked for, by number */
    uint64_t cycles[PX_CALLS_MAX]; /* spent inside, by number */
    uint64_t path_calls[PX_PATHS];
    uint64_t unknown_calls;                /* numbers past the table */
    uint8_t named[(PX_CALLS_MAX + 7) / 8]; /* bit set: said once that it is not implemented */
    bool named_unknown;
    struct px_file file[PX_FDS_MAX];
    char comm[LINUX_COMM_LEN];
    uint64_t clear_child_tid;
    uint64_t robust_list;
    uint64_t blocked; /* signal mask */
    struct linux_sigaction action[LINUX_SIGNALS];
    struct linux_rlimit limit[LINUX_RLIMIT_COUNT];
};

struct px_call {
    struct proc *proc;
    struct px_proc *px;
    struct vm_space *space;
    struct hal_user *user;
    uint32_t nr;
    const uint64_t *arg; /* arg[6] */
};

typedef int64_t px_handler(struct px_call *call);

struct px_row {
    px_handler *handler; /* NULL: not implemented */
    enum px_path path;
};

/* The row of a call number, or NULL past the table. */
const struct px_row *px_row(uint32_t nr);
const char *px_call_name(uint32_t nr); /* "?" if Linux has none with that number */

/* -errno of a status, which is an error. Asserts that the table has it. */
int64_t px_error(exo_status_t status);

/* Copies, with the result of a call: 0 or -EFAULT, -ENOMEM. */
int64_t px_copy_in(const struct px_call *call, void *dst, uint64_t uaddr, size_t len_bytes);
int64_t px_copy_out(const struct px_call *call, uint64_t uaddr, const void *src, size_t len_bytes);

/* Build the first stack; *sp is where it starts.
 * Errors: EXO_ERR_NO_RESOURCES (arguments too long), those of vm_write. */
EXO_MUST_CHECK exo_status_t px_stack_build(struct proc *proc, const struct proc_image *image,
                                           vaddr_t *sp);

/* End the process as an unhandled signal would; `why` says what the program did. */
void px_die(struct proc *proc, int signal, const char *why, const struct hal_user_event *event);
void px_fault(struct proc *proc, void *data, const struct hal_user_event *event,
              exo_status_t status);

/* Time on a clock that clock_gettime(2) knows (clock.c). */
uint64_t px_clock_ns(uint64_t id);

/* Nanoseconds of a program's timespec, the far future cut to INT64_MAX; -EINVAL, -EFAULT. */
int64_t px_timespec_in(struct px_call *call, uint64_t uaddr, uint64_t *ns);

/* Sleep until clock `id` shows `at_ns`; UINT64_MAX: for ever. 0, or -EINTR if the process ends. */
int64_t px_sleep_until(struct px_call *call, uint64_t id, uint64_t at_ns);

void px_limits_init(struct px_proc *px);

/* calls, by file */
px_handler px_read, px_write, px_writev, px_close, px_fstat, px_newfstatat, px_ioctl, px_fcntl,
    px_lseek, px_readlink;                          /* file.c */
px_handler px_mmap, px_munmap, px_mprotect, px_brk; /* memory.c */
px_handler px_uname, px_getpid, px_getppid, px_zero, px_arch_prctl, px_set_tid_address, px_prctl,
    px_set_robust_list, px_sched_yield, px_sched_getaffinity, px_getcpu, px_getrandom,
    px_exit;                                         /* process.c */
px_handler px_prlimit64, px_getrlimit, px_setrlimit; /* limits.c */
px_handler px_clock_gettime, px_clock_getres, px_gettimeofday, px_time, px_nanosleep,
    px_clock_nanosleep;                        /* clock.c */
px_handler px_futex;                           /* futex.c */
px_handler px_rt_sigaction, px_rt_sigprocmask; /* signal.c */

#endif /* POSIX_X_KERNEL_PX_H */
