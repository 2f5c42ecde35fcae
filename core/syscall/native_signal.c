/*
 * core/syscall/native_signal.c - events, timers, ports, and waiting: docs/syscalls.
 */
#include "exo/ipc/event.h"
#include "exo/ipc/port.h"
#include "exo/mem/user.h"
#include "native.h"

int64_t native_event_create(const struct native_call *call)
{
    struct kobj *object = NULL;
    const exo_status_t status = event_create(&object);

    return status == EXO_OK ? native_cap_of(call, object, EVENT_RIGHTS) : status;
}

/* A badge says which signals its holder may set. */
int64_t native_event_signal(const struct native_call *call)
{
    const uint64_t signals = call->arg[1];
    struct cap_info info = { 0 };
    struct kobj *object = NULL;
    exo_status_t status = cap_query(call->native->caps, call->arg[0], &info);

    if (status == EXO_OK) {
        status = native_object(call, call->arg[0], EXO_TYPE_EVENT, EXO_RIGHT_EVENT_SIGNAL, &object);
    }
    if (status != EXO_OK) {
        return status;
    }
    if (signals == 0 || (signals & ~EXO_SIGNALS_ALL) != 0) {
        status = EXO_ERR_INVALID;
    } else if (info.badge != 0 && (signals & ~info.badge) != 0) {
        status = EXO_ERR_ACCESS_DENIED;
    } else {
        source_set(event_source(object), signals);
    }
    kobj_unref(object);
    return status;
}

int64_t native_timer_create(const struct native_call *call)
{
    struct kobj *object = NULL;
    const exo_status_t status = alarm_create(&object);

    return status == EXO_OK ? native_cap_of(call, object, ALARM_RIGHTS) : status;
}

int64_t native_timer_set(const struct native_call *call)
{
    struct kobj *object = NULL;
    exo_status_t status =
        native_object(call, call->arg[0], EXO_TYPE_TIMER, EXO_RIGHT_TIMER_SET, &object);

    if (status == EXO_OK) {
        status = alarm_set(object, call->arg[1], call->arg[2]);
        kobj_unref(object);
    }
    return status;
}

/* An object that can be waited for, whatever its type.  Errors: EXO_ERR_WRONG_TYPE. */
static exo_status_t waitable_get(const struct native_call *call, exo_cap_t cap, struct kobj **out)
{
    struct cap_info info = { 0 };
    exo_status_t status = cap_query(call->native->caps, cap, &info);

    if (status == EXO_OK) {
        status = native_object(call, cap, info.type, 0, out);
    }
    if (status != EXO_OK) {
        return status;
    }
    if ((*out)->ops->source == NULL) {
        status = EXO_ERR_WRONG_TYPE;
    } else if ((info.rights & EXO_RIGHT_WAIT) == 0) {
        status = EXO_ERR_ACCESS_DENIED;
    }
    if (status != EXO_OK) {
        kobj_unref(*out);
    }
    return status;
}

/* cap, signals, deadline */
int64_t native_signal_wait(const struct native_call *call)
{
    const uint64_t want = call->arg[1];
    struct kobj *object = NULL;
    uint64_t got = 0;
    exo_status_t status = waitable_get(call, call->arg[0], &object);

    if (status != EXO_OK) {
        return status;
    }
    status = want == 0 || (want & ~EXO_SIGNALS_ALL) != 0
                 ? EXO_ERR_INVALID
                 : source_wait(object->ops->source(object), want, call->arg[2], &got);
    kobj_unref(object);
    return status == EXO_OK ? (int64_t)got : status;
}

int64_t native_port_create(const struct native_call *call)
{
    struct port *port = NULL;
    const exo_status_t status = port_create(&port);

    return status == EXO_OK ? native_cap_of(call, port_object(port), PORT_RIGHTS) : status;
}

/* port, cap, signals, key, flags */
int64_t native_port_bind(const struct native_call *call)
{
    const uint64_t *const arg = call->arg;
    struct kobj *port = NULL;
    struct port_binding binding = { .signals = arg[2], .key = arg[3], .flags = (uint32_t)arg[4] };

    if (arg[4] > UINT32_MAX) {
        return EXO_ERR_INVALID;
    }
    exo_status_t status = native_object(call, arg[0], EXO_TYPE_PORT, EXO_RIGHT_PORT_BIND, &port);

    if (status != EXO_OK) {
        return status;
    }
    status = waitable_get(call, arg[1], &binding.object);
    if (status == EXO_OK) {
        status = port_bind(port_of(port), &binding);
        kobj_unref(binding.object);
    }
    kobj_unref(port);
    return status;
}

int64_t native_port_unbind(const struct native_call *call)
{
    struct kobj *port = NULL;
    exo_status_t status =
        native_object(call, call->arg[0], EXO_TYPE_PORT, EXO_RIGHT_PORT_BIND, &port);

    if (status == EXO_OK) {
        status = port_unbind(port_of(port), call->arg[1]);
        kobj_unref(port);
    }
    return status;
}

/* port, where to tell it, deadline */
int64_t native_port_wait(const struct native_call *call)
{
    struct kobj *port = NULL;
    struct exo_packet packet;
    exo_status_t status = native_object(call, call->arg[0], EXO_TYPE_PORT, EXO_RIGHT_WAIT, &port);

    if (status != EXO_OK) {
        return status;
    }
    status = port_wait(port_of(port), call->arg[2], &packet);
    kobj_unref(port);
    return status == EXO_OK
               ? user_copy_out(proc_space(call->proc), call->arg[1], &packet, sizeof(packet), NULL)
               : status;
}
