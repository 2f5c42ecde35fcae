/*
 * test_hooks.c - the hooks of exo/hal/test.h: the clock moved, the timer raised, acquisitions
 * refused.
 */
#include <stdatomic.h>

#include "exo/debug/fault.h"
#include "exo/hal/test.h"
#include "host.h"

static _Atomic uint32_t g_fail_after; /* acquisitions until the one that fails; 0: none will */

void hal_test_clock_advance(uint64_t delta_ns)
{
    hosted_clock_advance(delta_ns);
    for (uint32_t i = 0; i < hosted_cpu_count(); i++) {
        if (atomic_load(&hosted_cpu(i)->state) == HOSTED_CPU_ONLINE) {
            hosted_irq_raise(i, HOSTED_IRQ_TIMER);
        }
    }
}

void hal_test_irq_raise(uint32_t cpu)
{
    hosted_irq_raise(cpu, HOSTED_IRQ_TIMER_TEST);
}

uint32_t hal_test_fail_after(uint32_t n)
{
    return atomic_exchange(&g_fail_after, n);
}

bool hosted_test_should_fail(void)
{
    uint32_t left = atomic_load_explicit(&g_fail_after, memory_order_relaxed);

    while (left != 0) {
        if (atomic_compare_exchange_weak(&g_fail_after, &left, left - 1)) {
            return left == 1;
        }
    }
    return EXO_FAULT(platform_acquire);
}
