/*
 * exo/hal/test.h - hooks that every platform also defines, in test builds only.
 *
 * Test builds are the hosted unit test binary and exo-test.elf (EXO_CONFIG_TEST is 1).
 */
#ifndef EXO_HAL_TEST_H
#define EXO_HAL_TEST_H

#include "exo/lib/types.h"

/* Move hal_clock_ns() forward by `delta_ns` on all CPUs at once; timers due by then fire. */
void hal_test_clock_advance(uint64_t delta_ns);

/* Raise the timer interrupt on `cpu` at once, whether or not a deadline was set. */
void hal_test_irq_raise(uint32_t cpu);

/* Make the platform's n-th resource acquisition from now (stack, space, user context) fail with
 * EXO_ERR_NO_MEMORY; 0 disarms. Returns how many were left until the failure planned before, 0 if
 * that has come. */
uint32_t hal_test_fail_after(uint32_t n);

#endif /* EXO_HAL_TEST_H */
