/* tests/programs/files.c - the standard streams: read, write, writev, close, stat, ioctl, fcntl,
 * lseek. */
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <termios.h>

#include "case.h"

static void reading(void)
{
    char buf[16] = { 0 };

    CALL(SYS_read, 0, buf, sizeof(buf)); /* standard input is empty */
    CALL(SYS_read, 0, buf, 0);
    CALL(SYS_read, 1, buf, 1);
    CALL(SYS_read, 17, buf, 1);
    CALL(SYS_read, -1, buf, 1);
    CALL(SYS_read, 0, KERNEL, 1);
    CALL(SYS_read, 0, NONCANONICAL, 1);
}

static void writing(void)
{
    char *end = border();

    memcpy(end - 4, "abc\n", 4);
    fflush(stdout);
    CALL(SYS_write, 1, end - 4, 4);
    CALL(SYS_write, 1, "", 0);
    CALL(SYS_write, 1, NOWHERE, 0);
    CALL(SYS_write, 1, NOWHERE, 5);
    CALL(SYS_write, 1, KERNEL, 5);
    CALL(SYS_write, 1, NONCANONICAL, 5);
    CALL(SYS_write, 1, end, 5);
    CALL(SYS_write, 17, "x", 1);
    CALL(SYS_write, -1, NOWHERE, 1);
    CALL(SYS_write, 1, "x", -1ul); /* wraps round the end of memory */
}

static void vectors(void)
{
    struct iovec two[2] = { { "first ", 6 }, { "second\n", 7 } };
    struct iovec negative[2] = { { "x", 1 }, { "y", (size_t)-1 } };
    struct iovec bad[1] = { { KERNEL, 4 } };
    struct iovec nowhere[1] = { { NOWHERE, 4 } };
    struct iovec empty[2] = { { NOWHERE, 0 }, { "z\n", 2 } };

    fflush(stdout);
    CALL(SYS_writev, 1, two, 2);
    fflush(stdout);
    CALL(SYS_writev, 1, empty, 2);
    CALL(SYS_writev, 1, two, 0);
    CALL(SYS_writev, 1, NOWHERE, 0);
    CALL(SYS_writev, 1, two, 1025);
    CALL(SYS_writev, 1, two, -1);
    CALL(SYS_writev, 1, negative, 2);
    CALL(SYS_writev, 1, bad, 1);
    CALL(SYS_writev, 1, nowhere, 1);
    CALL(SYS_writev, 1, NOWHERE, 1);
    CALL(SYS_writev, 1, KERNEL, 1);
    CALL(SYS_writev, 17, two, 2);
}

static void state(void)
{
    struct stat st = { 0 };
    struct termios modes;
    struct winsize size;

    CALL(SYS_fstat, 17, &st);
    CALL(SYS_fstat, 0, &st);
    CALL(SYS_fstat, 0, NOWHERE);
    CALL(SYS_fstat, 0, KERNEL);
    fact("standard input is a character device", S_ISCHR(st.st_mode));
    result("its size", (long)st.st_size);
    fact("its links", st.st_nlink >= 1);
    CALL(SYS_newfstatat, 0, "", &st, AT_EMPTY_PATH);
    CALL(SYS_newfstatat, 0, "", &st, 0);
    CALL(SYS_newfstatat, 17, "", &st, AT_EMPTY_PATH);
    CALL(SYS_newfstatat, 0, NOWHERE, &st, AT_EMPTY_PATH | 0x4);
    CALL(SYS_newfstatat, 0, KERNEL, &st, 0);
    CALL(SYS_newfstatat, 0, "", NOWHERE, AT_EMPTY_PATH);
    CALL(SYS_ioctl, 0, TCGETS, &modes);
    CALL(SYS_ioctl, 0, TIOCGWINSZ, &size);
    CALL(SYS_ioctl, 17, TCGETS, &modes);
    CALL(SYS_fcntl, 0, F_GETFD);
    CALL(SYS_fcntl, 0, F_SETFD, FD_CLOEXEC);
    CALL(SYS_fcntl, 0, F_GETFD);
    result("F_GETFL access of 1", fcntl(1, F_GETFL) & O_ACCMODE);
    CALL(SYS_fcntl, 1, F_SETFL, O_NONBLOCK);
    fact("O_NONBLOCK is kept", (fcntl(1, F_GETFL) & O_NONBLOCK) != 0);
    CALL(SYS_fcntl, 1, F_SETFL, 0);
    fact("O_NONBLOCK is gone", (fcntl(1, F_GETFL) & O_NONBLOCK) == 0);
    CALL(SYS_fcntl, 17, F_GETFL);
    CALL(SYS_lseek, 1, 0, SEEK_CUR);
    CALL(SYS_lseek, 17, 0, SEEK_CUR);
}

static void links(void)
{
    char exe[64] = { 0 };
    char cut[4] = { 0 };

    fact("/proc/self/exe has a length", syscall(SYS_readlink, "/proc/self/exe", exe, 63) > 0);
    fact("/proc/self/exe ends with the name", strcmp(strrchr(exe, '/'), "/files") == 0);
    CALL(SYS_readlink, "/proc/self/exe", cut, 3);
    fact("it begins with a slash", cut[0] == '/' && cut[3] == 0);
    CALL(SYS_readlink, "/proc/self/exe", exe, 0);
    CALL(SYS_readlink, "/proc/self/exe", exe, -1);
    CALL(SYS_readlink, "/proc/self/exe", KERNEL, 10);
    CALL(SYS_readlink, "/proc/self/exe", NOWHERE, 10);
    CALL(SYS_readlink, NOWHERE, exe, 10);
    CALL(SYS_readlink, KERNEL, exe, 10);
    CALL(SYS_readlink, "", exe, 10);
}

int main(void)
{
    reading();
    writing();
    vectors();
    state();
    links();
    CALL(SYS_close, 17);
    CALL(SYS_close, -1);
    CALL(SYS_close, 0);
    CALL(SYS_close, 0);
    CALL(SYS_read, 0, NOWHERE, 1);
    fflush(stdout);
    return 3;
}
