/*
 * lib/time.c - the monotonic clock.
 */
#include "exo_std/time.h"

#include "exo_std/syscall.h"

uint64_t exo_clock_ns(void)
{
    return (uint64_t)exo_syscall(EXO_SYSCALL_clock_read, 0, 0, 0);
}

exo_status_t exo_sleep_until(uint64_t at_ns)
{
    return (exo_status_t)exo_syscall(EXO_SYSCALL_thread_sleep, at_ns, 0, 0);
}

exo_status_t exo_sleep(uint64_t duration_ns)
{
    const uint64_t now_ns = exo_clock_ns();

    return exo_sleep_until(duration_ns < UINT64_MAX - now_ns ? now_ns + duration_ns : UINT64_MAX);
}

void exo_yield(void)
{
    (void)exo_syscall(EXO_SYSCALL_thread_yield, 0, 0, 0);
}
