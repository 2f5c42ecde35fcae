/*
 * mark.c - poison and culprits: what debug builds know about each frame beyond its state.
 *
 * A frame that is freed is filled with FREED and remembers who freed it and who had allocated it.
 * When it is handed out again the filling is checked: a different byte was written by somebody who
 * used the frame after it was freed. Release builds only check states (one byte per frame).
 */
#include "exo/debug/panic.h"
#include "exo/lib/string.h"
#include "exo/mem/fill.h"

#include "frames.h"

#define FREED          fill_byte(FILL_FRAME_FREED)
#define ALLOCATED      fill_byte(FILL_FRAME_NEW)
#define BYTES_OF_WORD  0x0101010101010101ull /* times a byte: a word of eight of them */
#define WAITS_MAX      100000u               /* looks for a name that is about to be written */
#define WORDS_PER_PAGE (PAGE_SIZE / sizeof(uint64_t))

/* Addresses of kernel code differ in their low halves only. */
static uintptr_t code_address(uint32_t low)
{
    return ((uintptr_t)mark_bad_free & ~(uintptr_t)UINT32_MAX) | low;
}

static const char *code_name(uint32_t low)
{
    uintptr_t offset = 0;
    const char *const name = symbol_find(code_address(low) - 1, &offset);

    return name == NULL ? "?" : name;
}

uint8_t g_fill_mask;

/* The frame's bytes are what they were filled with. */
static bool poison_intact(const uint64_t *words)
{
    const uint64_t freed = FREED * BYTES_OF_WORD;
    uint64_t differing = 0;

    for (size_t i = 0; i < WORDS_PER_PAGE; i += 4) {
        differing |= (words[i] ^ freed) | (words[i + 1] ^ freed) | (words[i + 2] ^ freed) |
                     (words[i + 3] ^ freed);
    }
    return differing == 0;
}

static _Noreturn void poison_report(uint64_t frame, uint32_t index)
{
    const uint8_t *const bytes = frame_address(frame);
    const uint32_t freed_by = atomic_load_explicit(&g_owner[index].freed_by, memory_order_relaxed);
    const uint32_t had_by =
        atomic_load_explicit(&g_owner[index].allocated_by, memory_order_relaxed);
    size_t at = 0;

    while (bytes[at] == FREED) {
        at++;
    }
    panic("phys: frame 0x%lx was written after it was freed: byte %zu is 0x%02x; freed by %s "
          "(0x%lx), its last owner %s (0x%lx)",
          frame << PAGE_SHIFT, at, bytes[at], code_name(freed_by), code_address(freed_by),
          code_name(had_by), code_address(had_by));
}

/* The names come first: who tries to free the same frames at the same time looks for them. */
void mark_debug_freed(uint64_t frame, uint32_t index, uint64_t count, uintptr_t caller)
{
    for (uint64_t i = 0; i < count; i++) {
        atomic_store_explicit(&g_owner[index + i].freed_by, (uint32_t)caller, memory_order_relaxed);
    }
    if (count <= POISON_FRAMES_MAX) {
        memset(frame_address(frame), FREED, count << PAGE_SHIFT);
    }
}

void mark_debug_allocated(uint64_t frame, uint32_t index, uint64_t count, uintptr_t caller)
{
    for (uint64_t i = 0; i < count; i++) {
        const uint32_t at = index + (uint32_t)i;

        if ((state_get(at) & FRAME_POISONED) != 0) {
            state_set(at, FRAME_USED);
            if (!poison_intact(frame_address(frame + i))) {
                poison_report(frame + i, at);
            }
        }
        atomic_store_explicit(&g_owner[at].allocated_by, (uint32_t)caller, memory_order_relaxed);
        atomic_store_explicit(&g_owner[at].freed_by, 0, memory_order_relaxed);
    }
    if (count <= POISON_FRAMES_MAX) {
        memset(frame_address(frame), ALLOCATED, count << PAGE_SHIFT);
    }
}

/* Who freed the frame first, 0 if nobody knows. Who is at it at this moment gets time to tell. */
static uint32_t first_freer(uint32_t index)
{
    uint32_t freed_by = 0;
    uint8_t state = state_get(index);

    if (!EXO_CONFIG_DEBUG || ((state & FRAME_POISONED) == 0 && state != FRAME_CLAIMED)) {
        return 0;
    }
    for (uint32_t i = 0; i < WAITS_MAX && freed_by == 0; i++) {
        freed_by = atomic_load_explicit(&g_owner[index].freed_by, memory_order_relaxed);
        hal_pause();
    }
    return freed_by;
}

/* Say what is wrong with freeing `frame`, one of `count` that `caller` wanted to free. */
void mark_bad_free(uint64_t frame, uint64_t count, uintptr_t caller)
{
    const struct span *const span = span_of(frame);

    if (span == NULL) {
        panic("phys: freed frame 0x%lx (count=%lu) is not the allocator's; freed by %s (0x%lx)",
              frame << PAGE_SHIFT, count, code_name((uint32_t)caller), caller);
    }
    const uint32_t index = index_of(span, frame);
    const uint32_t freed_by = first_freer(index);

    if (state_get(index) == FRAME_USED) { /* of another zone than the first */
        panic("phys: freed frame 0x%lx (count=%lu) is of another allocation; freed by %s (0x%lx)",
              frame << PAGE_SHIFT, count, code_name((uint32_t)caller), caller);
    }
    if (freed_by == 0) {
        panic("phys: freed frame 0x%lx (count=%lu) is free already; freed by %s (0x%lx)",
              frame << PAGE_SHIFT, count, code_name((uint32_t)caller), caller);
    }
    const uint32_t had_by =
        atomic_load_explicit(&g_owner[index].allocated_by, memory_order_relaxed);

    panic("phys: freed frame 0x%lx (count=%lu) is free already: first freed by %s (0x%lx), now by "
          "%s (0x%lx), allocated by %s (0x%lx)",
          frame << PAGE_SHIFT, count, code_name(freed_by), code_address(freed_by),
          code_name((uint32_t)caller), caller, code_name(had_by), code_address(had_by));
}
