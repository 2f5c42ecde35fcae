/*
 * tests/core/sched/bench_policy.c - what the policy costs: charging, queueing and picking threads,
 * whatever their number. Here, because it looks inside.
 */
#include "exo/lib/string.h"
#include "exo/mem/phys.h"
#include "exo_bench.h"
#include "sched_private.h"

#define RUN_CYCLES 2000u /* what a thread is said to have run for */

static struct run_queue g_queue;

/* `count` threads wait besides the one that runs; one operation charges it, queues it and picks the
 * next one. */
static void pick_requeue(struct bench_run *run, uint32_t count)
{
    const struct sched_policy *const policy = &g_sched_policy_fair;
    const size_t frames = align_up((count + 1) * sizeof(struct thread), PAGE_SIZE) / PAGE_SIZE;
    paddr_t base = 0;

    if (phys_alloc(frames, 1, &base) != EXO_OK) {
        run->skipped = true;
        return;
    }
    struct thread *const thread = hal_phys_to_virt(base);

    memset(thread, 0, frames * PAGE_SIZE);
    run_queue_init(&g_queue);
    policy->init(&g_queue);
    for (uint32_t i = 0; i <= count; i++) {
        list_init(&thread[i].entity.node);
        thread[i].entity.inverse = sched_inverse_weight(0);
        atomic_store_explicit(&thread[i].entity.level, LEVEL_NORMAL, memory_order_relaxed);
        atomic_store_explicit(&thread[i].affinity, AFFINITY_ALL, memory_order_relaxed);
        policy->enqueue(&g_queue, &thread[i], true);
    }
    struct thread *current = policy->pick(&g_queue);

    bench_start(run);
    for (uint64_t i = 0; i < run->loops; i++) {
        policy->charge(&g_queue, current, RUN_CYCLES);
        policy->enqueue(&g_queue, current, false);
        current = policy->pick(&g_queue);
    }
    bench_stop(run);
    phys_free(base, frames);
}

BENCH(pick_requeue_1, "charge, queue and pick with 1 thread waiting; 20 cycles, bar 30", true)
{
    pick_requeue(run, 1);
}

BENCH(pick_requeue_16, "the same with 16; their number must not matter", true)
{
    pick_requeue(run, 16);
}

BENCH(pick_requeue_256, "the same with 256", true)
{
    pick_requeue(run, 256);
}

BENCH(pick_requeue_10000, "the same with 10 000: one cache miss more", false)
{
    pick_requeue(run, 10000);
}
