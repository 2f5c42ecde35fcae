/*
 * core/syscall/native.c - native programs: start, dispatch of their calls, faults, end.
 *
 * A native program is one with the note of exo/abi/start.h. Calls of another ABI have no meaning in
 * it; of its own, other programs have the fast ones.
 */
#include "native.h"

#include "exo/debug/log.h"
#include "exo/debug/trace.h"
#include "exo/drivers/console.h"
#include "exo/hal.h"
#include "exo/lib/nospec.h"
#include "exo/mem/heap.h"
#include "exo/syscall/personality.h"

/* Whole frames for that many entries, and for the directories that lead to them. */
#define CAPS_BYTES_MAX                                                                             \
    ((NATIVE_CAPS_MAX / CAP_CHUNK_SLOTS + 1 + NATIVE_CAPS_MAX / CAP_CHUNK_SLOTS / CAP_DIR_CHUNKS + \
      1) *                                                                                         \
     PAGE_SIZE)

/* One of both for each call, by its path. */
#define FAST(name) .fast = native_##name
#define SLOW(name) .slow = native_##name
static const struct row {
    native_fast_handler *fast;
    native_handler *slow;
} g_row[EXO_SYSCALLS_MAX] = {
#define X(name, number, path, text) [number] = { path(name) },
#include "exo/abi/syscall_list.h"
#undef X
};

static void attach_undo(struct native_proc *native)
{
    cap_space_destroy(native->caps);
    heap_free_sized(native, sizeof(*native));
}

/* What the system itself starts has the console. */
static exo_status_t give_console(struct cap_space *to, struct native_given *given)
{
    given->count = 1;
    return cap_insert(to, console_object(), CONSOLE_RIGHTS, 0, &given->cap[0]);
}

static exo_status_t give(const struct proc_gifts *gifts, struct cap_space *to,
                         struct native_given *given)
{
    exo_status_t status = EXO_OK;

    for (uint32_t i = 0; status == EXO_OK && i < gifts->count; i++) {
        const struct exo_gift *const gift = &gifts->gift[i];
        const struct cap_grant grant = { .rights = gift->rights, .badge = gift->badge };

        status = gift->how == EXO_GIFT_DERIVE
                     ? cap_derive(gifts->from, gift->cap, &grant, to, &given->cap[i])
                     : cap_duplicate(gifts->from, gift->cap, gift->rights, to, &given->cap[i]);
        given->count = i + 1;
    }
    return status;
}

static void console_find(const struct cap_space *caps, struct native_given *given)
{
    for (uint32_t i = 0; i < given->count && given->console == EXO_CAP_NONE; i++) {
        struct cap_info info;

        if (cap_query(caps, given->cap[i], &info) == EXO_OK && info.type == EXO_TYPE_CONSOLE) {
            given->console = given->cap[i];
        }
    }
}

static exo_status_t attach(struct proc *proc, const struct proc_image *image, void **data,
                           vaddr_t *sp)
{
    struct native_given given = { .console = EXO_CAP_NONE };

    if (image->plan->native_abi != EXO_ABI_VERSION) {
        return EXO_ERR_NOT_SUPPORTED;
    }
    struct native_proc *native = heap_alloc(sizeof(*native));

    if (native == NULL) {
        return EXO_ERR_NO_MEMORY;
    }
    cap_quota_init(&native->quota, NATIVE_CAPS_MAX, CAPS_BYTES_MAX);
    exo_status_t status = cap_space_create(&native->quota, &native->caps);

    if (status != EXO_OK) {
        heap_free_sized(native, sizeof(*native));
        return status;
    }
    status = image->gifts == NULL ? give_console(native->caps, &given)
                                  : give(image->gifts, native->caps, &given);
    if (status == EXO_OK) {
        console_find(native->caps, &given);
        status = native_start_make(proc, image, &given, sp);
    }
    if (status != EXO_OK) {
        attach_undo(native);
        return status;
    }
    *data = native;
    return EXO_OK;
}

static void detach(struct proc *proc, void *data)
{
    (void)proc;
    attach_undo(data);
}

/* A call that is not native, in a native program. */
static void foreign_syscall(struct proc *proc, void *data, const struct hal_user_event *event)
{
    (void)data;
    (void)event;
    hal_user_result(proc_user(proc), EXO_ERR_NOT_SUPPORTED);
}

static void fault(struct proc *proc, void *data, const struct hal_user_event *event,
                  exo_status_t status)
{
    const bool is_exception = event->reason == HAL_USER_EXCEPTION;

    (void)data;
    klog(KLOG_WARN, "native", "program ended pid=%u path=%s %s=%u addr=0x%llx cause=\"%s\"",
         proc_id(proc), proc_path(proc), is_exception ? "vector" : "access",
         is_exception ? event->vector : event->access, (unsigned long long)event->addr,
         is_exception ? "processor exception" : exo_status_text(status));
    proc_end(proc,
             is_exception || status != EXO_ERR_NO_MEMORY ? PROC_STATUS_FAULT : PROC_STATUS_KILLED);
}

static const struct personality g_native = {
    .name = "native", .attach = attach, .detach = detach, .syscall = foreign_syscall, .fault = fault
};

EXO_PERSONALITY(g_native);

exo_status_t native_object(const struct native_call *call, exo_cap_t cap, uint32_t type,
                           exo_rights_t need, struct kobj **out)
{
    struct kobj *found = NULL;

    epoch_enter();
    exo_status_t status = cap_lookup(call->native->caps, cap, type, need, &found);

    if (status == EXO_OK && !kobj_try_ref(found)) {
        status = EXO_ERR_BAD_CAP;
    }
    epoch_exit();
    *out = found;
    return status;
}

int64_t native_cap_of(const struct native_call *call, struct kobj *object, exo_rights_t rights)
{
    exo_cap_t made = EXO_CAP_NONE;
    const exo_status_t status = cap_insert(call->native->caps, object, rights, 0, &made);

    kobj_unref(object); /* the capability holds one, or nobody does */
    return status == EXO_OK ? (int64_t)made : status;
}

/* The row of a call, or NULL for a number that none can have. */
static inline const struct row *row_of(uint64_t nr)
{
    const uint32_t number = (uint32_t)nr & ~EXO_SYSCALL_NATIVE;

    return number < EXO_SYSCALLS_MAX ? &g_row[index_nospec(number, EXO_SYSCALLS_MAX)] : NULL;
}

/* While calls are traced each of them takes the way on which that happens. */
bool core_on_fast_call(uint32_t nr, uint64_t arg0, uint64_t arg1, uint64_t *result)
{
    const struct row *const row = row_of(nr);

    if (row == NULL || row->fast == NULL || trace_is_on(TRACE_SYSCALL_ENTER)) {
        return false;
    }
    *result = (uint64_t)row->fast(arg0, arg1);
    return true;
}

void native_syscall(struct proc *proc, const struct proc_tie *tie,
                    const struct hal_user_event *event)
{
    const struct row *const row = row_of(event->nr);
    int64_t result = EXO_ERR_NOT_SUPPORTED;

    if (row != NULL && row->fast != NULL) {
        result = row->fast(event->arg[0], event->arg[1]);
    } else if (row != NULL && row->slow != NULL && tie->personality == &g_native) {
        const struct native_call call = { .proc = proc, .native = tie->data, .arg = event->arg };

        result = row->slow(&call);
    }
    hal_user_result(proc_user(proc), result);
}
