/*
 * posix_x/kernel/fault.c - what Linux would do about a fault or an exception: the signal,
 * unhandled.
 *
 * Handlers that a program installed are recorded only (signal.c): frames are not built yet, so a
 * fault ends the program as if there were none.
 *
 * Spec: Linux, signal(7); AMD64 APM volume 2 chapter 8 for the vectors.
 */
#include "exo/debug/log.h"
#include "px.h"

struct cause {
    uint8_t signal;
    const char *text;
};

static const struct cause g_cause[] = {
    [0] = { LINUX_SIGFPE, "divide error" },
    [1] = { LINUX_SIGTRAP, "debug trap" },
    [3] = { LINUX_SIGTRAP, "breakpoint" },
    [4] = { LINUX_SIGSEGV, "overflow trap" },
    [5] = { LINUX_SIGSEGV, "bound range exceeded" },
    [6] = { LINUX_SIGILL, "invalid opcode" },
    [7] = { LINUX_SIGSEGV, "device not available" },
    [10] = { LINUX_SIGSEGV, "invalid task segment" },
    [11] = { LINUX_SIGBUS, "segment not present" },
    [12] = { LINUX_SIGBUS, "stack segment fault" },
    [13] = { LINUX_SIGSEGV, "general protection fault" },
    [14] = { LINUX_SIGSEGV, "page fault" },
    [16] = { LINUX_SIGFPE, "x87 error" },
    [17] = { LINUX_SIGBUS, "alignment check" },
    [19] = { LINUX_SIGFPE, "vector arithmetic error" },
};

static const char *access_text(uint32_t access)
{
    if ((access & HAL_ACCESS_EXEC) != 0) {
        return "execute";
    }
    return (access & HAL_ACCESS_WRITE) != 0 ? "write" : "read";
}

void px_die(struct proc *proc, int signal, const char *why, const struct hal_user_event *event)
{
    klog(KLOG_WARN, "posix_x",
         "program killed pid=%u path=%s signal=%d cause=\"%s\" access=%s addr=0x%llx",
         proc_id(proc), proc_path(proc), signal, why,
         event->reason == HAL_USER_FAULT ? access_text(event->access) : "none",
         (unsigned long long)event->addr);
    proc_end(proc, PROC_STATUS_SIGNAL + signal);
}

static void exception(struct proc *proc, const struct hal_user_event *event)
{
    const struct cause unknown = { LINUX_SIGSEGV, "exception" };
    const struct cause *cause = &unknown;

    if (event->vector < ARRAY_COUNT(g_cause) && g_cause[event->vector].text != NULL) {
        cause = &g_cause[event->vector];
    }
    px_die(proc, cause->signal, cause->text, event);
}

void px_fault(struct proc *proc, void *data, const struct hal_user_event *event,
              exo_status_t status)
{
    (void)data;
    if (event->reason == HAL_USER_EXCEPTION) {
        exception(proc, event);
        return;
    }
    switch (status) {
    case EXO_ERR_BAD_ADDRESS:
        px_die(proc, LINUX_SIGSEGV, "nothing is mapped there", event);
        break;
    case EXO_ERR_ACCESS_DENIED:
        px_die(proc, LINUX_SIGSEGV, "the mapping forbids it", event);
        break;
    case EXO_ERR_IO:
        px_die(proc, LINUX_SIGBUS, "the page cannot be read", event);
        break;
    default: /* Linux's out-of-memory killer would choose it too: it asked for the page */
        px_die(proc, LINUX_SIGKILL, exo_status_text(status), event);
        break;
    }
}
