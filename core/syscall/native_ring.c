/*
 * core/syscall/native_ring.c - rings: docs/syscalls. Putting and taking is the program's own.
 */
#include "exo/ipc/ring.h"
#include "exo/mem/user.h"
#include "exo/mem/vm.h"
#include "native.h"

static exo_status_t ring_get(const struct native_call *call, exo_rights_t need, struct kobj **out)
{
    return native_object(call, call->arg[0], EXO_TYPE_RING, need, out);
}

/* slots, flags, what happens when it is full */
int64_t native_ring_create(const struct native_call *call)
{
    const uint64_t *const arg = call->arg;
    struct ring *ring = NULL;

    if (arg[1] > UINT32_MAX || arg[2] > EXO_RING_FULL_REPLACES) {
        return EXO_ERR_INVALID;
    }
    const struct ring_spec spec = { .slots = arg[0],
                                    .flags = (uint32_t)arg[1],
                                    .full = (enum exo_ring_full)arg[2] };
    const exo_status_t status = ring_create(&spec, &ring);

    return status == EXO_OK ? native_cap_of(call, ring_object(ring), RING_RIGHTS) : status;
}

int64_t native_ring_query(const struct native_call *call)
{
    struct kobj *object = NULL;
    const exo_status_t status = ring_get(call, 0, &object);

    if (status != EXO_OK) {
        return status;
    }
    const struct ring_spec *const spec = ring_spec_of(ring_of(object));
    const struct exo_ring_info told = { .slots = spec->slots,
                                        .flags = spec->flags,
                                        .full = spec->full };

    kobj_unref(object);
    return user_copy_out(proc_space(call->proc), call->arg[1], &told, sizeof(told), NULL);
}

int64_t native_ring_map(const struct native_call *call)
{
    struct kobj *object = NULL;
    vaddr_t at = 0;
    exo_status_t status = ring_get(call, EXO_RIGHT_RING_MAP, &object);

    if (status != EXO_OK) {
        return status;
    }
    struct ring *const ring = ring_of(object);
    const struct vm_map_spec spec = { .len_bytes = exo_ring_bytes(ring_spec_of(ring)->slots),
                                      .prot = VM_PROT_READ | VM_PROT_WRITE,
                                      .never = VM_PROT_EXEC,
                                      .flags = VM_MAP_SHARED,
                                      .object = ring_pages(ring) };

    status = vm_map(proc_space(call->proc), &spec, &at);
    kobj_unref(object); /* the area holds the pages */
    return status == EXO_OK ? (int64_t)at : status;
}

static exo_rights_t right_of(enum ring_side side)
{
    return side == RING_PRODUCER ? EXO_RIGHT_RING_PUT : EXO_RIGHT_RING_TAKE;
}

/* cap, side, position, deadline: who waits on a side puts, or takes */
int64_t native_ring_wait(const struct native_call *call)
{
    const uint64_t *const arg = call->arg;
    struct kobj *object = NULL;

    if (arg[1] >= RING_SIDES) {
        return EXO_ERR_INVALID;
    }
    const enum ring_side side = (enum ring_side)arg[1];
    exo_status_t status = ring_get(call, right_of(side), &object);

    if (status == EXO_OK) {
        status = ring_wait(ring_of(object), side, arg[2], arg[3]);
        kobj_unref(object);
    }
    return status;
}

/* cap, side, count: who wakes a side works on the other one */
int64_t native_ring_wake(const struct native_call *call)
{
    const uint64_t *const arg = call->arg;
    struct kobj *object = NULL;

    if (arg[1] >= RING_SIDES || arg[2] > UINT32_MAX) {
        return EXO_ERR_INVALID;
    }
    const enum ring_side side = (enum ring_side)arg[1];
    const enum ring_side other = side == RING_PRODUCER ? RING_CONSUMER : RING_PRODUCER;
    const exo_status_t status = ring_get(call, right_of(other), &object);

    if (status == EXO_OK) {
        ring_wake(ring_of(object), side, (uint32_t)arg[2]);
        kobj_unref(object);
    }
    return status;
}

int64_t native_ring_close(const struct native_call *call)
{
    struct kobj *object = NULL;
    const exo_status_t status = ring_get(call, EXO_RIGHT_RING_CLOSE, &object);

    if (status == EXO_OK) {
        ring_close(ring_of(object));
        kobj_unref(object);
    }
    return status;
}
