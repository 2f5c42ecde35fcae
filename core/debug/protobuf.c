/*
 * core/debug/protobuf.c - writing protocol buffers by hand.
 *
 * Invariant: len <= size, and is_cut is set as soon as a byte was left off.
 */
#include "protobuf.h"

#include "exo/lib/string.h"

#define WIRE_VARINT  0u
#define WIRE_FIXED64 1u
#define WIRE_BYTES   2u
#define LENGTH_BYTES 2u /* of a message inside another */
#define MORE         0x80u
#define GROUP_BITS   7u

void protobuf_init(struct protobuf *to, uint8_t *bytes, size_t size)
{
    *to = (struct protobuf){ .bytes = bytes, .size = size };
}

static void put(struct protobuf *to, uint8_t byte)
{
    if (to->len == to->size) {
        to->is_cut = true;
        return;
    }
    to->bytes[to->len++] = byte;
}

static void put_varint(struct protobuf *to, uint64_t value)
{
    while (value >= MORE) {
        put(to, (uint8_t)(value | MORE));
        value >>= GROUP_BITS;
    }
    put(to, (uint8_t)value);
}

static void put_tag(struct protobuf *to, uint32_t field, uint32_t wire)
{
    put_varint(to, (uint64_t)field << 3 | wire);
}

void protobuf_number(struct protobuf *to, uint32_t field, uint64_t value)
{
    put_tag(to, field, WIRE_VARINT);
    put_varint(to, value);
}

void protobuf_fixed64(struct protobuf *to, uint32_t field, uint64_t value)
{
    put_tag(to, field, WIRE_FIXED64);
    for (uint32_t shift = 0; shift < 64; shift += 8) {
        put(to, (uint8_t)(value >> shift));
    }
}

void protobuf_text(struct protobuf *to, uint32_t field, const char *text)
{
    const size_t len = strlen(text);

    put_tag(to, field, WIRE_BYTES);
    put_varint(to, len);
    for (size_t i = 0; i < len; i++) {
        put(to, (uint8_t)text[i]);
    }
}

size_t protobuf_open(struct protobuf *to, uint32_t field)
{
    put_tag(to, field, WIRE_BYTES);
    for (uint32_t i = 0; i < LENGTH_BYTES; i++) {
        put(to, 0);
    }
    return to->len;
}

void protobuf_close(struct protobuf *to, size_t opened)
{
    const size_t len = to->len - opened;

    if (to->is_cut || len > PROTOBUF_INNER_MAX) {
        to->is_cut = true;
        return;
    }
    to->bytes[opened - 2] = (uint8_t)(len | MORE);
    to->bytes[opened - 1] = (uint8_t)(len >> GROUP_BITS);
}
