/*
 * posix_x/kernel/file.c - the standard streams: output on the console, input always at its end.
 *
 * There is no file system yet: calls that take a path answer for the names that need none, and
 * ENOSYS for every other, since "no such file" would be a claim about files. The streams are
 * character devices, not terminals.
 *
 * Spec: Linux, read(2), write(2), writev(2), stat(2), ioctl_tty(2), fcntl(2), lseek(2),
 *       readlink(2).
 */
#include "exo/hal.h"
#include "exo/lib/string.h"
#include "px.h"

#define CHUNK_SIZE 512u /* bytes copied through the kernel stack at a time */

#define CONSOLE_DEV   5u /* device number of the folder of devices, as Linux's devtmpfs has it */
#define CONSOLE_RDEV  0x0501u /* major 5, minor 1: /dev/console */
#define CONSOLE_INODE 1u
#define CONSOLE_BLOCK 4096
#define CONSOLE_MODE  (LINUX_S_IFCHR | 0600u)

/* The open file behind a descriptor, or NULL. Linux looks at the low 32 bits, as an int. */
static struct px_file *file_get(const struct px_call *call, uint64_t fd)
{
    const uint32_t index = (uint32_t)fd;

    if (index >= PX_FDS_MAX || !call->px->file[index].open) {
        return NULL;
    }
    return &call->px->file[index];
}

/* No user address lies above: Linux checks a buffer against this before anything else. */
static bool buffer_ok(uint64_t uaddr, uint64_t len)
{
    return uaddr <= LINUX_TASK_SIZE && len <= LINUX_TASK_SIZE - uaddr;
}

int64_t px_read(struct px_call *call)
{
    const struct px_file *file = file_get(call, call->arg[0]);

    if (file == NULL || (file->flags & LINUX_O_ACCMODE) == LINUX_O_WRONLY) {
        return -LINUX_EBADF;
    }
    if (!buffer_ok(call->arg[1], call->arg[2])) {
        return -LINUX_EFAULT;
    }
    return 0; /* the end of the input */
}

/* Write user bytes to the console; returns how many, or -EFAULT if not even one could be read. */
static int64_t console_write(struct px_call *call, enum hal_stream stream, uint64_t uaddr,
                             uint64_t len)
{
    char chunk[CHUNK_SIZE];
    uint64_t done = 0;

    while (done < len) {
        const size_t part = (size_t)min_u64(len - done, sizeof(chunk));
        vaddr_t fault = 0;
        const exo_status_t status = user_copy_in(call->space, chunk, uaddr + done, part, &fault);

        if (status != EXO_OK) {
            /* What lies before the bad address counts, as for a Linux device that copies as it
             * goes. */
            const size_t good = (size_t)(fault - (uaddr + done));

            if (good > 0 && good < part) {
                hal_console_write(stream, chunk, good);
                done += good;
            }
            return done > 0 ? (int64_t)done : px_error(status);
        }
        hal_console_write(stream, chunk, part);
        done += part;
    }
    return (int64_t)done;
}

static enum hal_stream stream_of(uint64_t fd)
{
    return (uint32_t)fd == 2 ? HAL_STREAM_ERR : HAL_STREAM_OUT;
}

static bool writable(const struct px_file *file)
{
    return file != NULL && (file->flags & LINUX_O_ACCMODE) != LINUX_O_RDONLY;
}

int64_t px_write(struct px_call *call)
{
    if (!writable(file_get(call, call->arg[0]))) {
        return -LINUX_EBADF;
    }
    if (!buffer_ok(call->arg[1], call->arg[2])) {
        return -LINUX_EFAULT;
    }
    return console_write(call, stream_of(call->arg[0]), call->arg[1],
                         min_u64(call->arg[2], LINUX_RW_MAX));
}

/* Check all parts before any is written: their lengths and that each lies below the user's end. */
static int64_t iovec_check(struct px_call *call, uint64_t uaddr, uint32_t count)
{
    uint64_t total = 0;

    for (uint32_t i = 0; i < count; i++) {
        struct linux_iovec part;
        const int64_t result = px_copy_in(call, &part, uaddr + i * sizeof(part), sizeof(part));

        if (result != 0) {
            return result;
        }
        if ((int64_t)part.len < 0) {
            return -LINUX_EINVAL;
        }
        if (!buffer_ok(part.base, part.len)) {
            return -LINUX_EFAULT;
        }
        total = min_u64(total + part.len, LINUX_RW_MAX);
    }
    return (int64_t)total;
}

