/*
 * exo/lib/string.h - bytes and NUL-terminated strings.
 *
 * The first five have the C library's names because compilers call them on their own: a hosted
 * program gets them from libc, a booted kernel from core/lib/memory.c.
 */
#ifndef EXO_LIB_STRING_H
#define EXO_LIB_STRING_H

#include "exo/lib/types.h"

void *memcpy(void *restrict dst, const void *restrict src, size_t len_bytes);
void *memmove(void *dst, const void *src, size_t len_bytes);
void *memset(void *dst, int value, size_t len_bytes);
int memcmp(const void *a, const void *b, size_t len_bytes);
size_t strlen(const char *text);

bool str_equal(const char *a, const char *b);

/* Compare as unsigned bytes: below, equal to or above zero, like strcmp(). */
int str_compare(const char *a, const char *b);

/* If `text` begins with `prefix`, return what follows it, else NULL. */
const char *str_after_prefix(const char *text, const char *prefix);

/* Copy at most size - 1 bytes and a NUL; returns false if `src` was cut. `size` is not 0. */
bool str_copy(char *dst, size_t size, const char *src);

/* Like str_copy(), never reading past src[max_bytes - 1], for text that may lack its NUL. */
bool str_copy_max(char *dst, size_t size, const char *src, size_t max_bytes);

#endif /* EXO_LIB_STRING_H */
