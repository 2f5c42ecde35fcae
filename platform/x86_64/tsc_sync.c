/*
 * tsc_sync.c - the warp test between the CPU that starts another and the one that is started.
 *
 * State of g_stage: IDLE -(source)-> offer(cpu) -(target)-> RUNNING -(both done)-> IDLE. A source
 * that waited in vain takes its offer back; a target that finds none in time goes on untested.
 *
 * Invariants:
 *   (1) g_test.last only grows: each side reads it before its own TSC, so a TSC below it is a warp;
 *   (2) g_test and g_done are reset while the stage is IDLE.
 */
#include "tsc_sync.h"

#include "exo/debug/log.h"
#include "exo/hal.h"

#include "clock.h"
#include "tsc.h"

#define STAGE_IDLE    0u
#define STAGE_RUNNING UINT32_MAX
#define ROUNDS        2000u
#define WAIT_NS       20000000ull
#define RUN_NS        1000000ull

static _Atomic uint32_t g_stage;
static _Atomic uint32_t g_done;
static struct tsc_warp g_test;

static void warp_note(struct tsc_warp *test, uint64_t cycles)
{
    uint64_t seen = atomic_load_explicit(&test->worst, memory_order_relaxed);

    while (cycles > seen &&
           !atomic_compare_exchange_weak_explicit(&test->worst, &seen, cycles, memory_order_relaxed,
                                                  memory_order_relaxed)) {
    }
}

void tsc_warp_round(struct tsc_warp *test, uint64_t (*read)(void))
{
    /* Acquire pairs with the release below: a value seen here was read before it by the other. */
    uint64_t last = atomic_load_explicit(&test->last, memory_order_acquire);
    const uint64_t now = read();

    if (now < last) {
        warp_note(test, last - now);
        return;
    }
    (void)atomic_compare_exchange_strong_explicit(&test->last, &last, now, memory_order_release,
                                                  memory_order_relaxed);
}

/* One side of the test: publish what is read, compare with what was published. */
static void rounds_run(void)
{
    const uint64_t end_ns = hal_clock_ns() + RUN_NS;

    for (uint32_t i = 0; i < ROUNDS && hal_clock_ns() < end_ns; i++) {
        tsc_warp_round(&g_test, tsc_read);
    }
    atomic_fetch_add_explicit(&g_done, 1, memory_order_release);
}

/* Wait until `*word` is `value`; false after WAIT_NS. */
static bool wait_for(_Atomic uint32_t *word, uint32_t value)
{
    const uint64_t end_ns = hal_clock_ns() + WAIT_NS;

    while (atomic_load_explicit(word, memory_order_acquire) != value) {
        if (hal_clock_ns() >= end_ns) {
            return false;
        }
        hal_pause();
    }
    return true;
}

void tsc_sync_source(uint32_t cpu)
{
    uint32_t offer = cpu + 1;

    atomic_store_explicit(&g_test.last, 0, memory_order_relaxed);
    atomic_store_explicit(&g_test.worst, 0, memory_order_relaxed);
    atomic_store_explicit(&g_done, 0, memory_order_relaxed);
    atomic_store_explicit(&g_stage, offer, memory_order_release);
    if (!wait_for(&g_stage, STAGE_RUNNING) &&
        atomic_compare_exchange_strong_explicit(&g_stage, &offer, STAGE_IDLE, memory_order_acquire,
                                                memory_order_acquire)) {
        klog(KLOG_DEBUG, "tsc", "cpu did not come to the warp test cpu=%u", cpu);
        return;
    }
    rounds_run();
    const bool complete = wait_for(&g_done, 2);
    const uint64_t warp = atomic_load_explicit(&g_test.worst, memory_order_relaxed);

    atomic_store_explicit(&g_stage, STAGE_IDLE, memory_order_release);
    if (warp != 0) {
        klog(KLOG_WARN, "tsc", "not the same on all cpus cpu=%u warp_cycles=%llu", cpu,
             (unsigned long long)warp);
        clock_tsc_unstable("warp between cpus");
    } else if (!complete) {
        klog(KLOG_DEBUG, "tsc", "cpu did not end the warp test cpu=%u", cpu);
    }
}

void tsc_sync_target(uint32_t cpu)
{
    uint32_t offer = cpu + 1;

    if (!wait_for(&g_stage, offer) ||
        !atomic_compare_exchange_strong_explicit(&g_stage, &offer, STAGE_RUNNING,
                                                 memory_order_acq_rel, memory_order_relaxed)) {
        return;
    }
    rounds_run();
}
