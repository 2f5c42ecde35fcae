/*
 * exo/abi/channel.h - channels: messages with capabilities inside, between two ends.
 */
#ifndef EXO_ABI_CHANNEL_H
#define EXO_ABI_CHANNEL_H

#include <stdint.h>

#include "exo/abi/cap.h"

#define EXO_CHANNEL_WORDS     7u
#define EXO_CHANNEL_CAPS      4u
#define EXO_CHANNEL_DEPTH_MAX 1024u /* messages on their way in one direction */

struct exo_message {
    uint64_t word[EXO_CHANNEL_WORDS];
    uint64_t badge;     /* received: of the capability that it was sent with */
    uint64_t reply;     /* received: names the call that waits for an answer; 0: none does */
    uint32_t cap_count; /* at most EXO_CHANNEL_CAPS */
    uint32_t reserved;
    exo_cap_t cap[EXO_CHANNEL_CAPS]; /* sent: duplicated; received: the receiver's, or
                                        EXO_CAP_NONE for one that was revoked on the way */
};

/* Signals of an end; they last as long as what they say. */
#define EXO_SIGNAL_CHANNEL_READABLE 1u
#define EXO_SIGNAL_CHANNEL_WRITABLE 2u
#define EXO_SIGNAL_CHANNEL_CLOSED   4u /* the other end is gone */

#endif /* EXO_ABI_CHANNEL_H */
