/*
 * core/proc/random.c - random bytes for programs.
 */
#include "exo/proc/random.h"

#include "exo/hal.h"

void proc_random(void *buf, size_t len_bytes)
{
    uint8_t *bytes = buf;
    const size_t got = hal_entropy(bytes, len_bytes);
    uint64_t mix = hal_cycles() ^ hal_clock_ns();

    for (size_t i = got; i < len_bytes; i++) {
        mix ^= mix << 13;
        mix ^= mix >> 7;
        mix ^= mix << 17;
        bytes[i] = (uint8_t)(mix >> 24);
    }
}
