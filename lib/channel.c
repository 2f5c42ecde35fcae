/*
 * lib/channel.c - channels.
 */
#include "exo_std/channel.h"

#include "exo_std/syscall.h"

exo_status_t exo_channel_create(uint32_t depth, exo_cap_t ends[2])
{
    return (exo_status_t)exo_syscall(EXO_SYSCALL_channel_create, depth, (uint64_t)ends, 0);
}

exo_status_t exo_channel_send(exo_cap_t end, const struct exo_message *message,
                              uint64_t deadline_ns)
{
    return (exo_status_t)exo_syscall(EXO_SYSCALL_channel_send, end, (uint64_t)message, deadline_ns);
}

exo_status_t exo_channel_receive(exo_cap_t end, struct exo_message *message, uint64_t deadline_ns)
{
    return (exo_status_t)exo_syscall(EXO_SYSCALL_channel_receive, end, (uint64_t)message,
                                     deadline_ns);
}

exo_status_t exo_channel_call(exo_cap_t end, struct exo_message *message, uint64_t deadline_ns)
{
    return (exo_status_t)exo_syscall(EXO_SYSCALL_channel_call, end, (uint64_t)message, deadline_ns);
}

exo_status_t exo_channel_reply(exo_cap_t end, const struct exo_message *message)
{
    return (exo_status_t)exo_syscall(EXO_SYSCALL_channel_reply, end, (uint64_t)message, 0);
}
