/*
 * core/lib/string.c - comparing and copying NUL-terminated strings.
 */
#include "exo/lib/string.h"

#include "exo/lib/assert.h"

int str_compare(const char *a, const char *b)
{
    size_t i = 0;

    while (a[i] != '\0' && a[i] == b[i]) {
        i++;
    }
    return (int)(unsigned char)a[i] - (int)(unsigned char)b[i];
}

bool str_equal(const char *a, const char *b)
{
    return str_compare(a, b) == 0;
}

const char *str_after_prefix(const char *text, const char *prefix)
{
    size_t i = 0;

    for (; prefix[i] != '\0'; i++) {
        if (text[i] != prefix[i]) {
            return NULL;
        }
    }
    return text + i;
}

bool str_copy_max(char *dst, size_t size, const char *src, size_t max_bytes)
{
    size_t i = 0;

    KASSERT(size > 0);
    while (i < max_bytes && src[i] != '\0' && i + 1 < size) {
        dst[i] = src[i];
        i++;
    }
    dst[i] = '\0';
    return i == max_bytes || src[i] == '\0';
}

bool str_copy(char *dst, size_t size, const char *src)
{
    return str_copy_max(dst, size, src, SIZE_MAX);
}
