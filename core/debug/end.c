/*
 * core/debug/end.c - running the hooks before the end of the machine.
 *
 * Invariant: the hooks run once. Whoever comes second (a panic in a hook, another CPU) goes on to
 * the end itself.
 */
#include "exo/debug/end.h"

#include <stdatomic.h>

#include "exo/hal.h"

extern void (*const __start_exo_end_hooks[])(void) __attribute__((weak));
extern void (*const __stop_exo_end_hooks[])(void) __attribute__((weak));

static atomic_flag g_ended = ATOMIC_FLAG_INIT;

static void hooks_run(void)
{
    if (atomic_flag_test_and_set_explicit(&g_ended, memory_order_acq_rel)) {
        return;
    }
    for (void (*const *at)(void) = __start_exo_end_hooks; at < __stop_exo_end_hooks; at++) {
        (*at)();
    }
}

_Noreturn void kernel_shutdown(int status)
{
    hooks_run();
    hal_shutdown(status);
}

_Noreturn void kernel_restart(void)
{
    hooks_run();
    hal_restart();
}
