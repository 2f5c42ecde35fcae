/*
 * exo_std/channel.h - channels: messages of seven words and up to four capabilities between two
 * ends; calls that wait for their answer.
 *
 * Errors: EXO_ERR_DEAD (the other end is gone), EXO_ERR_TIMED_OUT (deadline_ns; 0: at once),
 *         EXO_ERR_INVALID, EXO_ERR_BAD_CAP, EXO_ERR_WRONG_TYPE, EXO_ERR_ACCESS_DENIED (no
 *         EXO_RIGHT_CHANNEL_SEND or _RECEIVE, a capability that may not be sent).
 */
#ifndef EXO_STD_CHANNEL_H
#define EXO_STD_CHANNEL_H

#include "exo/abi/channel.h"
#include "exo/abi/status.h"

/* Make a channel with room for `depth` messages each way; ends[2] get all rights. */
exo_status_t exo_channel_create(uint32_t depth, exo_cap_t ends[2]);

/* Capabilities in a message are duplicated with all their rights; the sender keeps its own. */
exo_status_t exo_channel_send(exo_cap_t end, const struct exo_message *message,
                              uint64_t deadline_ns);
exo_status_t exo_channel_receive(exo_cap_t end, struct exo_message *message, uint64_t deadline_ns);

/* Send *message, and get the answer in its place. */
exo_status_t exo_channel_call(exo_cap_t end, struct exo_message *message, uint64_t deadline_ns);

/* Answer the call whose number is message->reply.  Errors: also EXO_ERR_NOT_FOUND (it waits no
 * more). */
exo_status_t exo_channel_reply(exo_cap_t end, const struct exo_message *message);

/* A type may be used in some ways only. */
#define EXO_CHANNEL_FUNCTION static inline __attribute__((unused)) exo_status_t

/* Define NAME_send, NAME_receive and NAME_call for messages that hold a TYPE, of at most 56 bytes;
 * another type does not compile. The envelope (badge, reply, capabilities) is in *message. */
#define EXO_CHANNEL_OF(name, type)                                                                 \
    _Static_assert(sizeof(type) <= sizeof(((struct exo_message *)0)->word),                        \
                   #type " fits a message");                                                       \
    EXO_CHANNEL_FUNCTION name##_send(exo_cap_t end, const type *value, uint64_t deadline_ns)       \
    {                                                                                              \
        struct exo_message message = { .cap_count = 0 };                                           \
                                                                                                   \
        __builtin_memcpy(message.word, value, sizeof(type));                                       \
        return exo_channel_send(end, &message, deadline_ns);                                       \
    }                                                                                              \
    EXO_CHANNEL_FUNCTION name##_receive(exo_cap_t end, type *value, struct exo_message *message,   \
                                        uint64_t deadline_ns)                                      \
    {                                                                                              \
        const exo_status_t status = exo_channel_receive(end, message, deadline_ns);                \
                                                                                                   \
        __builtin_memcpy(value, message->word, status == EXO_OK ? sizeof(type) : 0);               \
        return status;                                                                             \
    }                                                                                              \
    EXO_CHANNEL_FUNCTION name##_call(exo_cap_t end, type *value, uint64_t deadline_ns)             \
    {                                                                                              \
        struct exo_message message = { .cap_count = 0 };                                           \
                                                                                                   \
        __builtin_memcpy(message.word, value, sizeof(type));                                       \
        const exo_status_t status = exo_channel_call(end, &message, deadline_ns);                  \
                                                                                                   \
        __builtin_memcpy(value, message.word, status == EXO_OK ? sizeof(type) : 0);                \
        return status;                                                                             \
    }

#endif /* EXO_STD_CHANNEL_H */
