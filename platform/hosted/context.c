/*
 * context.c - contexts: the chosen switch, with sanitizers told of every change of stack.
 *
 * Invariants:
 *   (1) Of a suspended context, stack_base and stack_bytes name the stack that it lies on. For a
 *       CPU's start-up context, which nobody makes, they are filled in when it is first left.
 *   (2) Nothing per CPU is kept over the switch: it may return on another pthread.
 */
#include "exo/lib/assert.h"
#include "host.h"
#include "sanitizer.h"
#include "switch_ucontext.h"

/* What a fresh context is to do; lies at the top of its stack. */
struct context_start {
    void (*entry)(void *arg);
    void *arg;
    struct hal_context *context;
};

static void context_begin(void *arg)
{
    const struct context_start *const start = arg;

    hosted_fiber_arrived(start->context);
    start->entry(start->arg);
    KASSERT(false && "a context's entry returned");
}

void hal_context_init(struct hal_context *context, const struct hal_stack *stack,
                      void (*entry)(void *arg), void *arg)
{
    char *const end = (char *)stack->base + stack->size_bytes;
    struct context_start *const start =
        (struct context_start *)align_down((uintptr_t)(end - sizeof(*start)), 64);

    *start = (struct context_start){ .entry = entry, .arg = arg, .context = context };
    context->stack_base = stack->base;
    context->stack_bytes = stack->size_bytes;
    hosted_fiber_create(context);
    if (EXO_CONFIG_SWITCH_UCONTEXT) {
        switch_ucontext_prepare(&context->words, stack->base, start, context_begin, start);
    } else {
        switch_prepare(&context->words, start, context_begin, start);
    }
}

void hal_context_fini(struct hal_context *context)
{
    hosted_fiber_destroy(context);
    context->words = (struct switch_words){ 0 };
}

/* Learn the stack of a CPU's start-up context (1). Only sanitizers ask. */
static inline void startup_context_note(struct hal_context *from)
{
    const struct hosted_cpu *const cpu = hosted_cpu(hal_cpu_id());
    const uintptr_t here = (uintptr_t)__builtin_frame_address(0);

    if (here - (uintptr_t)cpu->boot_stack < cpu->boot_stack_bytes) {
        from->stack_base = cpu->boot_stack;
        from->stack_bytes = cpu->boot_stack_bytes;
    }
}

void hosted_context_switch(struct hal_context *from, struct hal_context *to)
{
    if (HOSTED_ASAN) {
        startup_context_note(from);
    }
    hosted_fiber_leaving(from, to, false);
    if (EXO_CONFIG_SWITCH_UCONTEXT) {
        switch_ucontext(&from->words, &to->words);
    } else {
        switch_windowed(&from->words, &to->words);
    }
    hosted_fiber_arrived(from);
}

void hal_context_leave(struct hal_context *from, struct hal_context *to)
{
    hosted_fiber_leaving(from, to, true);
    if (EXO_CONFIG_SWITCH_UCONTEXT) {
        switch_ucontext(&from->words, &to->words);
    } else {
        switch_windowed(&from->words, &to->words);
    }
    __builtin_unreachable(); /* nobody has a way back to it */
}
