/* tests/programs/clocks.c - clocks, time of day, sleeping. */
#include <sys/time.h>
#include <time.h>

#include "case.h"

static long long now(int id)
{
    struct timespec ts = { 0 };

    syscall(SYS_clock_gettime, id, &ts);
    return ts.tv_sec * 1000000000ll + ts.tv_nsec;
}

static void reading(void)
{
    static const int ids[] = { 0, 1, 4, 5, 6, 7, 11 };
    struct timespec ts;

    for (unsigned i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        const long long first = now(ids[i]);
        const long long second = now(ids[i]);

        printf("clock %d runs forwards: %s\n", ids[i], first > 0 && second >= first ? "yes" : "no");
        printf("clock %d has a resolution: %ld\n", ids[i], syscall(SYS_clock_getres, ids[i], &ts));
        fact("of less than a tenth of a second",
             ts.tv_sec == 0 && ts.tv_nsec > 0 && ts.tv_nsec < 100000000);
    }
    CALL(SYS_clock_gettime, 0, NOWHERE);
    CALL(SYS_clock_gettime, 0, KERNEL);
    CALL(SYS_clock_gettime, 77, &ts);
    CALL(SYS_clock_getres, 77, &ts);
    CALL(SYS_clock_getres, 0, 0);
    CALL(SYS_clock_getres, 0, NOWHERE);
}

static void time_of_day(void)
{
    struct timeval tv = { 0 };
    struct timezone zone = { 5, 5 };
    long seconds = 0;
    long told;

    CALL(SYS_gettimeofday, &tv, &zone);
    printf("zone %d %d\n", zone.tz_minuteswest, zone.tz_dsttime);
    told = syscall(SYS_time, &seconds);
    fact("time is stored and told", told == seconds);
    fact("time agrees with the time of day", told - tv.tv_sec >= 0 && told - tv.tv_sec < 5);
    fact("and with the wall clock",
         now(0) / 1000000000 - told >= 0 && now(0) / 1000000000 - told < 5);
    fact("which is after 2023", told > 1672531200);
    fact("microseconds are below a million", tv.tv_usec >= 0 && tv.tv_usec < 1000000);
    CALL(SYS_gettimeofday, NOWHERE, 0);
    CALL(SYS_gettimeofday, 0, KERNEL);
    CALL(SYS_gettimeofday, 0, 0);
    CALL(SYS_time, NOWHERE);
    fact("time of NULL", syscall(SYS_time, 0) >= told);
}

static void sleeping(void)
{
    const struct timespec short_time = { 0, 20000000 };
    const struct timespec bad = { 0, 1000000000 };
    const struct timespec negative = { -1, 0 };
    struct timespec until = { 0 };
    long long start = now(1);

    CALL(SYS_nanosleep, &short_time, 0);
    fact("slept long enough", now(1) - start >= 20000000);
    fact("slept not too long", now(1) - start < 2000000000);
    CALL(SYS_nanosleep, &bad, 0);
    CALL(SYS_nanosleep, &negative, 0);
    CALL(SYS_nanosleep, NOWHERE, 0);
    CALL(SYS_nanosleep, KERNEL, 0);
    start = now(1);
    CALL(SYS_clock_nanosleep, 1, 0, &short_time, 0);
    fact("slept long enough", now(1) - start >= 20000000);
    syscall(SYS_clock_gettime, 1, &until);
    until.tv_nsec += 20000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }
    CALL(SYS_clock_nanosleep, 1, 1, &until, 0);
    fact("slept until then", now(1) >= until.tv_sec * 1000000000ll + until.tv_nsec);
    CALL(SYS_clock_nanosleep, 1, 1, &until, 0); /* past: returns at once */
    CALL(SYS_clock_nanosleep, 0, 1, &until, 0);
    CALL(SYS_clock_nanosleep, 1, 0, &bad, 0);
    CALL(SYS_clock_nanosleep, 1, 0, NOWHERE, 0);
    CALL(SYS_clock_nanosleep, 77, 0, &short_time, 0);
    CALL(SYS_clock_nanosleep, 4, 0, &short_time, 0);
    CALL(SYS_clock_nanosleep, 6, 0, &short_time, 0);
}

int main(void)
{
    reading();
    time_of_day();
    sleeping();
    return 0;
}
