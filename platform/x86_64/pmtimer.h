/*
 * pmtimer.h - the ACPI power management timer: 3.579545 MHz, 24 or 32 bits.
 *
 * Spec: ACPI 6.4 section 4.8.3.3.
 */
#ifndef PLATFORM_X86_64_PMTIMER_H
#define PLATFORM_X86_64_PMTIMER_H

#include "exo/lib/types.h"

#define PMTIMER_HZ 3579545u

/* False if the FADT names none, or it stands still (reported). */
bool pmtimer_init(void);
bool pmtimer_present(void);

uint32_t pmtimer_read(void); /* any context; bits above pmtimer_mask() are 0 */
uint32_t pmtimer_mask(void);

#endif /* PLATFORM_X86_64_PMTIMER_H */
