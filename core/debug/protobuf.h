/*
 * protobuf.h - writing protocol buffers by hand, for what exports in that form.
 *
 * A message inside another is opened and closed; its length, which is known at the end only, has
 * two bytes reserved in front. What does not fit is left off and remembered in `is_cut`.
 * Spec: protobuf.dev, "Encoding".
 */
#ifndef EXO_DEBUG_PROTOBUF_H
#define EXO_DEBUG_PROTOBUF_H

#include "exo/lib/types.h"

#define PROTOBUF_INNER_MAX 16383u /* bytes of a message inside another: two bytes of length */

struct protobuf {
    uint8_t *bytes;
    size_t size;
    size_t len;
    bool is_cut;
};

void protobuf_init(struct protobuf *to, uint8_t *bytes, size_t size);

/* One field each; `field` is its number in the message. */
void protobuf_number(struct protobuf *to, uint32_t field, uint64_t value);
void protobuf_fixed64(struct protobuf *to, uint32_t field, uint64_t value);
void protobuf_text(struct protobuf *to, uint32_t field, const char *text);

/* Begin a message as field `field`; returns what protobuf_close() wants. */
size_t protobuf_open(struct protobuf *to, uint32_t field);
void protobuf_close(struct protobuf *to, size_t opened);

#endif /* EXO_DEBUG_PROTOBUF_H */
