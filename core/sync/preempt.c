/*
 * core/sync/preempt.c - the check behind every call that may block.
 */
#include "exo/sync/preempt.h"

#include "exo/config.h"
#include "exo/debug/panic.h"

void assert_may_block(const char *what)
{
    if (!EXO_CONFIG_DEBUG || panic_is_under_way()) {
        return;
    }
    if (preempt_count() != 0) {
        panic("%s: may block, but the preemption count is %u", what, preempt_count());
    }
    if (!hal_irq_enabled()) {
        panic("%s: may block, but interrupts are off", what);
    }
}
