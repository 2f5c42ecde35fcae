/* tests/programs/identity.c - names, ids, thread pointer, limits, signals recorded, randomness. */
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/utsname.h>

#include "case.h"

#define ARCH_SET_FS 0x1002
#define ARCH_GET_FS 0x1003

static void names(void)
{
    struct utsname uts;
    char name[17] = "################";
    char *end = border();

    CALL(SYS_uname, &uts);
    printf("sysname %s machine %s\n", uts.sysname, uts.machine);
    fact("release begins with a digit", uts.release[0] >= '0' && uts.release[0] <= '9');
    CALL(SYS_uname, NOWHERE);
    CALL(SYS_uname, KERNEL);
    CALL(SYS_uname, readonly());
    CALL(SYS_uname, end - 100); /* crosses into nothing */
    CALL(SYS_prctl, PR_GET_NAME, name);
    printf("name %s\n", name);
    CALL(SYS_prctl, PR_SET_NAME, "a name that is far too long");
    CALL(SYS_prctl, PR_GET_NAME, name);
    printf("name %s\n", name);
    strcpy(end - 3, "ab");
    CALL(SYS_prctl, PR_SET_NAME, end - 3);
    CALL(SYS_prctl, PR_GET_NAME, name);
    printf("name %s\n", name);
    CALL(SYS_prctl, PR_SET_NAME, NOWHERE);
    CALL(SYS_prctl, PR_GET_NAME, KERNEL);
    CALL(SYS_prctl, -1, 0);
}

static void ids(void)
{
    const long pid = syscall(SYS_getpid);

    fact("pid is the thread's id", syscall(SYS_getpid) == syscall(SYS_gettid));
    fact("pid is positive", syscall(SYS_getpid) > 0);
    fact("pid stays", syscall(SYS_getpid) == pid);
    CALL(SYS_getuid);
    CALL(SYS_geteuid);
    CALL(SYS_getgid);
    CALL(SYS_getegid);
    fact("set_tid_address gives the thread's id",
         syscall(SYS_set_tid_address, NOWHERE) == syscall(SYS_gettid));
    CALL(SYS_set_robust_list, NOWHERE, 24);
    CALL(SYS_set_robust_list, NOWHERE, 23);
}

static void thread_pointer(void)
{
    unsigned long base = 0;
    unsigned long self;

    __asm__("mov %%fs:0, %0" : "=r"(self));
    CALL(SYS_arch_prctl, ARCH_GET_FS, &base);
    fact("the thread pointer is what libc set", base == self);
    CALL(SYS_arch_prctl, ARCH_SET_FS, base);
    CALL(SYS_arch_prctl, ARCH_SET_FS, KERNEL);
    CALL(SYS_arch_prctl, ARCH_GET_FS, NOWHERE);
    CALL(SYS_arch_prctl, ARCH_GET_FS, KERNEL);
    CALL(SYS_arch_prctl, 0x7777, 0);
    __asm__("mov %%fs:0, %0" : "=r"(self));
    fact("it stays", base == self);
}

