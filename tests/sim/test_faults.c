/*
 * test_faults.c - a workload that lives with failures: frames, heap, threads and interrupts as the
 * seed's plan has them, then a quiet phase in which all must succeed and come to an end.
 *
 * Only with --faults (tools/sim-check runs it so): without, there is one quiet phase. The suite has
 * the name of those that "all" leaves out.
 */
#include <stdatomic.h>

#include "exo/mem/heap.h"
#include "exo/mem/phys.h"
#include "exo/sched/thread.h"
#include "exo_check.h"
#include "platform/hosted/sim/sim.h"

#define WORKERS 4u
#define HELD    16u
#define ROUNDS  20u

static _Atomic uint32_t g_done;

/* Frames and objects in all sizes; what fails is left out, what succeeded is given back. Returns
 * the failures. */
static uint32_t memory_round(uint32_t round)
{
    void *object[HELD];
    paddr_t frame[HELD];
    uint32_t failures = 0;

    for (uint32_t i = 0; i < HELD; i++) {
        object[i] = heap_alloc_any((size_t)(i + 1) * 24 + round);
        frame[i] = 0;
        if (phys_alloc(1 + i % 4, 1, &frame[i]) != EXO_OK) {
            frame[i] = 0;
            failures++;
        }
        failures += object[i] == NULL ? 1 : 0;
    }
    for (uint32_t i = 0; i < HELD; i++) {
        heap_free(object[i]);
        if (frame[i] != 0) {
            phys_free(frame[i], 1 + i % 4);
        }
    }
    return failures;
}

static void child(void *arg)
{
    atomic_fetch_add((_Atomic uint32_t *)arg, 1);
}

/* A thread that may fail to be made; if it was, it runs and ends. */
static bool thread_round(void)
{
    _Atomic uint32_t ran = 0;
    struct thread *thread = NULL;
    const struct thread_spec spec = {
        .name = "child", .entry = child, .arg = &ran, .cpu = THREAD_ANY_CPU
    };

    if (thread_create(&spec, &thread) != EXO_OK) {
        return false;
    }
    thread_join(thread, NULL);
    ck_assert_uint_eq(atomic_load(&ran), 1);
    return true;
}

static void worker(void *arg)
{
    (void)arg;
    for (uint32_t round = 0; round < ROUNDS || sim_faults_last(); round++) {
        (void)memory_round(round % ROUNDS);
        (void)thread_round();
    }
    ck_assert_uint_eq(memory_round(0), 0); /* quiet: nothing fails any more */
    ck_assert(thread_round());
    atomic_fetch_add(&g_done, 1);
}

START_TEST(faults_are_survived_and_end)
{
    struct thread *thread[WORKERS];

    for (uint32_t i = 0; i < WORKERS; i++) {
        const struct thread_spec spec = { .name = "worker",
                                          .entry = worker,
                                          .cpu = THREAD_ANY_CPU };

        ck_assert_int_eq(thread_create(&spec, &thread[i]), EXO_OK);
    }
    sim_faults_begin();
    for (uint32_t i = 0; i < WORKERS; i++) {
        thread_join(thread[i], NULL);
    }
    ck_assert_uint_eq(atomic_load(&g_done), WORKERS);
}
END_TEST

/* A system that never rests: what the quiet phase is to tell (tests/sim/check-faults). */
START_TEST(never_rests)
{
    sim_faults_begin();
    while (!atomic_load(&g_done)) {
        thread_sleep_ns(1000000);
    }
}
END_TEST

EXO_SUITE(planted, EXO_TEST_TIMED(faults_are_survived_and_end, 120), EXO_TEST(never_rests))
