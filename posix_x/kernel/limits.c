/*
 * posix_x/kernel/limits.c - resource limits.
 *
 * The limit on address space is enforced. Those on things that do not exist yet (files, locks,
 * queues, several processes) are kept and told. Those on things that do exist and are not counted
 * cannot be lowered.
 *
 * Spec: Linux, getrlimit(2).
 */
#include "exo/lib/string.h"
#include "exo/proc/layout.h"
#include "px.h"

#define STACK_LIMIT   PROC_STACK_SIZE
#define NOFILE_SOFT   1024u
#define NOFILE_HARD   1048576u
#define MEMLOCK_LIMIT (8ull << 20)
#define MSGQUEUE_SIZE 819200u

void px_limits_init(struct px_proc *px)
{
    for (uint32_t i = 0; i < LINUX_RLIMIT_COUNT; i++) {
        px->limit[i] = (struct linux_rlimit){ LINUX_RLIM_INFINITY, LINUX_RLIM_INFINITY };
    }
    px->limit[LINUX_RLIMIT_STACK].current = STACK_LIMIT;
    px->limit[LINUX_RLIMIT_CORE].current = 0;
    px->limit[LINUX_RLIMIT_NOFILE] = (struct linux_rlimit){ NOFILE_SOFT, NOFILE_HARD };
    px->limit[LINUX_RLIMIT_MEMLOCK] = (struct linux_rlimit){ MEMLOCK_LIMIT, MEMLOCK_LIMIT };
    px->limit[LINUX_RLIMIT_MSGQUEUE] = (struct linux_rlimit){ MSGQUEUE_SIZE, MSGQUEUE_SIZE };
    px->limit[LINUX_RLIMIT_NICE] = (struct linux_rlimit){ 0, 0 };
    px->limit[LINUX_RLIMIT_RTPRIO] = (struct linux_rlimit){ 0, 0 };
}

/* Would the limit have to stop something that nobody counts? */
static bool uncounted(uint32_t resource, const struct linux_rlimit *limit)
{
    const bool counts_nothing = resource == LINUX_RLIMIT_CPU || resource == LINUX_RLIMIT_DATA ||
                                resource == LINUX_RLIMIT_RTTIME;

    return counts_nothing && limit->current != LINUX_RLIM_INFINITY;
}

static int64_t limit_set(struct px_call *call, uint32_t resource, uint64_t uaddr)
{
    struct linux_rlimit limit;
    const int64_t result = px_copy_in(call, &limit, uaddr, sizeof(limit));

    if (result != 0) {
        return result;
    }
    if (limit.current > limit.max) {
        return -LINUX_EINVAL;
    }
    if (resource == LINUX_RLIMIT_NOFILE && limit.max > NOFILE_HARD) {
        return -LINUX_EPERM;
    }
    if (uncounted(resource, &limit)) {
        return -LINUX_ENOSYS;
    }
    call->px->limit[resource] = limit;
    if (resource == LINUX_RLIMIT_AS) {
        vm_limit_set(call->space, limit.current);
    }
    return 0;
}

static int64_t limit_get(struct px_call *call, uint32_t resource, uint64_t uaddr)
{
    return px_copy_out(call, uaddr, &call->px->limit[resource], sizeof(struct linux_rlimit));
}

int64_t px_prlimit64(struct px_call *call)
{
    const uint32_t pid = (uint32_t)call->arg[0];
    const uint32_t resource = (uint32_t)call->arg[1];

    if (resource >= LINUX_RLIMIT_COUNT) {
        return -LINUX_EINVAL;
    }
    if (pid != 0 && pid != proc_id(call->proc)) {
        return -LINUX_ESRCH;
    }
    const struct linux_rlimit old = call->px->limit[resource];
    int64_t result = 0;

    if (call->arg[2] != 0) {
        result = limit_set(call, resource, call->arg[2]);
    }
    if (result == 0 && call->arg[3] != 0) {
        result = px_copy_out(call, call->arg[3], &old, sizeof(old));
    }
    return result;
}

int64_t px_getrlimit(struct px_call *call)
{
    const uint32_t resource = (uint32_t)call->arg[0];

    return resource < LINUX_RLIMIT_COUNT ? limit_get(call, resource, call->arg[1]) : -LINUX_EINVAL;
}

int64_t px_setrlimit(struct px_call *call)
{
    const uint32_t resource = (uint32_t)call->arg[0];

    return resource < LINUX_RLIMIT_COUNT ? limit_set(call, resource, call->arg[1]) : -LINUX_EINVAL;
}
