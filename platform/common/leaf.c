/*
 * leaf.c - who called a function that made no frame (yet).
 *
 * Compilers leave out the frame of functions that call nobody, and every function is without one in
 * its first instructions. The frame pointer is then the caller's, and a walk by frame pointers
 * would miss the caller itself. Its return address is on top of the stack, or behind the frame
 * pointer just pushed.
 *
 * Spec: AMD64 APM volume 3, CALL (near, E8 with a 32-bit displacement), PUSH.
 */
#include "leaf.h"

#include "exo/debug/symbols.h"

#define CALL_OPCODE 0xe8u
#define CALL_BYTES  5u
#define PUSH_RBP    0x55u
#define REACH       0x4000000ull /* from one end of the kernel code to the other, at most */

/* Does `address` follow a call of the function that begins at `start`? */
static bool follows_call_of(uintptr_t address, uintptr_t start)
{
    if (symbol_index(address - CALL_BYTES) == UINT32_MAX || address - start + REACH > 2 * REACH) {
        return false; /* no code of the kernel's: not even to be looked at */
    }
    const uint8_t *const call = (const uint8_t *)(address - CALL_BYTES);
    int32_t displacement = 0;

    __builtin_memcpy(&displacement, call + 1, sizeof(displacement));
    return call[0] == CALL_OPCODE && address + (uintptr_t)(intptr_t)displacement == start;
}

/* The words on top of the stack may be poisoned in the eyes of sanitizers. */
__attribute__((no_sanitize("address", "thread"), noinline)) uintptr_t leaf_caller(uintptr_t pc,
                                                                                  uintptr_t sp)
{
    const uint32_t index = symbol_index(pc);
    const uintptr_t *const top = (const uintptr_t *)sp;

    if (index == UINT32_MAX || sp % sizeof(uintptr_t) != 0) {
        return 0;
    }
    const uintptr_t start = (uintptr_t)g_ksyms[index].addr;

    if (follows_call_of(top[0], start)) {
        return top[0];
    }
    /* Right behind the push of the frame pointer, before it is set. */
    if (pc == start + 1 && *(const uint8_t *)start == PUSH_RBP && follows_call_of(top[1], start)) {
        return top[1];
    }
    return 0;
}
