/*
 * exo_std/time.h - the monotonic clock, in nanoseconds since the machine started.
 */
#ifndef EXO_STD_TIME_H
#define EXO_STD_TIME_H

#include "exo/abi/status.h"

uint64_t exo_clock_ns(void);

/* Sleep; returns at once if the time has passed.  Errors: EXO_ERR_INTERRUPTED. */
exo_status_t exo_sleep_until(uint64_t at_ns);
exo_status_t exo_sleep(uint64_t duration_ns);

/* Let the other ready threads of this CPU go first. */
void exo_yield(void);

#endif /* EXO_STD_TIME_H */
