/*
 * clock_internal.h - shared by clock.c (what time it is) and clock_timer.c (when to interrupt).
 */
#ifndef PLATFORM_X86_64_CLOCK_INTERNAL_H
#define PLATFORM_X86_64_CLOCK_INTERNAL_H

#include "exo/lib/types.h"

#include "tsc.h"

/* A counter of known rate that is not the TSC; mask is its width. */
struct clock_counter {
    const char *name;
    uint32_t (*read)(void);
    uint64_t hz;
    uint32_t mask;
};

/* The best of them on this machine, NULL if there is none. */
const struct clock_counter *clock_reference(void);

bool clock_is_tsc(void);
const struct tsc_rates *clock_rates(void);

/* Choose the timer mode, take the vector, prepare CPU 0; clock_init()'s last step. */
void clock_timer_init(void);

/* Test builds: what hal_test_clock_advance() adds. */
void clock_test_offset_add(uint64_t delta_ns);

#endif /* PLATFORM_X86_64_CLOCK_INTERNAL_H */
