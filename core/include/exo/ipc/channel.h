/*
 * exo/ipc/channel.h - channels: two ends, a queue of messages each way, and calls that wait for an
 * answer.
 *
 * A message is seven words and up to four capabilities. These are on their way in a table of the
 * channel's: they can be revoked there like anywhere. A call is a message whose sender sleeps until
 * the other side answers it, by its number; whoever receives it may answer.
 * The last capability's end closes an end: the other one can take what is in its queue, and then is
 * told EXO_ERR_DEAD, as is who waits for an answer.
 *
 * Owns:    channel_create() returns one reference of each end.
 * Locks:   RANK_CHANNEL, and those of sources and capabilities inside.
 * Context: thread, may block.
 * Errors:  of all: EXO_ERR_DEAD (the other end is closed, or this one), EXO_ERR_TIMED_OUT
 *          (deadline_ns on the clock; 0: not at all), EXO_ERR_INTERRUPTED.
 */
#ifndef EXO_IPC_CHANNEL_H
#define EXO_IPC_CHANNEL_H

#include "exo/abi/channel.h"
#include "exo/abi/status.h"
#include "exo/cap/cap.h"
#include "exo/sync/kobj.h"

#define CHANNEL_RIGHTS                                                                             \
    (EXO_RIGHTS_COMMON | EXO_RIGHT_WAIT | EXO_RIGHT_CHANNEL_SEND | EXO_RIGHT_CHANNEL_RECEIVE)

/* Make a channel whose queues hold `depth` messages each.
 * Errors: EXO_ERR_INVALID (0, or more than EXO_CHANNEL_DEPTH_MAX), EXO_ERR_NO_MEMORY. */
EXO_MUST_CHECK exo_status_t channel_create(uint32_t depth, struct kobj *out[2]);

/* Who sends or receives: an end, and the table that capabilities come from and go to. */
struct channel_user {
    struct kobj *end;
    struct cap_space *caps;
    uint64_t badge; /* of the capability by which `end` was found */
};

/* Put a message into the other end's queue.
 * Errors: EXO_ERR_INVALID (cap_count, an end of this channel as capability), those of
 *         cap_duplicate(). Nothing has been sent then. */
EXO_MUST_CHECK exo_status_t channel_send(const struct channel_user *user,
                                         const struct exo_message *message, uint64_t deadline_ns);

/* Take the oldest message of one's own queue. Errors: those of cap_insert() for a capability that
 * the table has no room for: the message is as before. */
EXO_MUST_CHECK exo_status_t channel_receive(const struct channel_user *user,
                                            struct exo_message *message, uint64_t deadline_ns);

/* Send *message and wait for the answer, which replaces it. A call that ends early is answered in
 * vain.  Errors: those of both. */
EXO_MUST_CHECK exo_status_t channel_call(const struct channel_user *user,
                                         struct exo_message *message, uint64_t deadline_ns);

/* Answer the call message->reply that came to this end.
 * Errors: EXO_ERR_NOT_FOUND (answered already, or it waits no more), those of channel_send() but
 *         TIMED_OUT. */
EXO_MUST_CHECK exo_status_t channel_reply(const struct channel_user *user,
                                          const struct exo_message *message);

#endif /* EXO_IPC_CHANNEL_H */
