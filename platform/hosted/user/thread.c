/*
 * thread.c - the host thread behind a user thread: made in the stub, spoken to over its listener.
 */
#include <errno.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "exo/debug/log.h"
#include "exo/lib/assert.h"
#include "platform/hosted/host.h"
#include "platform/hosted/user/stub.h"

#define CHILD_STEP_LISTENER (STUB_CHILD_DONE + 2) /* the call of its list that makes the listener */

#define CLONE_FLAGS                                                                                \
    (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM)

/* ---- notifications
 * ---------------------------------------------------------------------------------- */

/* A listener whose last thread has died says so only here on hosts before 6.11. */
static bool listener_hung_up(const struct hal_user *user)
{
    struct pollfd poll_fd = { .fd = user->listener };

    return host_syscall(SYS_poll, (long)&poll_fd, 1, 0, 0) == 1 && (poll_fd.revents & POLLHUP) != 0;
}

enum notice_status notice_receive(const struct hal_user *user, bool interruptible,
                                  struct user_notice *out)
{
    struct seccomp_notif notif = { .id = 0 }; /* the host refuses a buffer that is not all zero */
    const long result = hosted_user_wait(user->listener, user->space->pid, &notif, interruptible);

    if (result == 0) {
        out->cookie = notif.id;
        out->pc = notif.data.instruction_pointer;
        out->nr = (uint32_t)notif.data.nr;
        out->tid = (int)notif.pid;
        for (uint32_t i = 0; i < 6; i++) {
            out->arg[i] = notif.data.args[i];
        }
        return NOTICE_GOT;
    }
    if (atomic_load(&user->space->dead) || (result != -EINTR && listener_hung_up(user))) {
        return NOTICE_DEAD;
    }
    return NOTICE_AGAIN;
}

/* If the thread has died meanwhile, the next wait tells. */
void notice_answer(const struct hal_user *user, int64_t value)
{
    struct seccomp_notif_resp response = { .id = user->cookie, .val = value };

    host_syscall(SYS_ioctl, user->listener, (long)SECCOMP_IOCTL_NOTIF_SEND, (long)&response, 0);
}

bool notice_is_hand_over(const struct user_notice *notice)
{
    return notice->nr == STUB_HANDOVER_NR &&
           (notice->pc == stub_sites()->entered || notice->pc == stub_sites()->again);
}

void thread_stop(const struct hal_user *user)
{
    host_syscall(SYS_tgkill, user->space->pid, user->tid, SIGUSR1, 0);
}

/* ---- making one
 * ------------------------------------------------------------------------------------- */

static exo_status_t child_error(uint32_t done, int error)
{
    if (done == CHILD_STEP_LISTENER && (error == EINVAL || error == ENOSYS || error == EACCES)) {
        klog(KLOG_ERROR, "user",
             "host refuses seccomp user notification: needs Linux 5.19 with CONFIG_SECCOMP_FILTER");
        return EXO_ERR_NOT_SUPPORTED;
    }
    klog(KLOG_WARN, "user", "user thread set-up failed step=%u errno=%d", done - STUB_CHILD_DONE,
         error);
    return error == ENOMEM ? EXO_ERR_NO_MEMORY : EXO_ERR_NO_RESOURCES;
}

/* Have the mm thread map the area and clone, and take the listener. Two answers come, in either
 * order: the mm thread's, and, if it could clone, the new thread's. */
static exo_status_t child_clone(struct hal_space *space, struct hal_user *user)
{
    const uint64_t area = STUB_AREAS + (uint64_t)user->slot * STUB_AREA_BYTES;
    const struct stub_call map = { SYS_mmap,
                                   { area, STUB_AREA_BYTES, PROT_READ | PROT_WRITE,
                                     MAP_SHARED | MAP_FIXED, STUB_FD_CONTROL,
                                     (uint64_t)(user->slot + 1) * STUB_AREA_BYTES } };
    const struct stub_call clone_call = { SYS_clone, { CLONE_FLAGS, area + STUB_AREA_BYTES } };
    bool mm_answered = false, child_answered = false;
    exo_status_t status;

    stub_cmd_child(space->cmd, area);
    if (mm_add(space, &map) != EXO_OK || mm_add(space, &clone_call) != EXO_OK ||
        mm_send(space) != EXO_OK) {
        return EXO_ERR_DEAD;
    }
    do {
        uint32_t done = 0;
        int error = 0, fd = -1;

        status = mm_answer(space, &done, &error, &fd);
        if (status != EXO_OK) {
            break;
        }
        if (fd >= 0) {
            user->listener = fd;
            child_answered = true;
        } else if (done >= STUB_CHILD_DONE) {
            status = child_error(done, error);
            child_answered = true;
        } else if (error != 0) {
            return error == ENOMEM ? EXO_ERR_NO_MEMORY : EXO_ERR_NO_RESOURCES;
        } else {
            mm_answered = true;
        }
    } while (!mm_answered || !child_answered);
    return user->listener >= 0 ? status : (status == EXO_OK ? EXO_ERR_NO_RESOURCES : status);
}

/* Wait for the thread's first hand-over: the trap at the end of its list. */
static exo_status_t child_boot(struct hal_user *user)
{
    struct user_notice notice;
    struct frame_info info;
    enum notice_status got;

    do {
        got = notice_receive(user, false, &notice);
    } while (got == NOTICE_AGAIN);
    if (got == NOTICE_DEAD) {
        return EXO_ERR_DEAD;
    }
    user->cookie = notice.cookie;
    user->tid = notice.tid;
    if (!notice_is_hand_over(&notice) || !frame_read(user, notice.arg, &info) ||
        info.sig != SIGILL || user->regs.rip != stub_sites()->boot) {
        return EXO_ERR_IO;
    }
    return EXO_OK;
}

exo_status_t thread_create_locked(struct hal_space *space, struct hal_user *user)
{
    spin_assert_held(&space->lock);
    if (space->threads == STUB_THREADS_MAX) {
        return EXO_ERR_NO_RESOURCES;
    }
    mm_loosen(space); /* the new thread inherits where it may run */
    user->slot = space->threads;
    user->listener = -1;
    void *const area = mmap(NULL, STUB_AREA_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED,
                            space->control, (off_t)(user->slot + 1) * STUB_AREA_BYTES);

    if (area == MAP_FAILED) {
        return EXO_ERR_NO_MEMORY;
    }
    user->area = area;
    exo_status_t status = child_clone(space, user);

    if (status == EXO_OK) {
        status = child_boot(user);
    }
    if (status != EXO_OK) {
        /* Without its listener a thread would go on by itself, so all must go with it. */
        if (user->listener >= 0) {
            stub_break(space);
            close(user->listener);
        }
        munmap(area, STUB_AREA_BYTES);
        return status;
    }
    space->threads++;
    return EXO_OK;
}
