/*
 * core/time/clock.c - arithmetic on times that does not overflow.
 */
#include "exo/time/clock.h"

uint64_t clock_deadline_ns(uint64_t duration_ns)
{
    uint64_t deadline_ns = 0;

    if (__builtin_add_overflow(hal_clock_ns(), duration_ns, &deadline_ns)) {
        return CLOCK_NEVER;
    }
    return deadline_ns;
}

uint64_t clock_cycles_to_ns(uint64_t cycles)
{
    const uint64_t hz = hal_caps()->cycles_hz;

    if (hz == 0) {
        return 0;
    }
    /* Whole seconds apart: the product of the rest fits for rates up to 18 GHz. */
    return cycles / hz * NS_PER_S + cycles % hz * NS_PER_S / hz;
}
