/*
 * filter.c - what stands in the command pages besides batches: how a stub and its user threads set
 * themselves up, and the two filters that take every system call from user code.
 *
 * A user thread has two filters. The first, with the listener, lets through only the system call
 * instruction of the setting-up list and makes all else a notification. The second turns that very
 * instruction, calls that change the flow of control, and 32-bit calls into a trap, which outranks
 * both. So afterwards nothing is let through, whatever the address or the arguments.
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "exo/lib/assert.h"
#include "platform/hosted/user/stub.h"

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1u << 5) /* Linux 5.19 */
#endif
#define NOTIF_SET_FLAGS 0x40082104ul /* SECCOMP_IOCTL_NOTIF_SET_FLAGS, Linux 6.6 */
#define NOTIF_SYNC_WAKE 1ul          /* SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP */

#define SA_RESTORER_BIT 0x04000000ul
#define CALL_IGNORE     (1ull << STUB_CALL_IGNORE)
#define CALL_END        ((uint64_t)STUB_LIST_END)

#define NOTIFY_LEN 6u
#define TRAP_LEN   21u

/* As the host's rt_sigaction takes it. */
struct stub_sigaction {
    uint64_t handler, flags, restorer, mask;
};

/* Everything in the command pages. The stub sees it at STUB_CMD, read-only. */
struct stub_cmd {
    struct stub_call batch[STUB_BATCH_MAX + 1];
    struct stub_call child[9];
    struct sock_filter notify[NOTIFY_LEN], trap[TRAP_LEN];
    struct sock_fprog notify_prog, trap_prog;
    struct stub_sigaction action;
    stack_t stack;
    uint64_t no_signals;
    struct rlimit no_core;
    struct msghdr message;
    struct iovec part;
    char name[16];
    union { /* last: the header ends in an array without size */
        struct cmsghdr header;
        uint8_t bytes[CMSG_SPACE(sizeof(int))];
    } rights;
};

_Static_assert(offsetof(struct stub_cmd, batch) == STUB_BATCH_OFFSET, "the stub reads it there");
_Static_assert(offsetof(struct stub_cmd, child) == STUB_CHILD_OFFSET, "the stub reads it there");
_Static_assert(sizeof(struct stub_cmd) <= STUB_CMD_BYTES, "mapped that far");
_Static_assert(64 + (STUB_ERRNO_MAX << STUB_ERRNO_SHIFT) < STUB_CMD_BYTES,
               "an answer is that long");

/* Where a member lies for the stub. */
#define IN_STUB(member) (STUB_CMD + offsetof(struct stub_cmd, member))

static const int g_signals[] = { SIGSYS, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGUSR1 };

/* Calls that change control flow or registers: the kernel needs the frame for them anyway. Those
 * too that a filter of the host's own, which we inherit, may refuse: its error would outrank the
 * notification, not the trap, and user code would be answered by somebody else. */
static const uint32_t g_trapped[] = { SYS_clone,
                                      SYS_fork,
                                      SYS_vfork,
                                      SYS_execve,
                                      SYS_execveat,
                                      SYS_clone3,
                                      SYS_rt_sigreturn,
                                      SYS_arch_prctl,
                                      SYS_ptrace,
                                      SYS_process_vm_readv,
                                      SYS_process_vm_writev,
                                      SYS_pidfd_getfd };

#define LOAD(field)                                                                                \
    (struct sock_filter)                                                                           \
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offsetof(struct seccomp_data, field))
#define LOAD_HIGH(field)                                                                           \
    (struct sock_filter)                                                                           \
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offsetof(struct seccomp_data, field) + 4)
#define IF_EQUAL(value, then, otherwise)                                                           \
    (struct sock_filter) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(value), (uint8_t)(then),   \
                                  (uint8_t)(otherwise))
#define ANSWER(action) (struct sock_filter) BPF_STMT(BPF_RET | BPF_K, (action))

static void filters_write(struct stub_cmd *cmd)
{
    const uint64_t pc = stub_sites()->child_done;
    struct sock_filter *op = cmd->notify;

    *op++ = LOAD(instruction_pointer);
    *op++ = IF_EQUAL(pc, 0, 2);
    *op++ = LOAD_HIGH(instruction_pointer);
    *op++ = IF_EQUAL(pc >> 32, 1, 0);
    *op++ = ANSWER(SECCOMP_RET_USER_NOTIF);
    *op++ = ANSWER(SECCOMP_RET_ALLOW);
    KASSERT(op == cmd->notify + NOTIFY_LEN);
    cmd->notify_prog.len = NOTIFY_LEN;
    cmd->notify_prog.filter = (struct sock_filter *)IN_STUB(notify);

    op = cmd->trap;
    *op++ = LOAD(arch);
    *op++ = IF_EQUAL(AUDIT_ARCH_X86_64, 0, TRAP_LEN - 3);
    *op++ = LOAD(nr);
    for (uint32_t i = 0; i < ARRAY_COUNT(g_trapped); i++) {
        *op++ = IF_EQUAL(g_trapped[i], TRAP_LEN - 5 - i, 0);
    }
    *op++ = LOAD(instruction_pointer);
    *op++ = IF_EQUAL(pc, 0, 2);
    *op++ = LOAD_HIGH(instruction_pointer);
    *op++ = IF_EQUAL(pc >> 32, 1, 0);
    /* The last two: ALLOW leaves the word to the first filter, which notifies. */
    *op++ = ANSWER(SECCOMP_RET_ALLOW);
    *op++ = ANSWER(SECCOMP_RET_TRAP);
    KASSERT(op == cmd->trap + TRAP_LEN);
    cmd->trap_prog.len = TRAP_LEN;
    cmd->trap_prog.filter = (struct sock_filter *)IN_STUB(trap);
}

