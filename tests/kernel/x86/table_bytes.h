/*
 * table_bytes.h - build firmware tables byte by byte, for the tests of the parsers.
 *
 * The buffer is exactly as long as the table says, so that a checker (or the poison behind it) sees
 * a read past the end.
 */
#ifndef TESTS_KERNEL_X86_TABLE_BYTES_H
#define TESTS_KERNEL_X86_TABLE_BYTES_H

#include "exo/lib/types.h"

#define TABLE_BYTES_MAX 4096u

struct table_bytes {
    uint8_t bytes[TABLE_BYTES_MAX];
    size_t len_bytes;
};

/* Start a table of len_bytes zeros; what lies behind it is filled with 0xff. */
static inline void table_begin(struct table_bytes *table, size_t len_bytes)
{
    for (size_t i = 0; i < TABLE_BYTES_MAX; i++) {
        table->bytes[i] = i < len_bytes ? 0 : 0xff;
    }
    table->len_bytes = len_bytes;
}

/* Store `value` little-endian in size_bytes at `at`. */
static inline void table_put(struct table_bytes *table, size_t at, uint64_t value,
                             size_t size_bytes)
{
    for (size_t i = 0; i < size_bytes; i++) {
        table->bytes[at + i] = (uint8_t)(value >> (8 * i));
    }
}

static inline void table_text(struct table_bytes *table, size_t at, const char *text)
{
    for (size_t i = 0; text[i] != '\0'; i++) {
        table->bytes[at + i] = (uint8_t)text[i];
    }
}

/* Append size_bytes bytes, the table grows. */
static inline void table_append(struct table_bytes *table, const uint8_t *bytes, size_t size_bytes)
{
    for (size_t i = 0; i < size_bytes; i++) {
        table->bytes[table->len_bytes + i] = bytes[i];
    }
    table->len_bytes += size_bytes;
}

/* Make bytes [0, len_bytes) sum to zero by the byte at `at`. */
static inline void table_checksum(struct table_bytes *table, size_t at, size_t len_bytes)
{
    uint8_t sum = 0;

    table->bytes[at] = 0;
    for (size_t i = 0; i < len_bytes; i++) {
        sum = (uint8_t)(sum + table->bytes[i]);
    }
    table->bytes[at] = (uint8_t)-sum;
}

#endif /* TESTS_KERNEL_X86_TABLE_BYTES_H */
