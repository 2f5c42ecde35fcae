/*
 * time.c - reading clocks, arming timers, taking interrupts.
 */
#include <stdatomic.h>

#include "exo/hal.h"
#include "exo/hal/test.h"
#include "exo/time/timer.h"
#include "exo_bench.h"

BENCH(clock_read, "hal_clock_ns(); Linux's vDSO takes 58 cycles, the counter alone 25", true)
{
    bench_start(run);
    for (uint64_t i = 0; i < run->loops; i++) {
        (void)hal_clock_ns();
    }
    bench_stop(run);
}

static void nothing(struct timer *timer)
{
    (void)timer;
}

BENCH(timer_arm_cancel,
      "arm a timer behind an earlier one and take it back: the heap, not the hardware", true)
{
    struct timer first;
    struct timer timer;
    const uint64_t far = hal_clock_ns() + 3600 * NS_PER_S;

    timer_init(&first, nothing);
    timer_init(&timer, nothing);
    timer_arm(&first, far);
    bench_start(run);
    for (uint64_t i = 0; i < run->loops; i++) {
        timer_arm(&timer, far + NS_PER_S);
        (void)timer_cancel(&timer);
    }
    bench_stop(run);
    (void)timer_cancel_sync(&first);
}

static _Atomic uint32_t g_fired;

static void fired(struct timer *timer)
{
    (void)timer;
    atomic_fetch_add_explicit(&g_fired, 1, memory_order_release);
}

/* Wait for the interrupt that was just raised; hal_pause() lets an emulator look for it. */
static void wait_for(uint32_t count)
{
    while (atomic_load_explicit(&g_fired, memory_order_acquire) < count) {
        hal_pause();
    }
}

BENCH(timer_arm_fire,
      "arm a timer that is due: program the hardware, take the interrupt, run the callback", false)
{
    struct timer timer;

    timer_init(&timer, fired);
    atomic_store_explicit(&g_fired, 0, memory_order_release);
    bench_start(run);
    for (uint64_t i = 0; i < run->loops; i++) {
        timer_arm(&timer, 0);
        wait_for((uint32_t)i + 1);
    }
    bench_stop(run);
    (void)timer_cancel_sync(&timer);
}

BENCH(interrupt_entry,
      "an interrupt to this CPU that finds nothing to do: raise, entry, exit, with the raising",
      false)
{
    const uint32_t cpu = hal_cpu_id();

    bench_start(run);
    for (uint64_t i = 0; i < run->loops; i++) {
        hal_test_irq_raise(cpu);
    }
    bench_stop(run);
}
