/*
 * switch_ucontext.h - the reference switch over the host's ucontext (configure
 * --with-switch=ucontext).
 *
 * A suspended context's first word is the address of its ucontext_t, which lies on its own stack.
 * Some thirty times slower than the windowed switch: it saves the host's signal mask, with a system
 * call. Context: interrupts off.
 */
#ifndef SWITCH_UCONTEXT_H
#define SWITCH_UCONTEXT_H

#include "exo/lib/types.h"
#include "platform/common/switch.h"

/* As switch_prepare(), with the stack's both ends. */
void switch_ucontext_prepare(struct switch_words *words, void *stack_base, void *stack_end,
                             void (*entry)(void *arg), void *arg);
void switch_ucontext(struct switch_words *from, struct switch_words *to);

#endif /* SWITCH_UCONTEXT_H */
