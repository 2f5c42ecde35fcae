/*
 * mark.c - poison and culprits: what debug builds know about each frame beyond its state.
 *
 * A frame that is freed is filled with FREED and remembers who freed it and who had allocated it.
 * When it is handed out again the filling is checked: a different byte was written by somebody who
 * used the frame after it was freed. Release builds only check states (one byte per frame).
 */
#include "exo/debug/panic.h"
#include "exo/lib/string.h"

#include "frames.h"

#define FREED          0xd5
#define ALLOCATED      0xa7
#define FREED_WORD     0xd5d5d5d5d5d5d5d5ull
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

/* The frame's bytes are what they were filled with. */
static bool poison_intact(const uint64_t *words)
{
    uint64_t differing = 0;

    for (size_t i = 0; i < WORDS_PER_PAGE; i += 4) {
        differing |= (words[i] ^ FREED_WORD) | (words[i + 1] ^ FREED_WORD) |
                     (words[i + 2] ^ FREED_WORD) | (words[i + 3] ^ FREED_WORD);
    }
    return differing == 0;
}

static _Noreturn void poison_report(uint64_t frame, uint32_t index)
{
    const uint8_t *const bytes = frame_address(frame);
    const struct frame_owner owner = g_owner[index];
    size_t at = 0;

    while (bytes[at] == FREED) {
        at++;
    }
    panic("phys: frame 0x%lx was written after it was freed: byte %zu is 0x%02x; freed by %s "
          "(0x%lx), its last owner %s (0x%lx)",
          frame << PAGE_SHIFT, at, bytes[at], code_name(owner.freed_by),
          code_address(owner.freed_by), code_name(owner.allocated_by),
          code_address(owner.allocated_by));
}

unsigned mark_freed(uint64_t frame, uint32_t index, uint64_t count, uintptr_t caller)
{
    const bool poisons = EXO_CONFIG_DEBUG && count <= POISON_FRAMES_MAX;

    if (poisons) {
        memset(frame_address(frame), FREED, count << PAGE_SHIFT);
    }
    for (uint64_t i = 0; EXO_CONFIG_DEBUG && i < count; i++) {
        g_owner[index + i].freed_by = (uint32_t)caller;
    }
    hal_mem_freed(frame_address(frame), count << PAGE_SHIFT);
    return poisons ? FRAME_POISONED : 0;
}

void mark_allocated(uint64_t frame, uint32_t index, uint64_t count, uintptr_t caller)
{
    hal_mem_allocated(frame_address(frame), count << PAGE_SHIFT);
    for (uint64_t i = 0; EXO_CONFIG_DEBUG && i < count; i++) {
        const uint32_t at = index + (uint32_t)i;

        if ((state_get(at) & FRAME_POISONED) != 0) {
            state_set(at, FRAME_USED);
            if (!poison_intact(frame_address(frame + i))) {
                poison_report(frame + i, at);
            }
        }
        g_owner[at].allocated_by = (uint32_t)caller;
    }
    if (EXO_CONFIG_DEBUG && count <= POISON_FRAMES_MAX) {
        memset(frame_address(frame), ALLOCATED, count << PAGE_SHIFT);
    }
}

/* Say what is wrong with freeing frames [first, first + count): the caller found that something
 * is. */
void mark_bad_free(uint64_t first, uint64_t count)
{
    for (uint64_t frame = first; frame < first + count; frame++) {
        const struct span *const span = span_of(frame);

        if (span == NULL || frame - span->first + 1 > span->count) {
            panic("phys: freed frame 0x%lx (count=%lu) is not the allocator's", frame << PAGE_SHIFT,
                  count);
        }
        const uint32_t index = index_of(span, frame);
        const uint8_t state = state_get(index);

        if (state == FRAME_USED) {
            continue;
        }
        if (EXO_CONFIG_DEBUG && (state & FRAME_POISONED) != 0) {
            const struct frame_owner owner = g_owner[index];

            panic("phys: freed frame 0x%lx (count=%lu) is free already: first freed by %s (0x%lx), "
                  "allocated by %s (0x%lx)",
                  frame << PAGE_SHIFT, count, code_name(owner.freed_by),
                  code_address(owner.freed_by), code_name(owner.allocated_by),
                  code_address(owner.allocated_by));
        }
        panic("phys: freed frame 0x%lx (count=%lu) is free already", frame << PAGE_SHIFT, count);
    }
    panic("phys: freed frames 0x%lx (count=%lu) are not one allocation", first << PAGE_SHIFT,
          count);
}
