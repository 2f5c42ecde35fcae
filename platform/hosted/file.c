/*
 * file.c - the files that leave the kernel: traces and profiles, opened before the machine starts.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "exo/hal/file.h"
#include "host.h"

static int g_fd[HAL_FILES] = { -1, -1 }; /* constant once the CPUs run */

_Static_assert(HAL_FILES == 2, "each begins as -1");

void hosted_file_open(enum hal_file file, const char *path)
{
    if (path == NULL) {
        return;
    }
    g_fd[file] = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (g_fd[file] < 0) {
        host_fail("cannot write %s: %s", path, strerror(errno));
    }
}

bool hal_file_begin(enum hal_file file)
{
    const hal_irq_t irq = host_enter();
    bool begun = g_fd[file] >= 0;

    if (begun && lseek(g_fd[file], 0, SEEK_SET) == 0) {
        begun = ftruncate(g_fd[file], 0) == 0;
    }
    host_exit(irq);
    return begun;
}

void hal_file_write(enum hal_file file, const void *bytes, size_t len_bytes)
{
    const char *at = bytes;
    const hal_irq_t irq = host_enter();

    while (len_bytes != 0) {
        const ssize_t done = write(g_fd[file], at, len_bytes);

        if (done < 0 && errno != EINTR) {
            break;
        }
        at += done > 0 ? done : 0;
        len_bytes -= done > 0 ? (size_t)done : 0;
    }
    host_exit(irq);
}
