/*
 * rtc.h - the CMOS real-time clock, read once at boot.
 *
 * Spec: MC146818A data sheet; the century's index comes from the FADT. Taken to be in UTC.
 */
#ifndef PLATFORM_X86_64_RTC_H
#define PLATFORM_X86_64_RTC_H

#include "exo/abi/status.h"
#include "exo/lib/types.h"

/* The bytes of one reading, as they are in the chip. */
struct rtc_raw {
    uint8_t second, minute, hour, day, month, year, century; /* century 0: the chip has none */
    uint8_t
        status_b; /* bit 2: binary, else BCD; bit 1: 24 hours, else 12 with bit 7 of hour as PM */
};

/* Seconds since 1970-01-01: pure.  Errors: EXO_ERR_BAD_FORMAT (no such date or time). */
EXO_MUST_CHECK exo_status_t rtc_seconds(const struct rtc_raw *raw, uint64_t *out);

/* Read the chip.  Errors: EXO_ERR_NOT_FOUND (no chip), EXO_ERR_BAD_FORMAT, EXO_ERR_TIMED_OUT.
 * Context: boot CPU; waits at most 3 ms for an update to pass. */
EXO_MUST_CHECK exo_status_t rtc_read(uint64_t *seconds_out);

#endif /* PLATFORM_X86_64_RTC_H */
