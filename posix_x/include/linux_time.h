/*
 * posix_x/include/linux_time.h - clocks, times and futexes of Linux on x86_64; data only.
 */
#ifndef POSIX_X_LINUX_TIME_H
#define POSIX_X_LINUX_TIME_H

#include <stdint.h>

/* ---- time: clock_gettime(2), clock_nanosleep(2), gettimeofday(2) ---- */
enum {
    LINUX_CLOCK_REALTIME = 0,
    LINUX_CLOCK_MONOTONIC = 1,
    LINUX_CLOCK_PROCESS_CPUTIME_ID = 2,
    LINUX_CLOCK_THREAD_CPUTIME_ID = 3,
    LINUX_CLOCK_MONOTONIC_RAW = 4,
    LINUX_CLOCK_REALTIME_COARSE = 5,
    LINUX_CLOCK_MONOTONIC_COARSE = 6,
    LINUX_CLOCK_BOOTTIME = 7,
    LINUX_CLOCK_TAI = 11,
};
#define LINUX_TIMER_ABSTIME 1u

/* ---- futex(2) ---- */
enum {
    LINUX_FUTEX_WAIT = 0,
    LINUX_FUTEX_WAKE = 1,
    LINUX_FUTEX_WAIT_BITSET = 9,
    LINUX_FUTEX_WAKE_BITSET = 10,
};
#define LINUX_FUTEX_PRIVATE        128u
#define LINUX_FUTEX_CLOCK_REALTIME 256u

struct linux_timespec {
    int64_t s;
    int64_t ns;
};
struct linux_timeval {
    int64_t s;
    int64_t us;
};
struct linux_timezone {
    int32_t minutes_west;
    int32_t dst;
};

#endif /* POSIX_X_LINUX_TIME_H */
