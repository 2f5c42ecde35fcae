/*
 * core/debug/backtrace.c - walking frame pointers, and names for addresses.
 *
 * Invariants of a walk:
 *   (1) a frame is read only inside the stack that the first frame lies on, or, if nobody knows
 *       that stack, within WALK_BYTES_MAX above the first frame;
 *   (2) frames go strictly up, so the walk ends.
 */
#include "exo/debug/panic.h"
#include "exo/debug/symbols.h"

#define WALK_FRAMES_MAX 32u
#define WALK_BYTES_MAX  8192u

#define FUNCTION_BYTES_MAX 65536u /* further behind a function's beginning is something else */

/* What a function's prologue leaves at its frame pointer. */
struct stack_frame {
    uintptr_t caller_frame;
    uintptr_t return_address;
};

uint32_t symbol_index(uintptr_t pc)
{
    uint32_t low = 0;
    uint32_t high = g_ksym_count;

    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;

        if (g_ksyms[middle].addr <= pc) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == 0 || pc - g_ksyms[low - 1].addr >= FUNCTION_BYTES_MAX) {
        return UINT32_MAX;
    }
    return low - 1;
}

const char *symbol_find(uintptr_t pc, uintptr_t *offset)
{
    const uint32_t index = symbol_index(pc);

    if (index == UINT32_MAX) {
        return NULL;
    }
    *offset = pc - (uintptr_t)g_ksyms[index].addr;
    return g_ksyms[index].name;
}

static void print_line(unsigned index, uintptr_t pc, bool is_return)
{
    uintptr_t offset = 0;
    /* A call may be the last instruction of its function: look up the byte before the return
     * address. */
    const char *const name = symbol_find(is_return ? pc - 1 : pc, &offset);

    if (name == NULL) {
        kprintf("  #%u 0x%016lx\n", index, pc);
    } else {
        kprintf("  #%u 0x%016lx %s+0x%lx\n", index, pc, name, offset + (is_return ? 1 : 0));
    }
}

/* The walk reads words that sanitizers may hold for poisoned: red zones hide no return address. */
__attribute__((no_sanitize("address", "thread"), noinline)) size_t backtrace_walk(uintptr_t frame,
                                                                                  uintptr_t *pc,
                                                                                  size_t max)
{
    uintptr_t low = 0;
    uintptr_t high = 0;
    size_t count = 0;

    if (!debug_stack_bounds(frame, &low, &high)) {
        low = frame;
        high = frame + WALK_BYTES_MAX;
    }
    while (count < max && frame >= low && frame <= high - sizeof(struct stack_frame) &&
           frame % sizeof(uintptr_t) == 0) {
        const struct stack_frame *const at = (const struct stack_frame *)frame;
        const uintptr_t next = at->caller_frame;

        if (at->return_address == 0) {
            break;
        }
        pc[count++] = at->return_address;
        if (next <= frame) {
            break;
        }
        frame = next;
    }
    return count;
}

void backtrace_print(uintptr_t pc, uintptr_t frame)
{
    uintptr_t callers[WALK_FRAMES_MAX - 1];
    const size_t count = backtrace_walk(frame, callers, ARRAY_COUNT(callers));

    print_line(0, pc, false);
    for (unsigned i = 0; i < count; i++) {
        print_line(i + 1, callers[i], true);
    }
}