static void message_write(struct stub_cmd *cmd)
{
    const int listener = STUB_FD_LISTENER;

    cmd->rights.header = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof(int)),
                                           .cmsg_level = SOL_SOCKET,
                                           .cmsg_type = SCM_RIGHTS };
    memcpy(CMSG_DATA(&cmd->rights.header), &listener, sizeof(listener));
    cmd->part = (struct iovec){ .iov_base = (void *)STUB_CMD, .iov_len = 1 };
    cmd->message = (struct msghdr){ .msg_iov = (struct iovec *)IN_STUB(part),
                                    .msg_iovlen = 1,
                                    .msg_control = (void *)IN_STUB(rights),
                                    .msg_controllen = sizeof(cmd->rights) };
}

static void child_write(struct stub_cmd *cmd)
{
    struct stub_call *call = cmd->child;

    *call++ = (struct stub_call){ SYS_rt_sigprocmask,
                                  { SIG_SETMASK, IN_STUB(no_signals), 0, sizeof(uint64_t) } };
    *call++ = (struct stub_call){ SYS_sigaltstack, { IN_STUB(stack) } };
    *call++ = (struct stub_call){ SYS_seccomp,
                                  { SECCOMP_SET_MODE_FILTER,
                                    SECCOMP_FILTER_FLAG_NEW_LISTENER |
                                        SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV |
                                        SECCOMP_FILTER_FLAG_SPEC_ALLOW,
                                    IN_STUB(notify_prog) } };
    *call++ = (struct stub_call){ SYS_ioctl | CALL_IGNORE,
                                  { STUB_FD_LISTENER, NOTIF_SET_FLAGS, NOTIF_SYNC_WAKE } };
    *call++ = (struct stub_call){ SYS_sendmsg, { STUB_FD_SOCKET, IN_STUB(message), MSG_NOSIGNAL } };
    *call++ = (struct stub_call){ SYS_close, { STUB_FD_LISTENER } };
    *call++ = (struct stub_call){
        SYS_seccomp, { SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW, IN_STUB(trap_prog) }
    };
    *call++ = (struct stub_call){ .nr = CALL_END };
}

void stub_cmd_init(uint8_t *bytes)
{
    struct stub_cmd *const cmd = (struct stub_cmd *)(void *)bytes;

    filters_write(cmd);
    message_write(cmd);
    child_write(cmd);
    /* A restorer is obligatory; nobody ever returns to it. */
    cmd->action = (struct stub_sigaction){
        .handler = stub_sites()->handler,
        .flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER | SA_RESTART | SA_RESTORER_BIT,
        .restorer = stub_sites()->boot,
    };
    cmd->batch[0].nr = CALL_END;
    memcpy(cmd->name, "exo-user", sizeof("exo-user"));
}

void stub_cmd_child(uint8_t *bytes, uint64_t area)
{
    struct stub_cmd *const cmd = (struct stub_cmd *)(void *)bytes;

    cmd->stack = (stack_t){ .ss_sp = (void *)area, .ss_size = STUB_AREA_BYTES };
}

uint32_t stub_cmd_setup(struct stub_call *out, uint32_t max)
{
    const uint64_t text_end = align_up(stub_sites()->end, PAGE_SIZE);
    const uint64_t cmd_end = STUB_CMD + STUB_CMD_BYTES;
    const struct stub_call fixed[] = {
        { SYS_prctl, { PR_SET_PDEATHSIG, SIGKILL } },
        { SYS_prctl, { PR_SET_NO_NEW_PRIVS, 1 } },
        { SYS_close_range, { STUB_FD_RAM + 1, UINT32_MAX } },
        { SYS_prctl, { PR_SET_NAME, IN_STUB(name) } },
        { SYS_setrlimit, { RLIMIT_CORE, IN_STUB(no_core) } },
        { SYS_munmap, { 0, STUB_TEXT } },
        { SYS_munmap, { text_end, STUB_CMD - text_end } },
        { SYS_munmap, { cmd_end, STUB_LIMIT - cmd_end } },
    };
    uint32_t count = ARRAY_COUNT(fixed);

    KASSERT(max >= ARRAY_COUNT(fixed) + ARRAY_COUNT(g_signals));
    memcpy(out, fixed, sizeof(fixed));
    for (uint32_t i = 0; i < ARRAY_COUNT(g_signals); i++) {
        out[count++] =
            (struct stub_call){ SYS_rt_sigaction,
                                { (uint64_t)g_signals[i], IN_STUB(action), 0, sizeof(uint64_t) } };
    }
    return count;
}
