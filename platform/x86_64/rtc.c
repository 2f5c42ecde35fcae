/*
 * rtc.c - the CMOS clock.
 *
 * Invariant: a reading counts only if no update was under way before it and two in a row agree, so
 * it is never torn between two seconds.
 */
#include "rtc.h"

#include "exo/hal.h"

#include "acpi.h"
#include "clock.h"
#include "io.h"

#define CMOS_INDEX 0x70u
#define CMOS_DATA  0x71u

#define CMOS_SECOND   0x00u
#define CMOS_MINUTE   0x02u
#define CMOS_HOUR     0x04u
#define CMOS_DAY      0x07u
#define CMOS_MONTH    0x08u
#define CMOS_YEAR     0x09u
#define CMOS_STATUS_A 0x0au
#define CMOS_STATUS_B 0x0bu

#define STATUS_A_UPDATING 0x80u
#define STATUS_B_24_HOURS 0x02u
#define STATUS_B_BINARY   0x04u
#define HOUR_PM           0x80u
#define WAIT_NS           3000000ull

static uint8_t cmos_read(uint8_t index)
{
    outb(CMOS_INDEX, index); /* bit 7 clear: NMIs stay enabled */
    return inb(CMOS_DATA);
}

static uint32_t decode(uint8_t value, bool binary)
{
    return binary ? value : (value >> 4) * 10u + (value & 0xfu);
}

/* Days since 1970-01-01 in the Gregorian calendar, for years from 1970 on. */
static uint64_t days_since_epoch(uint32_t year, uint32_t month, uint32_t day)
{
    static const uint16_t before_month[] = {
        0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334
    };
    const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    const uint64_t past = year - 1;
    const uint64_t leaps_past = past / 4 - past / 100 + past / 400;
    const uint64_t leaps_1970 = 1969 / 4 - 1969 / 100 + 1969 / 400;

    return (year - 1970ull) * 365 + leaps_past - leaps_1970 + before_month[month - 1] +
           (leap && month > 2 ? 1 : 0) + day - 1;
}

exo_status_t rtc_seconds(const struct rtc_raw *raw, uint64_t *out)
{
    const bool binary = (raw->status_b & STATUS_B_BINARY) != 0;
    const bool hours_24 = (raw->status_b & STATUS_B_24_HOURS) != 0;
    const bool pm = !hours_24 && (raw->hour & HOUR_PM) != 0;
    uint32_t hour = decode(hours_24 ? raw->hour : raw->hour & 0x7f, binary);
    const uint32_t minute = decode(raw->minute, binary);
    const uint32_t second = decode(raw->second, binary);
    const uint32_t day = decode(raw->day, binary);
    const uint32_t month = decode(raw->month, binary);
    const uint32_t short_year = decode(raw->year, binary);
    uint32_t century = raw->century != 0 ? decode(raw->century, binary) : 20;

    if (century < 19 || century > 29) {
        century = 20; /* the index was wrong, or the battery was out */
    }
    const uint32_t year = century * 100 + short_year;

    if (!hours_24) {
        if (hour < 1 || hour > 12) {
            return EXO_ERR_BAD_FORMAT;
        }
        hour = hour % 12 + (pm ? 12 : 0);
    }
    if (second > 59 || minute > 59 || hour > 23 || day < 1 || day > 31 || month < 1 || month > 12 ||
        short_year > 99 || year < 1970) {
        return EXO_ERR_BAD_FORMAT;
    }
    *out = ((days_since_epoch(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
    return EXO_OK;
}

static void raw_read(struct rtc_raw *out)
{
    const uint8_t century = acpi_facts()->fadt.century;

    *out = (struct rtc_raw){ .second = cmos_read(CMOS_SECOND),
                             .minute = cmos_read(CMOS_MINUTE),
                             .hour = cmos_read(CMOS_HOUR),
                             .day = cmos_read(CMOS_DAY),
                             .month = cmos_read(CMOS_MONTH),
                             .year = cmos_read(CMOS_YEAR),
                             .status_b = cmos_read(CMOS_STATUS_B) };
    if (century != 0 && century < 0x80) {
        out->century = cmos_read(century);
    }
}

static bool raw_equal(const struct rtc_raw *a, const struct rtc_raw *b)
{
    return a->second == b->second && a->minute == b->minute && a->hour == b->hour &&
           a->day == b->day && a->month == b->month && a->year == b->year &&
           a->century == b->century;
}

exo_status_t rtc_read(uint64_t *seconds_out)
{
    const uint64_t end_ns = hal_clock_ns() + WAIT_NS;
    struct rtc_raw first;
    struct rtc_raw second;

    if (acpi_facts()->has_fadt && !acpi_facts()->fadt.has_rtc) {
        return EXO_ERR_NOT_FOUND;
    }
    if (cmos_read(CMOS_STATUS_A) == 0xff && cmos_read(CMOS_STATUS_B) == 0xff) {
        return EXO_ERR_NOT_FOUND; /* nothing drives the bus */
    }
    do {
        while ((cmos_read(CMOS_STATUS_A) & STATUS_A_UPDATING) != 0) {
            if (hal_clock_ns() > end_ns) {
                return EXO_ERR_TIMED_OUT;
            }
            hal_pause();
        }
        raw_read(&first);
        raw_read(&second);
        if (raw_equal(&first, &second)) {
            return rtc_seconds(&second, seconds_out);
        }
    } while (hal_clock_ns() <= end_ns);
    return EXO_ERR_TIMED_OUT;
}
