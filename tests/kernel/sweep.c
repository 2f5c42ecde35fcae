/*
 * sweep.c - fixtures for test bodies: failing allocations one by one, waiting without a clock.
 */
#include <stdatomic.h>

#include "exo/hal.h"
#include "exo/hal/test.h"
#include "exo/mem/heap.h"
#include "exo/mem/kva.h"
#include "exo/mem/phys.h"
#include "exo/sched/thread.h"
#include "exo_check.h"
#include "exo_test.h"
#include "run.h"

#define SWEEP_MAX 10000u /* allocations of one call; more is a loop that never succeeds */

static uint64_t frames_free(void)
{
    struct phys_stats stats;
    struct heap_stats heap;

    kva_flush(); /* stacks of threads that ended */
    heap_stats(&heap);
    phys_stats(&stats);
    return stats.frames_free + heap.frames; /* the heap gives them back when asked */
}

/* Let `arm` fail the n-th allocation for n = 1, 2, ... until fn(arg) makes fewer than n; returns
 * how often it failed. It may succeed without what it could not get. */
static uint32_t sweep_one(uint32_t (*arm)(uint32_t n), exo_status_t (*fn)(void *arg), void *arg)
{
    uint32_t failures = 0;

    for (uint32_t n = 1; n <= SWEEP_MAX; n++) {
        const uint64_t before = frames_free();

        (void)arm(n);
        const exo_status_t status = fn(arg);
        const bool has_come = arm(0) == 0;

        if (!has_come) {
            ck_assert_int_eq(status, EXO_OK);
            return failures;
        }
        if (status != EXO_OK) {
            failures++;
            ck_assert_int_eq(status, EXO_ERR_NO_MEMORY);
            ck_assert_uint_eq(frames_free(), before);
        }
    }
    ck_abort_msg("still failing after %u allocations", SWEEP_MAX);
}

uint32_t fault_sweep(exo_status_t (*fn)(void *arg), void *arg)
{
    const uint32_t frames = sweep_one(phys_test_fail_after, fn, arg);
    const uint32_t objects = sweep_one(heap_test_fail_after, fn, arg);

    return frames + objects + sweep_one(hal_test_fail_after, fn, arg);
}

static uint64_t cycles_of_ns(uint64_t duration_ns)
{
    return hal_caps()->cycles_hz / 1000000 * duration_ns / 1000;
}

void test_spin_ns(uint64_t duration_ns)
{
    const uint64_t end = hal_cycles() + cycles_of_ns(duration_ns);

    while (hal_cycles() < end) {
        hal_pause();
    }
}

bool test_wait_for(const _Atomic uint32_t *word, uint32_t value, uint64_t timeout_ns)
{
    const uint64_t end = hal_cycles() + cycles_of_ns(timeout_ns);

    while (atomic_load_explicit(word, memory_order_acquire) < value) {
        if (hal_cycles() >= end) {
            return false;
        }
        thread_yield();
    }
    return true;
}

bool test_is_long(void)
{
    return g_test_long;
}
