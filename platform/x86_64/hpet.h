/*
 * hpet.h - the high precision event timer, as a counter only: calibration, watchdog, fallback
 * clock.
 *
 * Spec: IA-PC HPET 1.0a.
 */
#ifndef PLATFORM_X86_64_HPET_H
#define PLATFORM_X86_64_HPET_H

#include "exo/lib/types.h"

/* Map and start it. False if the tables name none or its registers make no sense (reported). */
bool hpet_init(void);
bool hpet_present(void);

/* The low 32 bits of the main counter.  Any context. */
uint32_t hpet_read(void);
uint64_t hpet_hz(void); /* ticks per second, rounded to the nearest */

#endif /* PLATFORM_X86_64_HPET_H */
