/*
 * core/syscall/native_cap.c - calls on a process's own capabilities: docs/syscalls.
 */
#include "exo/mem/user.h"
#include "native.h"

/* A number never has bit 63, so it is not taken for an error. */
static int64_t cap_result(exo_status_t status, exo_cap_t cap)
{
    return status == EXO_OK ? (int64_t)cap : status;
}

/* Rights come in 64 bits; those that no type has are refused, not dropped. */
static exo_status_t rights_check(uint64_t rights)
{
    return (rights & ~(uint64_t)EXO_RIGHTS_ALL) == 0 ? EXO_OK : EXO_ERR_INVALID;
}

int64_t native_cap_close(const struct native_call *call)
{
    return cap_close(call->native->caps, call->arg[0]);
}

int64_t native_cap_duplicate(const struct native_call *call)
{
    struct cap_space *const caps = call->native->caps;
    exo_cap_t made = EXO_CAP_NONE;
    exo_status_t status = rights_check(call->arg[1]);

    if (status == EXO_OK) {
        status = cap_duplicate(caps, call->arg[0], (exo_rights_t)call->arg[1], caps, &made);
    }
    return cap_result(status, made);
}

int64_t native_cap_derive(const struct native_call *call)
{
    struct cap_space *const caps = call->native->caps;
    const struct cap_grant grant = { .rights = (exo_rights_t)call->arg[1], .badge = call->arg[2] };
    exo_cap_t made = EXO_CAP_NONE;
    exo_status_t status = rights_check(call->arg[1]);

    if (status == EXO_OK) {
        status = cap_derive(caps, call->arg[0], &grant, caps, &made);
    }
    return cap_result(status, made);
}

int64_t native_cap_revoke(const struct native_call *call)
{
    return cap_revoke(call->native->caps, call->arg[0]);
}

int64_t native_cap_query(const struct native_call *call)
{
    struct cap_info info = { 0 };
    const exo_status_t status = cap_query(call->native->caps, call->arg[0], &info);

    if (status != EXO_OK) {
        return status;
    }
    const struct exo_cap_info told = { .type = info.type,
                                       .rights = info.rights,
                                       .badge = info.badge };

    return user_copy_out(proc_space(call->proc), call->arg[1], &told, sizeof(told), NULL);
}
