/*
 * test_twice.c - a run that no second one repeats, for tests/sim/check-twice: it asks the host's
 * clock, which nothing in a simulated run may.
 */
#include "exo/sched/thread.h"
#include "exo_check.h"

START_TEST(twice_is_not_the_same)
{
    for (uint32_t i = 0; i < 64; i++) {
        /* Wrong on purpose: the counter is the host's. */
        const uint64_t wait_ns = __builtin_ia32_rdtsc() % 1000 * 1000;

        thread_sleep_ns(wait_ns);
    }
}
END_TEST

EXO_SUITE(planted, EXO_TEST(twice_is_not_the_same))
