/*
 * posix_x/kernel/clock.c - clocks and sleeping.
 *
 * Time since boot and since monotonic start are one (the machine never sleeps). Processor-time
 * clocks are not answered: nothing accounts a program's time apart from its thread's yet.
 *
 * Spec: Linux, clock_gettime(2), gettimeofday(2), time(2), nanosleep(2), clock_nanosleep(2).
 */
#include "exo/hal.h"
#include "exo/lib/assert.h"
#include "exo/sched/thread.h"
#include "px.h"

#define NS_PER_S  1000000000ull
#define NS_PER_US 1000ull

#define CLOCK_RESOLUTION_NS 1

/* Read a clock; -EINVAL if Linux has none with that number, -ENOSYS if we do not. */
static int64_t clock_read(uint64_t id, uint64_t *ns)
{
    switch ((int32_t)id) {
    case LINUX_CLOCK_REALTIME:
    case LINUX_CLOCK_REALTIME_COARSE:
    case LINUX_CLOCK_TAI: /* no leap seconds are known, as on a Linux that was not told */
        *ns = hal_wall_clock_ns();
        return 0;
    case LINUX_CLOCK_MONOTONIC:
    case LINUX_CLOCK_MONOTONIC_RAW:
    case LINUX_CLOCK_MONOTONIC_COARSE:
    case LINUX_CLOCK_BOOTTIME:
        *ns = hal_clock_ns();
        return 0;
    case LINUX_CLOCK_PROCESS_CPUTIME_ID:
    case LINUX_CLOCK_THREAD_CPUTIME_ID:
        return -LINUX_ENOSYS;
    default:
        return -LINUX_EINVAL;
    }
}

uint64_t px_clock_ns(uint64_t id)
{
    uint64_t ns = 0;
    const int64_t result = clock_read(id, &ns);

    KASSERT(result == 0); /* callers name a clock that there is */
    return ns;
}

static int64_t timespec_out(struct px_call *call, uint64_t uaddr, uint64_t ns)
{
    const struct linux_timespec time = { .s = (int64_t)(ns / NS_PER_S),
                                         .ns = (int64_t)(ns % NS_PER_S) };

    return px_copy_out(call, uaddr, &time, sizeof(time));
}

int64_t px_clock_gettime(struct px_call *call)
{
    uint64_t ns = 0;
    const int64_t result = clock_read(call->arg[0], &ns);

    return result != 0 ? result : timespec_out(call, call->arg[1], ns);
}

int64_t px_clock_getres(struct px_call *call)
{
    uint64_t ns = 0;
    const int64_t result = clock_read(call->arg[0], &ns);

    if (result != 0 || call->arg[1] == 0) {
        return result;
    }
    return timespec_out(call, call->arg[1], CLOCK_RESOLUTION_NS);
}

int64_t px_gettimeofday(struct px_call *call)
{
    const uint64_t ns = hal_wall_clock_ns();
    const struct linux_timeval time = { .s = (int64_t)(ns / NS_PER_S),
                                        .us = (int64_t)(ns % NS_PER_S / NS_PER_US) };
    const struct linux_timezone zone = { 0 };
    int64_t result = 0;

    if (call->arg[0] != 0) {
        result = px_copy_out(call, call->arg[0], &time, sizeof(time));
    }
    if (result == 0 && call->arg[1] != 0) {
        result = px_copy_out(call, call->arg[1], &zone, sizeof(zone));
    }
    return result;
}

int64_t px_time(struct px_call *call)
{
    const int64_t seconds = (int64_t)(hal_wall_clock_ns() / NS_PER_S);
    const int64_t result =
        call->arg[0] != 0 ? px_copy_out(call, call->arg[0], &seconds, sizeof(seconds)) : 0;

    return result != 0 ? result : seconds;
}

/* Nanoseconds of a user's timespec; the far future is cut to the farthest. -EINVAL if it is
 * none. */
int64_t px_timespec_in(struct px_call *call, uint64_t uaddr, uint64_t *ns)
{
    struct linux_timespec time;
    const int64_t result = px_copy_in(call, &time, uaddr, sizeof(time));

    if (result != 0) {
        return result;
    }
    if (time.s < 0 || time.ns < 0 || time.ns >= (int64_t)NS_PER_S) {
        return -LINUX_EINVAL;
    }
    const bool far = (uint64_t)time.s >= (uint64_t)INT64_MAX / NS_PER_S;

    *ns = far ? (uint64_t)INT64_MAX : (uint64_t)time.s * NS_PER_S + (uint64_t)time.ns;
    return 0;
}

/* Sleep until the clock `id` shows `at_ns`. A wall clock that is set meanwhile is read again each
 * time. */
int64_t px_sleep_until(struct px_call *call, uint64_t id, uint64_t at_ns)
{
    for (;;) {
        uint64_t now = 0;
        const int64_t result = clock_read(id, &now);

        if (result != 0) {
            return result;
        }
        if (now >= at_ns) {
            return 0;
        }
        if (proc_ending(call->proc)) {
            return -LINUX_EINTR;
        }
        const uint64_t deadline_ns = at_ns == UINT64_MAX ? at_ns : hal_clock_ns() + (at_ns - now);
        const exo_status_t status = thread_park(deadline_ns);

        if (status != EXO_OK && status != EXO_ERR_TIMED_OUT) {
            return px_error(status);
        }
    }
}

int64_t px_nanosleep(struct px_call *call)
{
    uint64_t ns = 0;
    const int64_t result = px_timespec_in(call, call->arg[0], &ns);

    return result != 0 ? result
                       : px_sleep_until(call, LINUX_CLOCK_MONOTONIC,
                                        min_u64(hal_clock_ns() + ns, INT64_MAX));
}

/* The clocks that clock_nanosleep(2) takes. */
static int64_t sleep_clock_check(uint64_t id)
{
    switch ((int32_t)id) {
    case LINUX_CLOCK_REALTIME:
    case LINUX_CLOCK_MONOTONIC:
    case LINUX_CLOCK_BOOTTIME:
    case LINUX_CLOCK_TAI:
        return 0;
    case LINUX_CLOCK_PROCESS_CPUTIME_ID:
        return -LINUX_ENOSYS;
    case LINUX_CLOCK_MONOTONIC_RAW:
    case LINUX_CLOCK_REALTIME_COARSE:
    case LINUX_CLOCK_MONOTONIC_COARSE:
        return -LINUX_EOPNOTSUPP;
    default:
        return -LINUX_EINVAL;
    }
}

int64_t px_clock_nanosleep(struct px_call *call)
{
    const bool absolute = (call->arg[1] & LINUX_TIMER_ABSTIME) != 0;
    uint64_t ns = 0;
    int64_t result = sleep_clock_check(call->arg[0]);

    if (result == 0) {
        result = px_timespec_in(call, call->arg[2], &ns);
    }
    if (result != 0) {
        return result;
    }
    if (absolute) {
        return px_sleep_until(call, call->arg[0], ns);
    }
    /* A relative sleep does not follow a wall clock that is set. */
    return px_sleep_until(call, LINUX_CLOCK_MONOTONIC, min_u64(hal_clock_ns() + ns, INT64_MAX));
}
