/*
 * exo/time/clock.h - the monotonic clock and the wall clock.
 */
#ifndef EXO_TIME_CLOCK_H
#define EXO_TIME_CLOCK_H

#include "exo/hal.h"

#define NS_PER_US UINT64_C(1000)
#define NS_PER_MS UINT64_C(1000000)
#define NS_PER_S  UINT64_C(1000000000)

#define CLOCK_NEVER UINT64_MAX /* a deadline that does not come */

/* Nanoseconds since the kernel's first instruction; never goes back, on whichever CPU.  Context:
 * any. */
static inline uint64_t clock_now_ns(void)
{
    return hal_clock_ns();
}

/* Nanoseconds since 1970-01-01 UTC.  Context: any. */
static inline uint64_t clock_wall_ns(void)
{
    return hal_wall_clock_ns();
}

/* The deadline `duration_ns` from now; CLOCK_NEVER if that is beyond the clock's range. */
uint64_t clock_deadline_ns(uint64_t duration_ns);

/* Length of `cycles` of hal_cycles() in nanoseconds. */
uint64_t clock_cycles_to_ns(uint64_t cycles);

#endif /* EXO_TIME_CLOCK_H */