int64_t px_writev(struct px_call *call)
{
    const uint64_t uaddr = call->arg[1];
    const uint32_t count = (uint32_t)min_u64(call->arg[2], LINUX_IOV_MAX + 1);
    uint64_t done = 0;

    if (!writable(file_get(call, call->arg[0]))) {
        return -LINUX_EBADF;
    }
    if (count > LINUX_IOV_MAX) {
        return -LINUX_EINVAL;
    }
    const int64_t total = iovec_check(call, uaddr, count);

    for (uint32_t i = 0; i < count && total > 0 && done < (uint64_t)total; i++) {
        struct linux_iovec part;
        int64_t result = px_copy_in(call, &part, uaddr + i * sizeof(part), sizeof(part));
        /* Read again, since the first look was only a check; so the limits are applied again. */
        const uint64_t len = min_u64(part.len, (uint64_t)total - done);

        if (result == 0) {
            result = console_write(call, stream_of(call->arg[0]), part.base, len);
        }
        if (result < 0) {
            return done > 0 ? (int64_t)done : result;
        }
        done += (uint64_t)result;
        if ((uint64_t)result < len) {
            break;
        }
    }
    return total < 0 ? total : (int64_t)done;
}

int64_t px_close(struct px_call *call)
{
    struct px_file *file = file_get(call, call->arg[0]);

    if (file == NULL) {
        return -LINUX_EBADF;
    }
    file->open = false;
    return 0;
}

static int64_t stat_out(struct px_call *call, uint64_t uaddr)
{
    const struct linux_stat stat = { .dev = CONSOLE_DEV,
                                     .ino = CONSOLE_INODE,
                                     .nlink = 1,
                                     .mode = CONSOLE_MODE,
                                     .rdev = CONSOLE_RDEV,
                                     .blksize = CONSOLE_BLOCK };

    return px_copy_out(call, uaddr, &stat, sizeof(stat));
}

int64_t px_fstat(struct px_call *call)
{
    return file_get(call, call->arg[0]) == NULL ? -LINUX_EBADF : stat_out(call, call->arg[1]);
}

int64_t px_newfstatat(struct px_call *call)
{
    const uint32_t known = LINUX_AT_SYMLINK_NOFOLLOW | LINUX_AT_NO_AUTOMOUNT | LINUX_AT_EMPTY_PATH;
    const uint32_t flags = (uint32_t)call->arg[3];
    char first = 0;

    if ((flags & ~known) != 0) {
        return -LINUX_EINVAL;
    }
    const int64_t result = px_copy_in(call, &first, call->arg[1], sizeof(first));

    if (result != 0) {
        return result;
    }
    if (first != '\0') {
        return -LINUX_ENOSYS;
    }
    if ((flags & LINUX_AT_EMPTY_PATH) == 0) {
        return -LINUX_ENOENT;
    }
    return px_fstat(&(struct px_call){ .px = call->px,
                                       .space = call->space,
                                       .arg = (const uint64_t[]){ call->arg[0], call->arg[2] } });
}

int64_t px_ioctl(struct px_call *call)
{
    return file_get(call, call->arg[0]) == NULL ? -LINUX_EBADF : -LINUX_ENOTTY;
}

int64_t px_fcntl(struct px_call *call)
{
    const uint32_t settable = LINUX_O_APPEND | LINUX_O_NONBLOCK;
    struct px_file *file = file_get(call, call->arg[0]);

    if (file == NULL) {
        return -LINUX_EBADF;
    }
    switch ((int32_t)call->arg[1]) {
    case LINUX_F_GETFD:
        return file->cloexec ? LINUX_FD_CLOEXEC : 0;
    case LINUX_F_SETFD:
        file->cloexec = (call->arg[2] & LINUX_FD_CLOEXEC) != 0;
        return 0;
    case LINUX_F_GETFL:
        return file->flags;
    case LINUX_F_SETFL: /* neither changes anything on this device: output never waits */
        file->flags = (file->flags & ~settable) | ((uint32_t)call->arg[2] & settable);
        return 0;
    default:
        return -LINUX_ENOSYS;
    }
}

int64_t px_lseek(struct px_call *call)
{
    return file_get(call, call->arg[0]) == NULL ? -LINUX_EBADF : -LINUX_ESPIPE;
}

int64_t px_readlink(struct px_call *call)
{
    char path[PROC_PATH_MAX];
    const int32_t size = (int32_t)call->arg[2];
    size_t len = 0;

    if (size <= 0) {
        return -LINUX_EINVAL;
    }
    const exo_status_t status =
        user_copy_string(call->space, path, sizeof(path), call->arg[0], &len);

    if (status == EXO_ERR_NO_RESOURCES) {
        return -LINUX_ENOSYS; /* longer than the one name that is known */
    }
    if (status != EXO_OK) {
        return px_error(status);
    }
    if (len == 0) {
        return -LINUX_ENOENT;
    }
    if (!str_equal(path, "/proc/self/exe")) {
        return -LINUX_ENOSYS;
    }
    const char *target = proc_exe(call->proc);
    const size_t part = (size_t)min_u64(strlen(target), (uint64_t)size);
    const int64_t result = px_copy_out(call, call->arg[1], target, part);

    return result != 0 ? result : (int64_t)part;
}
