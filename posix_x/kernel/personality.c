/*
 * posix_x/kernel/personality.c - POSIX-X as a personality: start and end of a Linux process,
 * dispatch of its calls, and the counts.
 *
 * Invariant: what reaches the program is 0 or more, or -1..-4095. A status that nobody translated
 *            lies
 * outside (exo/abi/status.h) and trips the assertion here.
 */
#include "exo/syscall/personality.h"
#include "exo/abi/process.h"
#include "exo/cap/cap.h"
#include "exo/debug/log.h"
#include "exo/hal.h"
#include "exo/lib/assert.h"
#include "exo/lib/string.h"
#include "exo/mem/phys.h"
#include "px.h"

#define PX_FRAMES (align_up(sizeof(struct px_proc), PAGE_SIZE) / PAGE_SIZE)

/* The name that ps shows: the last part of the path, cut. */
static void comm_set(struct px_proc *px, const char *path)
{
    const char *name = path;

    for (const char *at = path; *at != '\0'; at++) {
        name = *at == '/' ? at + 1 : name;
    }
    (void)str_copy(px->comm, sizeof(px->comm), name); /* cut on purpose */
}

/* A Linux program knows no capabilities: it has the console and nothing else, so whoever starts it
 * must give it that and nothing else. */
static exo_status_t console_check(const struct proc_gifts *gifts)
{
    struct kobj *console = NULL;

    if (gifts->count != 1) {
        return EXO_ERR_INVALID;
    }
    epoch_enter();
    const exo_status_t status = cap_lookup(gifts->from, gifts->gift[0].cap, EXO_TYPE_CONSOLE,
                                           EXO_RIGHT_CONSOLE_WRITE, &console);

    epoch_exit();
    return status;
}

static exo_status_t attach(struct proc *proc, const struct proc_image *image, void **data,
                           vaddr_t *sp)
{
    paddr_t frames = 0;

    if (image->plan->native_abi != 0) {
        return EXO_ERR_NOT_SUPPORTED;
    }
    exo_status_t status = image->gifts == NULL ? EXO_OK : console_check(image->gifts);

    if (status != EXO_OK) {
        return status;
    }
    status = phys_alloc(PX_FRAMES, 1, &frames);

    if (status != EXO_OK) {
        return status;
    }
    struct px_proc *px = hal_phys_to_virt(frames);

    memset(px, 0, sizeof(*px));
    px->file[0] = (struct px_file){ .open = true, .flags = LINUX_O_RDONLY };
    px->file[1] = (struct px_file){ .open = true, .flags = LINUX_O_WRONLY };
    px->file[2] = (struct px_file){ .open = true, .flags = LINUX_O_WRONLY };
    comm_set(px, image->path);
    px_limits_init(px);
    status = px_stack_build(proc, image, sp);
    if (status != EXO_OK) {
        phys_free(frames, PX_FRAMES);
        return status;
    }
    *data = px;
    return EXO_OK;
}

static void detach(struct proc *proc, void *data)
{
    struct px_proc *px = data;

    klog(KLOG_INFO, "posix_x",
         "program ended pid=%u comm=%s fast=%llu hybrid=%llu legacy=%llu enosys=%llu",
         proc_id(proc), px->comm, (unsigned long long)px->path_calls[PX_PATH_FAST],
         (unsigned long long)px->path_calls[PX_PATH_HYBRID],
         (unsigned long long)px->path_calls[PX_PATH_LEGACY],
         (unsigned long long)(px->path_calls[PX_PATH_NONE] + px->unknown_calls));
    phys_free(hal_virt_to_phys(px), PX_FRAMES);
}

/* Say once per program which call it missed. */
static void name_missing(struct px_call *call)
{
    struct px_proc *px = call->px;

    if (call->nr >= PX_CALLS_MAX) {
        if (px->named_unknown) {
            return;
        }
        px->named_unknown = true;
    } else {
        const uint8_t bit = (uint8_t)(1u << (call->nr % 8));

        if ((px->named[call->nr / 8] & bit) != 0) {
            return;
        }
        px->named[call->nr / 8] |= bit;
    }
    klog(KLOG_INFO, "posix_x", "call not implemented nr=%u name=%s comm=%s", call->nr,
         px_call_name(call->nr), px->comm);
}

static int64_t dispatch(struct px_call *call)
{
    const struct px_row *row = px_row(call->nr);
    struct px_proc *px = call->px;

    if (row == NULL) {
        px->unknown_calls++;
        name_missing(call);
        return -LINUX_ENOSYS;
    }
    px->calls[call->nr]++;
    px->path_calls[row->path]++;
    if (row->handler == NULL) {
        name_missing(call);
        return -LINUX_ENOSYS;
    }
    const uint64_t before = hal_cycles();
    const int64_t result = row->handler(call);

    px->cycles[call->nr] += hal_cycles() - before;
    if (result == -LINUX_ENOSYS) {
        name_missing(call); /* a form of the call that is not answered */
    }
    return result;
}

static void on_syscall(struct proc *proc, void *data, const struct hal_user_event *event)
{
    struct px_call call = { .proc = proc,
                            .px = data,
                            .space = proc_space(proc),
                            .user = proc_user(proc),
                            .nr = (uint32_t)event->nr,
                            .arg = event->arg };
    const int64_t result = dispatch(&call);

    KASSERT(result >= -LINUX_ERRNO_MAX);
    hal_user_result(call.user, result);
}

static const struct personality g_posix_x = {
    .name = "posix_x", .attach = attach, .detach = detach, .syscall = on_syscall, .fault = px_fault
};

EXO_PERSONALITY(g_posix_x);
