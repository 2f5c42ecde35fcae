/*
 * context.c - kernel contexts: the shared windowed switch, with nothing to add on the bare machine.
 */
#include "exo/hal.h"

void hal_context_init(struct hal_context *context, const struct hal_stack *stack,
                      void (*entry)(void *arg), void *arg)
{
    switch_prepare(&context->words, (char *)stack->base + stack->size_bytes, entry, arg);
}

void hal_context_fini(struct hal_context *context)
{
    context->words.sp = 0;
    context->words.pc = 0;
}

_Noreturn void hal_context_leave(struct hal_context *from, struct hal_context *to)
{
    hal_context_switch(from, to);
    __builtin_unreachable();
}
