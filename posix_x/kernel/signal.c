/*
 * posix_x/kernel/signal.c - signal actions and the mask, recorded.
 *
 * Nothing can send a signal yet, so what a program sets here has no effect but that it reads it
 * back.
 *
 * Spec: Linux, sigaction(2), sigprocmask(2).
 */
#include "px.h"

static uint64_t signal_bit(uint64_t signal)
{
    return 1ull << (signal - 1);
}

#define UNBLOCKABLE (signal_bit(LINUX_SIGKILL) | signal_bit(LINUX_SIGSTOP))

int64_t px_rt_sigaction(struct px_call *call)
{
    const uint32_t signal = (uint32_t)call->arg[0];
    struct linux_sigaction action;
    int64_t result = 0;

    if (call->arg[3] != LINUX_SIGSET_SIZE) {
        return -LINUX_EINVAL;
    }
    if (call->arg[1] != 0) {
        result = px_copy_in(call, &action, call->arg[1], sizeof(action));
    }
    if (result != 0) {
        return result;
    }
    if (signal < 1 || signal > LINUX_SIGNALS ||
        (call->arg[1] != 0 && (signal == LINUX_SIGKILL || signal == LINUX_SIGSTOP))) {
        return -LINUX_EINVAL;
    }
    struct linux_sigaction *slot = &call->px->action[signal - 1];
    const struct linux_sigaction old = *slot;

    if (call->arg[1] != 0) {
        *slot = action;
        slot->mask &= ~UNBLOCKABLE;
    }
    return call->arg[2] != 0 ? px_copy_out(call, call->arg[2], &old, sizeof(old)) : 0;
}

int64_t px_rt_sigprocmask(struct px_call *call)
{
    const uint64_t old = call->px->blocked;
    uint64_t set = 0;

    if (call->arg[3] != LINUX_SIGSET_SIZE) {
        return -LINUX_EINVAL;
    }
    if (call->arg[1] != 0) {
        const int64_t result = px_copy_in(call, &set, call->arg[1], sizeof(set));

        if (result != 0) {
            return result;
        }
        set &= ~UNBLOCKABLE;
        switch ((int32_t)call->arg[0]) {
        case LINUX_SIG_BLOCK:
            call->px->blocked = old | set;
            break;
        case LINUX_SIG_UNBLOCK:
            call->px->blocked = old & ~set;
            break;
        case LINUX_SIG_SETMASK:
            call->px->blocked = set;
            break;
        default:
            return -LINUX_EINVAL;
        }
    }
    return call->arg[2] != 0 ? px_copy_out(call, call->arg[2], &old, sizeof(old)) : 0;
}
