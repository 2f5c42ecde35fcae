/*
 * output.c - what exo-hosted and exo-sim alike write to the host's standard streams.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "host.h"

void hosted_write(enum hal_stream stream, const char *bytes, size_t len_bytes)
{
    const int fd = stream == HAL_STREAM_ERR ? STDERR_FILENO : STDOUT_FILENO;

    while (len_bytes != 0) {
        const ssize_t done = write(fd, bytes, len_bytes);

        if (done < 0 && errno == EPIPE) {
            hosted_housekeeper_end_by(SIGPIPE); /* as any program whose reader is gone */
        }
        if (done < 0 && errno != EINTR && errno != EAGAIN) {
            break; /* closed or full: the console has no way to tell */
        }
        bytes += done > 0 ? done : 0;
        len_bytes -= done > 0 ? (size_t)done : 0;
    }
}

void hosted_fail_tell(const char *program, const char *format, va_list args)
{
    char text[512];

    hosted_terminal_restore();
    vsnprintf(text, sizeof(text), format, args);
    fprintf(stderr, "%s: %s\n", program, text);
}
