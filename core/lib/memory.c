/*
 * core/lib/memory.c - the five functions that compilers call on their own, for kernels without a
 * libc.
 *
 * Invariants:
 *   (1) no loop here is turned into a call of the function it implements: the empty assembly hides
 *       the pointer from the compiler's pattern matcher in every round;
 *   (2) no byte outside the given ranges is read or written.
 */
#include "exo/lib/string.h"

/* A word that may lie anywhere and alias anything. */
typedef uint64_t __attribute__((may_alias, aligned(1))) word_t;

#define WORD sizeof(word_t)

/* Hide what is known about `ptr`, invariant (1). */
#define OPAQUE(ptr) __asm__ volatile("" : "+r"(ptr))

static void copy_up(unsigned char *dst, const unsigned char *src, size_t len_bytes)
{
    for (; len_bytes >= WORD; len_bytes -= WORD) {
        OPAQUE(dst);
        *(word_t *)dst = *(const word_t *)src;
        dst += WORD;
        src += WORD;
    }
    for (; len_bytes > 0; len_bytes--) {
        OPAQUE(dst);
        *dst++ = *src++;
    }
}

static void copy_down(unsigned char *dst, const unsigned char *src, size_t len_bytes)
{
    dst += len_bytes;
    src += len_bytes;
    for (; len_bytes >= WORD; len_bytes -= WORD) {
        OPAQUE(dst);
        dst -= WORD;
        src -= WORD;
        *(word_t *)dst = *(const word_t *)src;
    }
    for (; len_bytes > 0; len_bytes--) {
        OPAQUE(dst);
        *--dst = *--src;
    }
}

void *memcpy(void *restrict dst, const void *restrict src, size_t len_bytes)
{
    copy_up(dst, src, len_bytes);
    return dst;
}

void *memmove(void *dst, const void *src, size_t len_bytes)
{
    if ((uintptr_t)dst <= (uintptr_t)src) {
        copy_up(dst, src, len_bytes);
    } else {
        copy_down(dst, src, len_bytes);
    }
    return dst;
}

void *memset(void *dst, int value, size_t len_bytes)
{
    unsigned char *at = dst;
    const word_t word = 0x0101010101010101ull * (unsigned char)value;

    for (; len_bytes >= WORD; len_bytes -= WORD) {
        OPAQUE(at);
        *(word_t *)at = word;
        at += WORD;
    }
    for (; len_bytes > 0; len_bytes--) {
        OPAQUE(at);
        *at++ = (unsigned char)value;
    }
    return dst;
}

int memcmp(const void *a, const void *b, size_t len_bytes)
{
    const unsigned char *left = a;
    const unsigned char *right = b;

    for (size_t i = 0; i < len_bytes; i++) {
        if (left[i] != right[i]) {
            return left[i] < right[i] ? -1 : 1;
        }
    }
    return 0;
}

size_t strlen(const char *text)
{
    const char *end = text;

    while (*end != '\0') {
        end++;
        OPAQUE(end);
    }
    return (size_t)(end - text);
}
