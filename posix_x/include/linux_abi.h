/*
 * posix_x/include/linux_abi.h - constants and layouts of the Linux system call interface on x86_64.
 *
 * Data only. Layouts are asserted; "Spec" of each group is the manual page of the call that uses
 * it.
 */
#ifndef POSIX_X_LINUX_ABI_H
#define POSIX_X_LINUX_ABI_H

#include <stddef.h>
#include <stdint.h>

#define LINUX_TASK_SIZE 0x7ffffffff000ull /* first address that no program owns */
#define LINUX_RW_MAX    0x7ffff000ull     /* most bytes of one read or write */
#define LINUX_IOV_MAX   1024u
#define LINUX_PATH_MAX  4096u

/* ---- auxiliary vector: getauxval(3) ---- */
enum {
    LINUX_AT_NULL = 0,
    LINUX_AT_PHDR = 3,
    LINUX_AT_PHENT = 4,
    LINUX_AT_PHNUM = 5,
    LINUX_AT_PAGESZ = 6,
    LINUX_AT_BASE = 7,
    LINUX_AT_FLAGS = 8,
    LINUX_AT_ENTRY = 9,
    LINUX_AT_UID = 11,
    LINUX_AT_EUID = 12,
    LINUX_AT_GID = 13,
    LINUX_AT_EGID = 14,
    LINUX_AT_PLATFORM = 15,
    LINUX_AT_HWCAP = 16,
    LINUX_AT_CLKTCK = 17,
    LINUX_AT_SECURE = 23,
    LINUX_AT_RANDOM = 25,
    LINUX_AT_HWCAP2 = 26,
    LINUX_AT_EXECFN = 31,
    LINUX_AT_MINSIGSTKSZ = 51,
};

/* ---- files: open(2), fcntl(2), stat(2), readv(2), ioctl_tty(2) ---- */
#define LINUX_O_RDONLY   0u
#define LINUX_O_WRONLY   1u
#define LINUX_O_ACCMODE  3u
#define LINUX_O_APPEND   02000u
#define LINUX_O_NONBLOCK 04000u

#define LINUX_F_GETFD    1
#define LINUX_F_SETFD    2
#define LINUX_F_GETFL    3
#define LINUX_F_SETFL    4
#define LINUX_FD_CLOEXEC 1u

#define LINUX_AT_SYMLINK_NOFOLLOW 0x100u
#define LINUX_AT_NO_AUTOMOUNT     0x800u
#define LINUX_AT_EMPTY_PATH       0x1000u

#define LINUX_S_IFCHR 0020000u

struct linux_stat {
    uint64_t dev;
    uint64_t ino;
    uint64_t nlink;
    uint32_t mode;
    uint32_t uid;
    uint32_t gid;
    uint32_t pad;
    uint64_t rdev;
    int64_t size;
    int64_t blksize;
    int64_t blocks;
    int64_t atime_s, atime_ns;
    int64_t mtime_s, mtime_ns;
    int64_t ctime_s, ctime_ns;
    int64_t reserved[3];
};
_Static_assert(sizeof(struct linux_stat) == 144, "stat(2)");

struct linux_iovec {
    uint64_t base;
    uint64_t len;
};

/* ---- memory: mmap(2), mprotect(2) ---- */
#define LINUX_PROT_READ  1u
#define LINUX_PROT_WRITE 2u
#define LINUX_PROT_EXEC  4u
#define LINUX_PROT_SEM   8u

#define LINUX_MAP_TYPE            0x0fu
#define LINUX_MAP_SHARED          0x01u
#define LINUX_MAP_PRIVATE         0x02u
#define LINUX_MAP_SHARED_VALIDATE 0x03u
#define LINUX_MAP_FIXED           0x10u
#define LINUX_MAP_ANONYMOUS       0x20u
#define LINUX_MAP_32BIT           0x40u
#define LINUX_MAP_GROWSDOWN       0x100u
#define LINUX_MAP_NORESERVE       0x4000u
#define LINUX_MAP_HUGETLB         0x40000u
#define LINUX_MAP_FIXED_NOREPLACE 0x100000u

/* ---- identity and limits: uname(2), prlimit(2), prctl(2), arch_prctl(2) ---- */
#define LINUX_UTS_LEN 65u
struct linux_utsname {
    char sysname[LINUX_UTS_LEN];
    char nodename[LINUX_UTS_LEN];
    char release[LINUX_UTS_LEN];
    char version[LINUX_UTS_LEN];
    char machine[LINUX_UTS_LEN];
    char domainname[LINUX_UTS_LEN];
};
_Static_assert(sizeof(struct linux_utsname) == 390, "uname(2)");

enum {
    LINUX_RLIMIT_CPU,
    LINUX_RLIMIT_FSIZE,
    LINUX_RLIMIT_DATA,
    LINUX_RLIMIT_STACK,
    LINUX_RLIMIT_CORE,
    LINUX_RLIMIT_RSS,
    LINUX_RLIMIT_NPROC,
    LINUX_RLIMIT_NOFILE,
    LINUX_RLIMIT_MEMLOCK,
    LINUX_RLIMIT_AS,
    LINUX_RLIMIT_LOCKS,
    LINUX_RLIMIT_SIGPENDING,
    LINUX_RLIMIT_MSGQUEUE,
    LINUX_RLIMIT_NICE,
    LINUX_RLIMIT_RTPRIO,
    LINUX_RLIMIT_RTTIME,
    LINUX_RLIMIT_COUNT,
};
#define LINUX_RLIM_INFINITY UINT64_MAX
struct linux_rlimit {
    uint64_t current;
    uint64_t max;
};

#define LINUX_PR_SET_NAME 15
#define LINUX_PR_GET_NAME 16
#define LINUX_COMM_LEN    16u /* bytes, NUL included */

#define LINUX_ARCH_SET_FS 0x1002
#define LINUX_ARCH_GET_FS 0x1003

#define LINUX_GRND_NONBLOCK 1u
#define LINUX_GRND_RANDOM   2u
#define LINUX_GRND_INSECURE 4u

#define LINUX_ROBUST_LIST_SIZE 24u

/* ---- signals: signal(7), sigaction(2), sigprocmask(2) ---- */
enum {
    LINUX_SIGILL = 4,
    LINUX_SIGTRAP = 5,
    LINUX_SIGBUS = 7,
    LINUX_SIGFPE = 8,
    LINUX_SIGKILL = 9,
    LINUX_SIGSEGV = 11,
    LINUX_SIGSTOP = 19,
};
#define LINUX_SIGNALS     64u
#define LINUX_SIGSET_SIZE 8u

#define LINUX_SIG_BLOCK   0
#define LINUX_SIG_UNBLOCK 1
#define LINUX_SIG_SETMASK 2

struct linux_sigaction {
    uint64_t handler;
    uint64_t flags;
    uint64_t restorer;
    uint64_t mask;
};
_Static_assert(sizeof(struct linux_sigaction) == 32, "rt_sigaction(2)");

#endif /* POSIX_X_LINUX_ABI_H */
