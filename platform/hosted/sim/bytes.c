/*
 * bytes.c - copies, fills and comparisons of the instrumented code: not one step but several.
 *
 * The core and the test bodies are compiled with memcpy and its kind under these names
 * (SIM_BYTES_CFLAGS), because the compiler's instrumentation leaves the calls alone. Up to
 * PIECES_MAX times, at bounds of words, another CPU may go on, so that a copy without its lock is
 * seen to tear. What lies on the running stack alone has no points (hooks.c).
 */
#include <string.h>

#include "sim.h"

#define PIECES_MAX 4u

void *sim_memcpy(void *restrict dst, const void *restrict src, size_t len_bytes);
void *sim_memmove(void *dst, const void *src, size_t len_bytes);
void *sim_memset(void *dst, int value, size_t len_bytes);
int sim_memcmp(const void *a, const void *b, size_t len_bytes);

/* Bytes of each piece but the last: whole words. */
static size_t piece_bytes(size_t len_bytes)
{
    return (len_bytes / PIECES_MAX + 8) & ~(size_t)7;
}

static void written(uint8_t *dst, size_t len_bytes, struct sim_place at)
{
    sim_write(dst, len_bytes > UINT32_MAX ? UINT32_MAX : (uint32_t)len_bytes, at);
}

static inline void copy(uint8_t *dst, const uint8_t *src, size_t len_bytes, struct sim_place at)
{
    const size_t step = piece_bytes(len_bytes);

    for (size_t done = 0; done < len_bytes; done += step) {
        const size_t part = len_bytes - done < step ? len_bytes - done : step;

        sim_read(src + done, at);
        written(dst + done, part, at);
        memmove(dst + done, src + done, part);
    }
}

void *sim_memcpy(void *restrict dst, const void *restrict src, size_t len_bytes)
{
    copy(dst, src, len_bytes, SIM_CALLER);
    return dst;
}

void *sim_memmove(void *dst, const void *src, size_t len_bytes)
{
    if ((uintptr_t)dst - (uintptr_t)src >= len_bytes) {
        copy(dst, src, len_bytes, SIM_CALLER);
        return dst;
    }
    sim_read(src, SIM_CALLER); /* the end goes first: in one piece */
    written(dst, len_bytes, SIM_CALLER);
    return memmove(dst, src, len_bytes);
}

void *sim_memset(void *dst, int value, size_t len_bytes)
{
    const size_t step = piece_bytes(len_bytes);

    for (size_t done = 0; done < len_bytes; done += step) {
        const size_t part = len_bytes - done < step ? len_bytes - done : step;

        written((uint8_t *)dst + done, part, SIM_CALLER);
        memset((uint8_t *)dst + done, value, part);
    }
    return dst;
}

int sim_memcmp(const void *a, const void *b, size_t len_bytes)
{
    sim_read(a, SIM_CALLER);
    sim_read(b, SIM_CALLER);
    return memcmp(a, b, len_bytes);
}
