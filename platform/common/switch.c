/*
 * platform/common/switch.c - how a context of the windowed switch begins.
 *
 * Invariant (1): switch_begin is entered by the jump of switch_windowed() only, with the stack that
 * switch_prepare() laid out: argument, entry, then the end of the backtrace chain.
 */
#include "platform/common/switch.h"

#define STACK_ALIGN 16u /* System V ABI: before a call the stack pointer is a multiple of it */

/* Reached by a jump: take the argument and the entry off the stack and call. The null frame pointer
 * and the null return address below it end every backtrace. */
__asm__(".text\n"
        ".globl switch_begin\n"
        ".type switch_begin, @function\n"
        "switch_begin:\n\t"
        "popq %rdi\n\t"
        "popq %rax\n\t"
        "xorl %ebp, %ebp\n\t"
        "callq *%rax\n\t"
        "ud2\n"
        ".size switch_begin, . - switch_begin\n");

void switch_begin(void);

void switch_prepare(struct switch_words *words, void *stack_end, void (*entry)(void *arg),
                    void *arg)
{
    uintptr_t *sp = (uintptr_t *)align_down((uintptr_t)stack_end, STACK_ALIGN);

    /* Two words of zeros keep a walk that reads past the root frame on this stack; after the two
     * pops the stack pointer is aligned for the call. */
    *--sp = 0;
    *--sp = 0;
    *--sp = (uintptr_t)entry;
    *--sp = (uintptr_t)arg;
    words->sp = (uintptr_t)sp;
    words->pc = (uintptr_t)switch_begin;
}