static void limits(void)
{
    struct rlimit limit = { 0 };
    struct rlimit inverted = { 2, 1 };
    struct rlimit small = { 64, 128 };

    CALL(SYS_prlimit64, 0, RLIMIT_STACK, 0, &limit);
    result("stack limit", (long)limit.rlim_cur);
    CALL(SYS_prlimit64, 0, RLIMIT_NOFILE, &small, 0);
    CALL(SYS_prlimit64, 0, RLIMIT_NOFILE, 0, &limit);
    printf("files %lu %lu\n", (unsigned long)limit.rlim_cur, (unsigned long)limit.rlim_max);
    CALL(SYS_prlimit64, 0, RLIMIT_NOFILE, &inverted, 0);
    CALL(SYS_prlimit64, 0, 16, 0, &limit);
    CALL(SYS_prlimit64, 0, -1, 0, &limit);
    CALL(SYS_prlimit64, 0, RLIMIT_NOFILE, NOWHERE, 0);
    CALL(SYS_prlimit64, 0, RLIMIT_NOFILE, 0, KERNEL);
    CALL(SYS_prlimit64, 0x7ffffff0, RLIMIT_NOFILE, 0, &limit);
    CALL(SYS_getrlimit, RLIMIT_NOFILE, &limit);
    printf("files %lu %lu\n", (unsigned long)limit.rlim_cur, (unsigned long)limit.rlim_max);
    CALL(SYS_getrlimit, 16, &limit);
    CALL(SYS_getrlimit, RLIMIT_NOFILE, NOWHERE);
    CALL(SYS_setrlimit, RLIMIT_NOFILE, &inverted);
    CALL(SYS_setrlimit, RLIMIT_NOFILE, NOWHERE);
    CALL(SYS_setrlimit, 16, &small);
    getrlimit(RLIMIT_AS, &limit);
    limit.rlim_cur = 1ul << 26;
    CALL(SYS_setrlimit, RLIMIT_AS, &limit);
    CALL(SYS_mmap, 0, 1ul << 27, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    limit.rlim_cur = limit.rlim_max;
    CALL(SYS_setrlimit, RLIMIT_AS, &limit);
    CALL_OK(SYS_mmap, 0, 1ul << 27, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

struct kernel_action {
    void *handler;
    unsigned long flags;
    void *restorer;
    unsigned long mask;
};

static void signals(void)
{
    struct kernel_action action = { (void *)0x1234, 0x14000000, (void *)0x5678, ~0ul };
    struct kernel_action old = { 0 };
    unsigned long set = ~0ul;
    unsigned long was = 0;

    CALL(SYS_rt_sigaction, SIGUSR1, &action, &old, 8);
    fact("it was the default", old.handler == NULL);
    CALL(SYS_rt_sigaction, SIGUSR1, 0, &old, 8);
    printf("handler %p flags %lx restorer %p mask %lx\n", old.handler, old.flags, old.restorer,
           old.mask);
    CALL(SYS_rt_sigaction, SIGKILL, &action, 0, 8);
    CALL(SYS_rt_sigaction, SIGSTOP, &action, 0, 8);
    CALL(SYS_rt_sigaction, SIGKILL, 0, &old, 8);
    CALL(SYS_rt_sigaction, 0, 0, &old, 8);
    CALL(SYS_rt_sigaction, 64, &action, 0, 8);
    CALL(SYS_rt_sigaction, 65, &action, 0, 8);
    CALL(SYS_rt_sigaction, SIGUSR1, &action, 0, 4);
    CALL(SYS_rt_sigaction, SIGUSR1, NOWHERE, 0, 8);
    CALL(SYS_rt_sigaction, SIGUSR1, 0, KERNEL, 8);
    CALL(SYS_rt_sigprocmask, SIG_BLOCK, &set, &was, 8);
    CALL(SYS_rt_sigprocmask, SIG_UNBLOCK, 0, &was, 8);
    printf("mask %lx\n", was);
    set = 1ul << (SIGUSR1 - 1);
    CALL(SYS_rt_sigprocmask, SIG_UNBLOCK, &set, 0, 8);
    CALL(SYS_rt_sigprocmask, SIG_SETMASK, 0, &was, 8);
    printf("mask %lx\n", was);
    set = 0;
    CALL(SYS_rt_sigprocmask, SIG_SETMASK, &set, &was, 8);
    CALL(SYS_rt_sigprocmask, 77, 0, &was, 8);
    printf("mask %lx\n", was);
    CALL(SYS_rt_sigprocmask, 77, &set, 0, 8);
    CALL(SYS_rt_sigprocmask, SIG_BLOCK, &set, 0, 4);
    CALL(SYS_rt_sigprocmask, SIG_BLOCK, NOWHERE, 0, 8);
    CALL(SYS_rt_sigprocmask, SIG_BLOCK, 0, NOWHERE, 8);
}

static void randomness(void)
{
    unsigned char a[32] = { 0 };
    unsigned char b[32] = { 0 };
    char *end = border();

    CALL(SYS_getrandom, a, 32, 0);
    CALL(SYS_getrandom, b, 32, 1);
    fact("two draws differ", memcmp(a, b, 32) != 0);
    CALL(SYS_getrandom, a, 0, 0);
    CALL(SYS_getrandom, a, 1, 8);
    CALL(SYS_getrandom, a, 1, 6);
    CALL(SYS_getrandom, NOWHERE, 1, 0);
    CALL(SYS_getrandom, KERNEL, 1, 0);
    CALL(SYS_getrandom, end - 8, 8, 0);
}

static void processors(void)
{
    unsigned long mask[128] = { 0 };
    unsigned cpu = 1000;
    unsigned node = 1000;
    long size = syscall(SYS_sched_getaffinity, 0, sizeof(mask), mask);

    fact("affinity has a size of whole words", size > 0 && size % 8 == 0);
    fact("affinity names a processor", mask[0] != 0 || mask[1] != 0);
    CALL(SYS_sched_getaffinity, 0, 0, mask);
    CALL(SYS_sched_getaffinity, 0, 9, mask);
    CALL(SYS_sched_getaffinity, 0, sizeof(mask), NOWHERE);
    CALL(SYS_sched_getaffinity, 0x7ffffff0, sizeof(mask), mask);
    CALL(SYS_getcpu, &cpu, &node, 0);
    fact("this processor has a number", cpu < 1000 && node < 1000);
    CALL(SYS_getcpu, 0, 0, 0);
    CALL(SYS_getcpu, NOWHERE, 0, 0);
    CALL(SYS_getcpu, 0, KERNEL, 0);
    CALL(SYS_sched_yield);
}

int main(void)
{
    names();
    ids();
    thread_pointer();
    limits();
    signals();
    randomness();
    processors();
    CALL(9999); /* a number that Linux does not have */
    CALL(-1);
    return 0;
}
