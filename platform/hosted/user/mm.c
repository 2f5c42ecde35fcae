/*
 * mm.c - commands to a stub's mm thread: batches in the read-only command pages, answers as packet
 * lengths.
 *
 * Invariants, while space->lock is free:
 *   (1) the mm thread waits for a packet, no answer is under way, the batch is empty;
 *   (2) the command pages are written only while the mm thread waits.
 * The socket orders the accesses of both sides: what was written before a packet was sent is seen
 * after it was received.
 */
#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "exo/lib/assert.h"
#include "platform/hosted/host.h"
#include "platform/hosted/user/stub.h"

static struct stub_call *batch_of(const struct hal_space *space)
{
    return (struct stub_call *)(void *)(space->cmd + STUB_BATCH_OFFSET);
}

exo_status_t mm_answer(struct hal_space *space, uint32_t *done, int *failed_errno, int *fd)
{
    union {
        struct cmsghdr header;
        uint8_t bytes[CMSG_SPACE(sizeof(int))];
    } rights;
    uint8_t byte;
    struct iovec part = { .iov_base = &byte, .iov_len = 1 };
    struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
    long len;

    do {
        message.msg_control = &rights;
        message.msg_controllen = sizeof(rights);
        len = host_syscall(SYS_recvmsg, space->socket, (long)&message, MSG_TRUNC | MSG_CMSG_CLOEXEC,
                           0);
    } while (len == -EINTR);
    if (len <= 0) {
        return EXO_ERR_DEAD;
    }
    *fd = -1;
    if (message.msg_controllen >= CMSG_LEN(sizeof(int)) && rights.header.cmsg_type == SCM_RIGHTS) {
        memcpy(fd, CMSG_DATA(&rights.header), sizeof(*fd));
    }
    *done = (uint32_t)(len - 1) & ((1u << STUB_ERRNO_SHIFT) - 1);
    *failed_errno = (int)((len - 1) >> STUB_ERRNO_SHIFT);
    return EXO_OK;
}

exo_status_t mm_send(struct hal_space *space)
{
    uint8_t byte = 0;
    struct iovec part = { .iov_base = &byte, .iov_len = 1 };
    const struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };

    spin_assert_held(&space->lock);
    KASSERT(space->batch_count > 0);
    batch_of(space)[space->batch_count].nr = (uint64_t)STUB_LIST_END;
    space->batch_count = 0;
    const long sent = host_syscall(SYS_sendmsg, space->socket, (long)&message, MSG_NOSIGNAL, 0);

    return sent == 1 ? EXO_OK : EXO_ERR_DEAD;
}

/* Bind the mm thread to the host CPU that we are on: only one of us can run at a time, and to wake
 * it is then a switch, not an interrupt of an idle CPU (0.9 us a page of a fault instead of 1.8).
 * A host that refuses leaves it where it is. */
static void mm_bring(struct hal_space *space)
{
    const int cpu = sched_getcpu();
    cpu_set_t here;

    if (cpu < 0 || cpu + 1 == space->mm_cpu) {
        return;
    }
    if (space->mm_cpu == 0) {
        CPU_ZERO(&space->mm_cpus); /* the host writes as much as it has */
    }
    if (space->mm_cpu == 0 && host_syscall(SYS_sched_getaffinity, space->pid, sizeof(cpu_set_t),
                                           (long)&space->mm_cpus, 0) < 0) {
        return;
    }
    CPU_ZERO(&here);
    CPU_SET((size_t)cpu, &here);
    host_syscall(SYS_sched_setaffinity, space->pid, sizeof(here), (long)&here, 0);
    space->mm_cpu = cpu + 1;
}

void mm_loosen(struct hal_space *space)
{
    spin_assert_held(&space->lock);
    if (space->mm_cpu != 0) {
        host_syscall(SYS_sched_setaffinity, space->pid, sizeof(cpu_set_t), (long)&space->mm_cpus,
                     0);
        space->mm_cpu = 0;
    }
}

exo_status_t mm_run(struct hal_space *space, int *failed_errno)
{
    uint32_t done;
    int fd;

    *failed_errno = 0;
    if (space->batch_count == 0) {
        return EXO_OK;
    }
    mm_bring(space);
    if (mm_send(space) != EXO_OK || mm_answer(space, &done, failed_errno, &fd) != EXO_OK) {
        return EXO_ERR_DEAD;
    }
    switch (*failed_errno) {
    case 0:
        return EXO_OK;
    case ENOMEM:
    case EAGAIN:
        return EXO_ERR_NO_MEMORY;
    default:
        return EXO_ERR_IO;
    }
}

exo_status_t mm_add(struct hal_space *space, const struct stub_call *call)
{
    int failed_errno;

    spin_assert_held(&space->lock);
    batch_of(space)[space->batch_count++] = *call;
    return space->batch_count == STUB_BATCH_MAX ? mm_run(space, &failed_errno) : EXO_OK;
}
