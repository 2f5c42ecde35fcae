/*
 * lib/memory.c - what compilers call without being asked.
 */
#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t len_bytes)
{
    void *const start = to;

    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(len_bytes) : : "memory");
    return start;
}

void *memset(void *to, int byte, size_t len_bytes)
{
    void *const start = to;

    __asm__ volatile("rep stosb" : "+D"(to), "+c"(len_bytes) : "a"(byte) : "memory");
    return start;
}
