/*
 * watchdog.h - the time limit of the test that runs, by the cycle counter, so that a test which
 * moves the clock does not shorten its own.
 */
#ifndef TESTS_KERNEL_WATCHDOG_H
#define TESTS_KERNEL_WATCHDOG_H

#include "exo/lib/types.h"

/* Call test_run_broken() unless watchdog_stop() comes within `limit_s` seconds. */
void watchdog_start(uint32_t limit_s);
void watchdog_stop(void);

#endif /* TESTS_KERNEL_WATCHDOG_H */
