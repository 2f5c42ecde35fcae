/*
 * posix_x/kernel/process.c - who the process is, and its end.
 *
 * Spec: Linux, uname(2), getpid(2), credentials(7), prctl(2), arch_prctl(2), set_tid_address(2),
 *       get_robust_list(2), sched_setaffinity(2), getcpu(2), getrandom(2), exit_group(2).
 */
#include "exo/config.h"
#include "exo/hal.h"
#include "exo/lib/string.h"
#include "exo/sched/thread.h"
#include "px.h"

#define RANDOM_CHUNK 256u /* bytes copied through the kernel stack at a time */

int64_t px_uname(struct px_call *call)
{
    static const struct linux_utsname names = { .sysname = "Linux",
                                                .nodename = "exo",
                                                .release = "6.1.0-exo",
                                                .version = "#1 SMP Exo-OS " EXO_VERSION,
                                                .machine = "x86_64",
                                                .domainname = "(none)" };

    return px_copy_out(call, call->arg[0], &names, sizeof(names));
}

int64_t px_getpid(struct px_call *call)
{
    return proc_id(call->proc); /* one thread: its id is the process's */
}

int64_t px_getppid(struct px_call *call)
{
    (void)call;
    return 0; /* started by the kernel, as Linux's first process */
}

/* User and group ids: everybody is root until there are credentials. */
int64_t px_zero(struct px_call *call)
{
    (void)call;
    return 0;
}

static int64_t tls_get(struct px_call *call)
{
    struct hal_user_regs regs;

    hal_user_regs_get(call->user, &regs);
    return px_copy_out(call, call->arg[1], &regs.fs_base, sizeof(regs.fs_base));
}

int64_t px_arch_prctl(struct px_call *call)
{
    switch ((int32_t)call->arg[0]) {
    case LINUX_ARCH_SET_FS:
        return hal_user_tls_set(call->user, call->arg[1]) == EXO_OK ? 0 : -LINUX_EPERM;
    case LINUX_ARCH_GET_FS:
        return tls_get(call);
    default:
        return -LINUX_EINVAL;
    }
}

int64_t px_set_tid_address(struct px_call *call)
{
    call->px->clear_child_tid = call->arg[0]; /* nobody shares the memory, so nobody waits there */
    return proc_id(call->proc);
}

int64_t px_set_robust_list(struct px_call *call)
{
    if (call->arg[1] != LINUX_ROBUST_LIST_SIZE) {
        return -LINUX_EINVAL;
    }
    call->px->robust_list = call->arg[0];
    return 0;
}

/* The name is cut, not refused, when it is too long; a NUL may come before the end of what can be
 * read. */
static int64_t name_set(struct px_call *call)
{
    char name[LINUX_COMM_LEN] = { 0 };
    size_t len = 0;
    const exo_status_t status =
        user_copy_string(call->space, name, sizeof(name) - 1, call->arg[1], &len);

    if (status != EXO_OK && status != EXO_ERR_NO_RESOURCES) {
        return px_error(status);
    }
    if (status == EXO_OK) {
        memset(name + len, 0, sizeof(name) - len);
    }
    memcpy(call->px->comm, name, sizeof(name));
    return 0;
}

int64_t px_prctl(struct px_call *call)
{
    switch ((int32_t)call->arg[0]) {
    case LINUX_PR_SET_NAME:
        return name_set(call);
    case LINUX_PR_GET_NAME:
        return px_copy_out(call, call->arg[1], call->px->comm, sizeof(call->px->comm));
    default:
        return -LINUX_EINVAL;
    }
}

int64_t px_sched_yield(struct px_call *call)
{
    (void)call;
    thread_yield();
    return 0;
}

int64_t px_sched_getaffinity(struct px_call *call)
{
    const uint32_t pid = (uint32_t)call->arg[0];
    const uint64_t size = (uint32_t)call->arg[1];
    const uint32_t cpus = hal_caps()->cpus;
    const uint64_t mask = cpus >= 64 ? UINT64_MAX : (1ull << cpus) - 1;

    if (size * 8 < cpus || size % sizeof(mask) != 0) {
        return -LINUX_EINVAL;
    }
    if (pid != 0 && pid != proc_id(call->proc)) {
        return -LINUX_ESRCH;
    }
    const int64_t result = px_copy_out(call, call->arg[2], &mask, sizeof(mask));

    return result != 0 ? result : (int64_t)sizeof(mask);
}

int64_t px_getcpu(struct px_call *call)
{
    const uint32_t cpu = hal_cpu_id(); /* old as soon as it is told, as on Linux */
    const uint32_t node = 0;
    int64_t result = 0;

    if (call->arg[0] != 0) {
        result = px_copy_out(call, call->arg[0], &cpu, sizeof(cpu));
    }
    if (result == 0 && call->arg[1] != 0) {
        result = px_copy_out(call, call->arg[1], &node, sizeof(node));
    }
    return result;
}

int64_t px_getrandom(struct px_call *call)
{
    const uint32_t known = LINUX_GRND_NONBLOCK | LINUX_GRND_RANDOM | LINUX_GRND_INSECURE;
    const uint32_t both = LINUX_GRND_RANDOM | LINUX_GRND_INSECURE;
    const uint32_t flags = (uint32_t)call->arg[2];
    const uint64_t len = min_u64(call->arg[1], INT32_MAX);
    uint8_t chunk[RANDOM_CHUNK];
    uint64_t done = 0;

    if ((flags & ~known) != 0 || (flags & both) == both) {
        return -LINUX_EINVAL;
    }
    while (done < len) {
        const size_t got = hal_entropy(chunk, (size_t)min_u64(len - done, sizeof(chunk)));

        if (got == 0) {
            return done > 0 ? (int64_t)done : -LINUX_EAGAIN; /* the machine has no source */
        }
        const int64_t result = px_copy_out(call, call->arg[0] + done, chunk, got);

        if (result != 0) {
            return done > 0 ? (int64_t)done : result;
        }
        done += got;
    }
    return (int64_t)done;
}

int64_t px_exit(struct px_call *call)
{
    proc_end(call->proc, (int)(call->arg[0] & 0xff));
    return 0;
}
