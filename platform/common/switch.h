/*
 * platform/common/switch.h - the windowed switch of x86_64, one text for both back ends.
 *
 * A suspended context is two words: its stack pointer and the address where it goes on. Everything
 * else that must survive lies on its own stack, put there by the compiler, which is told that the
 * switch clobbers every register. There is no `ret` in it: a return would be predicted from the
 * other context's calls. The jump is predicted well instead, because nearly always its target is
 * the one label below. Vector and x87 state is not saved: kernel code has none.
 *
 * Context: interrupts off, on both sides.
 */
#ifndef PLATFORM_COMMON_SWITCH_H
#define PLATFORM_COMMON_SWITCH_H

#include "exo/lib/types.h"

/* The whole of a suspended context; offsets are used by the assembly below. */
struct switch_words {
    uintptr_t sp; /* +0 */
    uintptr_t pc; /* +8 */
};

_Static_assert(offsetof(struct switch_words, sp) == 0, "assembly uses it");
_Static_assert(offsetof(struct switch_words, pc) == 8, "assembly uses it");

/* Prepare `words` so that the first switch to it calls entry(arg) on the stack that ends below
 * `stack_end`; entry must not return. The root frame has a null frame pointer and return address,
 * where backtraces end. */
void switch_prepare(struct switch_words *words, void *stack_end, void (*entry)(void *arg),
                    void *arg);

/* Suspend the caller in `from`, go on in `to`; returns when somebody switches back.
 * The frame pointer is pushed by hand because compilers refuse it in a clobber list. */
static inline void switch_windowed(struct switch_words *from, struct switch_words *to)
{
    __asm__ volatile("leaq -128(%%rsp), %%rsp\n\t" /* over the red zone, which hosted code has */
                     "pushq %%rbp\n\t"
                     "leaq 1f(%%rip), %%rax\n\t"
                     "movq %%rsp, 0(%%rdi)\n\t"
                     "movq %%rax, 8(%%rdi)\n\t"
                     "movq 0(%%rsi), %%rsp\n\t"
                     "jmpq *8(%%rsi)\n\t"
                     ".p2align 4\n"
                     "1:\n\t"
                     "popq %%rbp\n\t"
                     "leaq 128(%%rsp), %%rsp\n\t"
                     : "+D"(from), "+S"(to)
                     :
                     : "rax", "rbx", "rcx", "rdx", "r8", "r9", "r10", "r11", "r12", "r13", "r14",
                       "r15", "memory", "cc");
}

#endif /* PLATFORM_COMMON_SWITCH_H */
