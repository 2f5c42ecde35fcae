/*
 * core/syscall/native_channel.c - channels: docs/syscalls.
 */
#include "exo/ipc/channel.h"
#include "exo/mem/user.h"
#include "native.h"

/* Find the end, and what its capability says.  Owns: a reference of user->end. */
static exo_status_t user_get(const struct native_call *call, exo_rights_t need,
                             struct channel_user *user)
{
    struct cap_info info = { 0 };
    exo_status_t status = cap_query(call->native->caps, call->arg[0], &info);

    if (status == EXO_OK) {
        status = native_object(call, call->arg[0], EXO_TYPE_CHANNEL, need, &user->end);
    }
    user->caps = call->native->caps;
    user->badge = info.badge;
    return status;
}

static exo_status_t message_in(const struct native_call *call, struct exo_message *message)
{
    return user_copy_in(proc_space(call->proc), message, call->arg[1], sizeof(*message), NULL);
}

/* Capabilities that came along and cannot be told of are closed. */
static exo_status_t message_out(const struct native_call *call, const struct exo_message *message)
{
    const exo_status_t status =
        user_copy_out(proc_space(call->proc), call->arg[1], message, sizeof(*message), NULL);

    for (uint32_t i = 0; status != EXO_OK && i < message->cap_count; i++) {
        (void)!cap_close(call->native->caps, message->cap[i]);
    }
    return status;
}

/* depth, where to put the two capabilities */
int64_t native_channel_create(const struct native_call *call)
{
    struct kobj *end[2] = { NULL };
    exo_cap_t cap[2] = { EXO_CAP_NONE };

    if (call->arg[0] > UINT32_MAX) {
        return EXO_ERR_INVALID;
    }
    exo_status_t status = channel_create((uint32_t)call->arg[0], end);

    for (uint32_t i = 0; i < 2 && end[i] != NULL; i++) {
        const int64_t made = native_cap_of(call, end[i], CHANNEL_RIGHTS);

        cap[i] = made > 0 ? (exo_cap_t)made : EXO_CAP_NONE;
        status = made > 0 ? status : (exo_status_t)made;
    }
    if (status == EXO_OK) {
        status = user_copy_out(proc_space(call->proc), call->arg[1], cap, sizeof(cap), NULL);
    }
    for (uint32_t i = 0; status != EXO_OK && i < 2; i++) {
        (void)!cap_close(call->native->caps, cap[i]);
    }
    return status;
}

/* What the four calls have in common: an end by its capability, and one message in the program's
 * memory, read before the operation or written after it.  arg: cap, message, deadline. */
enum message_ways { MESSAGE_IN = 1, MESSAGE_OUT = 2 };

typedef exo_status_t operation(const struct channel_user *user, struct exo_message *message,
                               uint64_t deadline_ns);

static int64_t operate(const struct native_call *call, exo_rights_t need, uint32_t ways,
                       operation *does)
{
    struct channel_user user;
    struct exo_message message;
    exo_status_t status = user_get(call, need, &user);

    if (status != EXO_OK) {
        return status;
    }
    if ((ways & MESSAGE_IN) != 0) {
        status = message_in(call, &message);
    }
    if (status == EXO_OK) {
        status = does(&user, &message, call->arg[2]);
    }
    if (status == EXO_OK && (ways & MESSAGE_OUT) != 0) {
        status = message_out(call, &message);
    }
    kobj_unref(user.end);
    return status;
}

static exo_status_t do_send(const struct channel_user *user, struct exo_message *message,
                            uint64_t deadline_ns)
{
    return channel_send(user, message, deadline_ns);
}

static exo_status_t do_reply(const struct channel_user *user, struct exo_message *message,
                             uint64_t deadline_ns)
{
    (void)deadline_ns;
    return channel_reply(user, message);
}

int64_t native_channel_send(const struct native_call *call)
{
    return operate(call, EXO_RIGHT_CHANNEL_SEND, MESSAGE_IN, do_send);
}

int64_t native_channel_receive(const struct native_call *call)
{
    return operate(call, EXO_RIGHT_CHANNEL_RECEIVE, MESSAGE_OUT, channel_receive);
}

int64_t native_channel_call(const struct native_call *call)
{
    return operate(call, EXO_RIGHT_CHANNEL_SEND, MESSAGE_IN | MESSAGE_OUT, channel_call);
}

int64_t native_channel_reply(const struct native_call *call)
{
    return operate(call, EXO_RIGHT_CHANNEL_RECEIVE, MESSAGE_IN, do_reply);
}
