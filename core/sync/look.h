/*
 * look.h - how long sleeping locks look again before they sleep: only while who holds the lock runs
 * on another CPU, so that it may be free any moment.
 */
#ifndef EXO_SYNC_LOOK_H
#define EXO_SYNC_LOOK_H

#include "exo/hal.h"

#define LOOKS_MAX      200u /* about as long as going to sleep and waking up takes */
#define LOOK_PAUSES    4u   /* hints between two looks */
#define LOOKS_TO_YIELD 64u

/* Between the look with number `look`, from 1, and the next. */
static inline void look_pause(unsigned look)
{
    for (unsigned i = 0; i < LOOK_PAUSES; i++) {
        hal_pause();
    }
    if (look % LOOKS_TO_YIELD == 0) {
        hal_spin_yield(); /* the holder's CPU may wait for the host to run it */
    }
}

#endif /* EXO_SYNC_LOOK_H */
