/*
 * notify.c - the floor of hosted system calls: another process makes a call that seccomp turns into
 * a notification, and an empty handler answers it. And the claim of the null call against it.
 */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "exo/hal.h"
#include "exo_bench.h"

#define NOTIF_SET_FLAGS 0x40082104ul /* SECCOMP_IOCTL_NOTIF_SET_FLAGS */
#define NOTIF_SYNC_WAKE 1ul
#define WARM_CALLS      32u

union descriptor_message {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(int))];
};

/* Send `fd` over the socket if it is not negative; else receive one. -1 on failure. */
static int descriptor_pass(int socket_fd, int fd)
{
    union descriptor_message rights = { .bytes = { 0 } };
    char byte = 0;
    struct iovec part = { .iov_base = &byte, .iov_len = 1 };
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &rights, .msg_controllen = sizeof(rights)
    };

    if (fd < 0) {
        if (recvmsg(socket_fd, &message, 0) != 1 ||
            message.msg_controllen < CMSG_LEN(sizeof(int))) {
            return -1;
        }
        memcpy(&fd, CMSG_DATA(&rights.header), sizeof(fd));
        return fd;
    }
    rights.header = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof(int)),
                                      .cmsg_level = SOL_SOCKET,
                                      .cmsg_type = SCM_RIGHTS };
    memcpy(CMSG_DATA(&rights.header), &fd, sizeof(fd));
    return sendmsg(socket_fd, &message, 0) == 1 ? fd : -1;
}

/* In the other process: turn getppid() into notifications, pass the listener, call for ever. */
static void caller_main(int socket_fd)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog program = { .len = sizeof(code) / sizeof(code[0]), .filter = code };

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    const int listener =
        (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                     SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_SPEC_ALLOW, &program);

    if (listener < 0 || descriptor_pass(socket_fd, listener) < 0) {
        _exit(1);
    }
    for (;;) {
        syscall(SYS_getppid);
    }
}

static bool call_serve(int listener)
{
    struct seccomp_notif notif = { .id = 0 };

    if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &notif) != 0) {
        return false;
    }
    struct seccomp_notif_resp answer = { .id = notif.id, .val = 1 };

    return ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer) == 0;
}

static void calls_serve(struct bench_run *run, int listener)
{
    if (listener < 0 || !call_serve(listener)) {
        run->skipped = true;
        return;
    }
    ioctl(listener, NOTIF_SET_FLAGS, NOTIF_SYNC_WAKE);
    for (uint32_t i = 0; i < WARM_CALLS; i++) { /* a process is made anew for each sample */
        (void)call_serve(listener);
    }
    bench_start(run);
    for (uint64_t i = 0; i < run->loops; i++) {
        while (!call_serve(listener)) { /* cut short by the machine's timer */
        }
    }
    bench_stop(run);
}

BENCH(rival_empty_notify, "a host call handed to an empty user-notify handler and back, 5 us",
      false)
{
    const hal_irq_t irq = hal_irq_save();
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0) {
        const pid_t pid = fork();

        if (pid == 0) {
            caller_main(pair[1]);
        }
        close(pair[1]);
        const int listener = pid > 0 ? descriptor_pass(pair[0], -1) : -1;

        calls_serve(run, listener);
        if (pid > 0) {
            kill(pid, SIGKILL);
            waitpid(pid, NULL, 0);
        }
        close(listener);
        close(pair[0]);
    }
    hal_irq_restore(irq);
}

BENCH_CLAIM(null_system_call, rival_empty_notify, 115);
