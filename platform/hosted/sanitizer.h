/*
 * sanitizer.h - what the build's sanitizers must be told, as inline functions that are empty
 * without them.
 *
 * Invariant: hosted_fiber_leaving() and hosted_fiber_arrived() enclose every switch, with
 * interrupts off. AddressSanitizer wants the stack that is switched TO before the switch; NULL
 * instead of the fake-stack slot says that the one left behind never runs again.
 */
#ifndef SANITIZER_H
#define SANITIZER_H

#include "exo/hal.h"
#include "platform/hosted/build_kind.h"

/* For code that runs inside signal handlers before it is known what was interrupted. */
#if defined(__clang__)
#define NO_SANITIZE __attribute__((no_sanitize("address", "thread", "undefined")))
#else
#define NO_SANITIZE __attribute__((no_sanitize_address, no_sanitize_thread, no_sanitize_undefined))
#endif

#if HOSTED_ASAN
void __sanitizer_start_switch_fiber(void **fake, const void *base, size_t bytes);
void __sanitizer_finish_switch_fiber(void *fake, const void **base, size_t *bytes);
void __asan_poison_memory_region(void const volatile *base, size_t bytes);
void __asan_unpoison_memory_region(void const volatile *base, size_t bytes);
#endif
#if HOSTED_TSAN
void *__tsan_get_current_fiber(void);
void *__tsan_create_fiber(unsigned flags);
void __tsan_destroy_fiber(void *fiber);
void __tsan_switch_to_fiber(void *fiber, unsigned flags);
#endif

/* Tell that `from` is left for `to`; `dying`: for good. */
static inline void hosted_fiber_leaving(struct hal_context *from, struct hal_context *to,
                                        bool dying)
{
    (void)from, (void)to, (void)dying;
#if HOSTED_ASAN
    __sanitizer_start_switch_fiber(dying ? NULL : &from->asan_fake, to->stack_base,
                                   to->stack_bytes);
#endif
#if HOSTED_TSAN
    from->tsan_fiber = __tsan_get_current_fiber();
    __tsan_switch_to_fiber(to->tsan_fiber,
                           0); /* 0: what was done before happened before what follows */
#endif
}

/* Tell that `context` runs again, or for the first time. */
static inline void hosted_fiber_arrived(struct hal_context *context)
{
    (void)context;
#if HOSTED_ASAN
    __sanitizer_finish_switch_fiber(context->asan_fake, NULL, NULL);
#endif
}

static inline void hosted_fiber_create(struct hal_context *context)
{
    context->asan_fake = NULL;
    context->tsan_fiber = NULL;
#if HOSTED_TSAN
    context->tsan_fiber = __tsan_create_fiber(0);
#endif
}

static inline void hosted_fiber_destroy(struct hal_context *context)
{
#if HOSTED_TSAN
    if (context->tsan_fiber != NULL) {
        __tsan_destroy_fiber(context->tsan_fiber);
    }
#endif
    context->tsan_fiber = NULL;
}

static inline void hosted_shadow_poison(void *base, size_t bytes)
{
    (void)base, (void)bytes;
#if HOSTED_ASAN
    __asan_poison_memory_region(base, bytes);
#endif
}

static inline void hosted_shadow_unpoison(void *base, size_t bytes)
{
    (void)base, (void)bytes;
#if HOSTED_ASAN
    __asan_unpoison_memory_region(base, bytes);
#endif
}

#endif /* SANITIZER_H */
