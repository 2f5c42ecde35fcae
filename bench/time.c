/*
 * time.c - reading clocks, arming timers, taking interrupts.
 */
#include <stdatomic.h>

#include "exo/hal.h"
#include "exo/hal/test.h"
#include "exo/mem/phys.h"
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
      "arm a timer behind an earlier one and take it back: the wheel, not the hardware", true)
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

/* ---- the same with 100 000 others armed ---- */

#define MANY        100000u
#define PER_FRAME   (PAGE_SIZE / sizeof(struct timer))
#define MANY_FRAMES ((MANY + PER_FRAME - 1) / PER_FRAME)

static struct timer *g_many[MANY_FRAMES]; /* arrays that fill a frame each */

static void many_fini(uint32_t frames)
{
    for (uint32_t i = 0; i < frames * PER_FRAME; i++) {
        (void)timer_cancel_sync(&g_many[i / PER_FRAME][i % PER_FRAME]);
    }
    for (uint32_t i = 0; i < frames; i++) {
        phys_free(hal_virt_to_phys(g_many[i]), 1);
    }
}

/* Arm them all, an hour and up to a hundred seconds from now; false if there is no memory. */
static bool many_init(void)
{
    const uint64_t base_ns = hal_clock_ns() + 3600 * NS_PER_S;
    uint64_t random = 1;

    for (uint32_t i = 0; i < MANY_FRAMES; i++) {
        paddr_t frame = 0;

        if (phys_alloc(1, 1, &frame) != EXO_OK) {
            many_fini(i);
            return false;
        }
        g_many[i] = hal_phys_to_virt(frame);
        for (uint32_t j = 0; j < PER_FRAME; j++) {
            random = random * 6364136223846793005u + 1442695040888963407u;
            timer_init(&g_many[i][j], nothing);
            timer_arm(&g_many[i][j], base_ns + (random >> 20) % (100 * NS_PER_S));
        }
    }
    return true;
}

BENCH(timer_arm_cancel_100k, "the same with 100 000 others armed: no more than with one", false)
{
    struct timer timer;

    if (!many_init()) {
        run->skipped = true;
        return;
    }
    const uint64_t far = hal_clock_ns() + 3650 * NS_PER_S;

    timer_init(&timer, nothing);
    bench_start(run);
    for (uint64_t i = 0; i < run->loops; i++) {
        timer_arm(&timer, far + i);
        (void)timer_cancel(&timer);
    }
    bench_stop(run);
    many_fini(MANY_FRAMES);
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

/* Arm a timer that is due and see it fire, again and again. */
static void arm_and_fire(struct bench_run *run)
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

BENCH(timer_arm_fire,
      "arm a timer that is due: program the hardware, take the interrupt, run the callback", false)
{
    arm_and_fire(run);
}

BENCH(timer_arm_fire_100k, "the same with 100 000 others armed", false)
{
    if (!many_init()) {
        run->skipped = true;
        return;
    }
    arm_and_fire(run);
    many_fini(MANY_FRAMES);
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
