/*
 * heap_trace.c - the trace by which allocators are asked how much memory they need.
 *
 * SLOTS places, at each step one is picked at random: an empty one is filled, a full one emptied.
 * Seven in eight sizes are those of kernel objects, the others anything up to 2 KiB. Every quarter
 * of the trace takes its sizes from another part of the list, so that what was freed has the wrong
 * size. Every byte is written.
 */
#include "exo/lib/string.h"
#include "heap_bench.h"

#define OPERATIONS  1000000u
#define SLOTS       60000u
#define SAMPLE_EACH 512u

static struct {
    void *object;
    uint32_t size;
} g_slot[SLOTS];

static uint32_t next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005ull + 1442695040888963407ull;
    return (uint32_t)(*state >> 33);
}

static uint32_t pick_size(uint64_t *state, uint32_t quarter)
{
    static const uint16_t sizes[] = { 32,  64,  64,  96,  128, 192, 256,  48,
                                      512, 256, 320, 640, 128, 64,  1024, 4096 };
    const uint32_t random = next_random(state);

    if (random % 8 == 0) {
        return 17 + (random >> 8) % 2032;
    }
    /* Ten of the sixteen at a time. */
    return sizes[((random >> 8) % 10 + quarter * 2) % ARRAY_COUNT(sizes)];
}

uint64_t heap_bench_trace(const struct heap_ops *ops)
{
    uint64_t state = 1;
    uint64_t live = 0, live_peak = 0, peak = 0;
    bool failed = false;
    const uint64_t before = ops->resident_bytes();

    for (uint32_t i = 0; i < OPERATIONS; i++) {
        const uint32_t at = next_random(&state) % SLOTS;
        const uint32_t size = pick_size(&state, i / (OPERATIONS / 4));

        if (g_slot[at].object != NULL) {
            ops->free(g_slot[at].object);
            live -= g_slot[at].size;
            g_slot[at].object = NULL;
        } else {
            g_slot[at].object = ops->alloc(size);
            g_slot[at].size = size;
            if (g_slot[at].object == NULL) {
                failed = true;
                break;
            }
            memset(g_slot[at].object, 1, size);
            live += size;
            live_peak = max_u64(live_peak, live);
        }
        if (i % SAMPLE_EACH == 0) {
            peak = max_u64(peak, ops->resident_bytes() - before);
        }
    }
    for (uint32_t at = 0; at < SLOTS; at++) {
        if (g_slot[at].object != NULL) {
            ops->free(g_slot[at].object);
            g_slot[at].object = NULL;
        }
    }
    return failed ? 0 : peak * 1000 / live_peak;
}
