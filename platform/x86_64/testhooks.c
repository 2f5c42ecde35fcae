/*
 * testhooks.c - exo/hal/test.h but for the clock: raised interrupts and planned failures.
 */
#include "testhooks.h"

#include <stdatomic.h>

#include "exo/config.h"
#include "exo/hal.h"
#include "exo/hal/test.h"
#include "exo/lib/assert.h"

#include "apic.h"
#include "irq.h"
#include "percpu.h"

static _Atomic uint32_t g_fail_in; /* acquisitions until the planned failure, 0: none is planned */

bool testhooks_fail_now(void)
{
    if (!EXO_CONFIG_TEST) {
        return false;
    }
    uint32_t left = atomic_load_explicit(&g_fail_in, memory_order_relaxed);

    while (left > 0 &&
           !atomic_compare_exchange_weak_explicit(&g_fail_in, &left, left - 1, memory_order_relaxed,
                                                  memory_order_relaxed)) {
    }
    return left == 1;
}

uint32_t hal_test_fail_after(uint32_t n)
{
    return atomic_exchange_explicit(&g_fail_in, n, memory_order_relaxed);
}

void hal_test_irq_raise(uint32_t cpu)
{
    KASSERT(cpu < CPUS_MAX && g_percpu[cpu] != NULL);
    apic_send_ipi(g_percpu[cpu]->apic_id, IRQ_VECTOR_TEST_TIMER);
}

static void test_timer_interrupt(void *arg)
{
    (void)arg;
    core_on_timer();
}

void testhooks_init(void)
{
    if (EXO_CONFIG_TEST) {
        irq_register(IRQ_VECTOR_TEST_TIMER, test_timer_interrupt, NULL);
    }
}
