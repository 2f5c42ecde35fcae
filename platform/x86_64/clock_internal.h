/*
 * clock_internal.h - shared by clock.c (what time it is) and clock_timer.c (when to interrupt).
 */
#ifndef PLATFORM_X86_64_CLOCK_INTERNAL_H
#define PLATFORM_X86_64_CLOCK_INTERNAL_H

#include <stdatomic.h>

#include "exo/lib/types.h"

#include "tsc.h"

/* A counter of known rate that is not the TSC; mask is its width. */
struct clock_counter {
    const char *name;
    uint32_t (*read)(void);
    uint64_t hz;
    uint32_t mask;
};

/* Widen a reading of a counter of `mask`'s width by *wide, the former widened reading, and store it
 * there. Any number of CPUs at once; right if somebody reads more than once per wrap.  Pure but for
 * *wide. */
uint64_t clock_widen(_Atomic uint64_t *wide, uint32_t (*read)(void), uint32_t mask);

/* True if `cycles` of a TSC and `counts` of a reference tell the same time to within a sixty-fourth
 * and half a millisecond: pure. */
bool clock_rates_agree(uint64_t cycles, uint64_t tsc_hz, uint64_t counts, uint64_t reference_hz);

/* The best of them on this machine, NULL if there is none. */
const struct clock_counter *clock_reference(void);

bool clock_is_tsc(void);
const struct tsc_rates *clock_rates(void);

/* Choose the timer mode, take the vector, prepare CPU 0; clock_init()'s last step. */
void clock_timer_init(void);

/* Test builds: what hal_test_clock_advance() adds. */
void clock_test_offset_add(uint64_t delta_ns);

#endif /* PLATFORM_X86_64_CLOCK_INTERNAL_H */
