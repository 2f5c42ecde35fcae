/*
 * watchdog.c - the time limit of the test that runs.
 *
 * Invariant: the limit is in cycles. A test that moves the clock makes the timer fire early; the
 * callback then finds cycles left and arms it again.
 */
#include "watchdog.h"

#include "exo/hal.h"
#include "exo/time/timer.h"
#include "run.h"

static struct timer g_timer;
static uint64_t g_limit_cycles; /* hal_cycles() at which the test has taken too long */

static void watchdog_fire(struct timer *timer)
{
    const uint64_t now = hal_cycles();

    if (now >= g_limit_cycles) {
        test_run_broken(__FILE__, __LINE__, "still running after its time limit");
    }
    timer_arm(timer, clock_deadline_ns(clock_cycles_to_ns(g_limit_cycles - now) + NS_PER_MS));
}

void watchdog_start(uint32_t limit_s)
{
    g_limit_cycles = hal_cycles() + hal_caps()->cycles_hz * limit_s;
    timer_init(&g_timer, watchdog_fire);
    timer_arm(&g_timer, clock_deadline_ns(limit_s * NS_PER_S));
}

void watchdog_stop(void)
{
    (void)timer_cancel_sync(&g_timer);
}
