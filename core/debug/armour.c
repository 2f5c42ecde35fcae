/*
 * core/debug/armour.c - bytes as lines of text, in base 64.
 *
 * Spec: RFC 4648 section 4.
 */
#include "exo/debug/armour.h"

#include "exo/lib/fmt.h"

#define PREFIX "exo-file "

static const char g_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Write three bytes, or the `count` that are left, as four digits. */
static void group_write(char *to, const uint8_t *from, size_t count)
{
    const uint32_t bits = (uint32_t)from[0] << 16 | (count > 1 ? (uint32_t)from[1] << 8 : 0) |
                          (count > 2 ? (uint32_t)from[2] : 0);

    to[0] = g_digits[bits >> 18];
    to[1] = g_digits[bits >> 12 & 63];
    to[2] = count > 1 ? g_digits[bits >> 6 & 63] : '=';
    to[3] = count > 2 ? g_digits[bits & 63] : '=';
}

void armour_begin(const char *name, void (*put)(const char *line, size_t len))
{
    char line[ARMOUR_LINE_MAX];

    put(line, fmt_print(line, sizeof(line), PREFIX "%s begin\n", name));
}

void armour_write(const char *name, const void *bytes, size_t len_bytes,
                  void (*put)(const char *line, size_t len))
{
    const uint8_t *at = bytes;
    char line[ARMOUR_LINE_MAX];

    while (len_bytes > 0) {
        const size_t now = (size_t)min_u64(len_bytes, ARMOUR_BYTES);
        size_t len = fmt_print(line, sizeof(line), PREFIX "%s ", name);

        for (size_t i = 0; i < now; i += 3) {
            group_write(&line[len], at + i, now - i);
            len += 4;
        }
        line[len++] = '\n';
        put(line, len);
        at += now;
        len_bytes -= now;
    }
}
