/*
 * switch_ucontext.c - the reference switch: getcontext, makecontext, swapcontext.
 *
 * Invariant (1): words.sp of a suspended context points to a ucontext_t that stays where it is
 * until the context goes on: in the frame of switch_ucontext(), or for a fresh one at the top of
 * its stack.
 */
#include <ucontext.h>

#include "switch_ucontext.h"

/* A fresh context's state, laid at the top of its stack. */
struct ucontext_start {
    ucontext_t state;
    void (*entry)(void *arg);
    void *arg;
};

/* makecontext() passes ints only: the pointer comes in two halves. */
static void ucontext_begin(unsigned low, unsigned high)
{
    const struct ucontext_start *const start =
        (const struct ucontext_start *)((uintptr_t)high << 32 | (uintptr_t)low);

    start->entry(start->arg);
}

void switch_ucontext_prepare(struct switch_words *words, void *stack_base, void *stack_end,
                             void (*entry)(void *arg), void *arg)
{
    struct ucontext_start *const start =
        (struct ucontext_start *)align_down((uintptr_t)stack_end - sizeof(*start), 64);
    const uintptr_t address = (uintptr_t)start;

    getcontext(&start->state);
    start->state.uc_stack.ss_sp = stack_base;
    start->state.uc_stack.ss_size = (size_t)((char *)start - (char *)stack_base);
    start->state.uc_link = NULL;
    start->entry = entry;
    start->arg = arg;
    makecontext(&start->state, (void (*)(void))ucontext_begin, 2, (unsigned)address,
                (unsigned)(address >> 32));
    *words = (struct switch_words){ .sp = address };
}

void switch_ucontext(struct switch_words *from, struct switch_words *to)
{
    ucontext_t here;

    *from = (struct switch_words){ .sp = (uintptr_t)&here };
    swapcontext(&here, (const ucontext_t *)to->sp);
}
