/*
 * posix_x/kernel/futex.c - futexes of a process with one thread and no shared memory.
 *
 * Nobody else can wait on a word or change it, so a wake wakes nobody, and a wait whose word has
 * the expected value ends by its time or with the process. Both are whole answers as long as there
 * are no threads.
 *
 * Spec: Linux, futex(2).
 */
#include "exo/hal.h"
#include "px.h"

/* Clear of alignment, the word can be read: what a futex that is not private must be. */
static int64_t word_read(struct px_call *call, uint32_t *out)
{
    if (call->arg[0] % sizeof(*out) != 0) {
        return -LINUX_EINVAL;
    }
    return px_copy_in(call, out, call->arg[0], sizeof(*out));
}

static int64_t wake(struct px_call *call, bool private)
{
    uint32_t word = 0;
    const int64_t result = word_read(call, &word);

    /* A private one is found by its address alone: it need not be mapped, only be a user's. */
    if (result == -LINUX_EFAULT && private && call->arg[0] < LINUX_TASK_SIZE) {
        return 0;
    }
    return result;
}

/* When the wait ends, on clock `id`; UINT64_MAX for never. */
static int64_t end_find(struct px_call *call, bool absolute, uint64_t id, uint64_t *end_ns)
{
    uint64_t ns = 0;

    *end_ns = UINT64_MAX;
    if (call->arg[3] == 0) {
        return 0;
    }
    const int64_t result = px_timespec_in(call, call->arg[3], &ns);

    if (result == 0) {
        *end_ns = absolute ? ns : min_u64(px_clock_ns(id) + ns, INT64_MAX);
    }
    return result;
}

static int64_t wait(struct px_call *call, bool absolute, uint64_t id)
{
    uint64_t end_ns = 0;
    uint32_t word = 0;
    int64_t result = end_find(call, absolute, id, &end_ns);

    if (result == 0) {
        result = word_read(call, &word);
    }
    if (result != 0) {
        return result;
    }
    if (word != (uint32_t)call->arg[2]) {
        return -LINUX_EAGAIN;
    }
    result = px_sleep_until(call, id, end_ns);
    return result == 0 ? -LINUX_ETIMEDOUT : result;
}

int64_t px_futex(struct px_call *call)
{
    const uint32_t flags = LINUX_FUTEX_PRIVATE | LINUX_FUTEX_CLOCK_REALTIME;
    const uint32_t op = (uint32_t)call->arg[1];
    const bool private = (op & LINUX_FUTEX_PRIVATE) != 0;
    const bool realtime = (op & LINUX_FUTEX_CLOCK_REALTIME) != 0;
    const bool bits = (uint32_t)call->arg[5] != 0;
    const uint64_t id = realtime ? LINUX_CLOCK_REALTIME : LINUX_CLOCK_MONOTONIC;

    switch (op & ~flags) {
    case LINUX_FUTEX_WAIT:
        return realtime ? -LINUX_ENOSYS : wait(call, false, id);
    case LINUX_FUTEX_WAIT_BITSET:
        return bits ? wait(call, true, id) : -LINUX_EINVAL;
    case LINUX_FUTEX_WAKE:
        return realtime ? -LINUX_ENOSYS : wake(call, private);
    case LINUX_FUTEX_WAKE_BITSET:
        if (realtime) {
            return -LINUX_ENOSYS;
        }
        return bits ? wake(call, private) : -LINUX_EINVAL;
    default:
        return -LINUX_ENOSYS;
    }
}
