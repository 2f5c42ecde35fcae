/*
 * testhooks.h - the planned failures of exo/hal/test.h, as the platform's allocating functions see
 * them.
 */
#ifndef PLATFORM_X86_64_TESTHOOKS_H
#define PLATFORM_X86_64_TESTHOOKS_H

#include "exo/lib/types.h"

/* True if this acquisition is the one that hal_test_fail_after() chose. Never in builds without
 * tests. */
bool testhooks_fail_now(void);

/* Register the vector of hal_test_irq_raise() in test builds.  Context: boot CPU, once. */
void testhooks_init(void);

#endif /* PLATFORM_X86_64_TESTHOOKS_H */
