/*
 * tests/core/sched/bench_policy.c - what the policy costs: charging, queueing and picking threads,
 * whatever their number. Here, because it looks inside.
 */
#include "exo/lib/string.h"
#include "exo/mem/phys.h"
#include "exo_bench.h"
#include "sched_private.h"

#define RUN_CYCLES 2000u  /* what a thread is said to have run for */
#define MANY       10000u /* threads: more than the caches hold */
#define STRIDE     7919u  /* a prime: neighbours in the queue are none in memory */

static struct run_queue g_queue;

/* `count` zeroed threads and the frames that they are in; NULL if there is no room. */
static struct thread *threads_make(uint32_t count, size_t *frames)
{
    paddr_t base = 0;

    *frames = align_up(count * sizeof(struct thread), PAGE_SIZE) / PAGE_SIZE;
    if (phys_alloc(*frames, 1, &base) != EXO_OK) {
        return NULL;
    }
    memset(hal_phys_to_virt(base), 0, *frames * PAGE_SIZE);
    return hal_phys_to_virt(base);
}

static void threads_free(struct thread *thread, size_t frames)
{
    phys_free(hal_virt_to_phys(thread), frames);
}

/* Queue them all, in an order that no prefetcher guesses if there are many, and take one out. */
static struct thread *queue_fill(struct thread *thread, uint32_t count)
{
    const struct sched_policy *const policy = g_sched_policy;

    run_queue_init(&g_queue);
    policy->init(&g_queue);
    for (uint32_t i = 0; i < count; i++) {
        struct thread *const one = &thread[(uint64_t)i * STRIDE % count];

        list_init(&one->entity.node);
        one->entity.inverse = sched_inverse_weight(0);
        atomic_store_explicit(&one->entity.level, LEVEL_NORMAL, memory_order_relaxed);
        thread_affinity_store(one, AFFINITY_ALL);
        policy->enqueue(&g_queue, one, true);
    }
    return policy->pick(&g_queue);
}

/* `count` threads wait besides the one that runs; one operation charges it, queues it and picks the
 * next one, as the scheduler does at every yield. */
static void pick_requeue(struct bench_run *run, uint32_t count)
{
    const struct sched_policy *const policy = g_sched_policy;
    size_t frames = 0;
    struct thread *const thread = threads_make(count + 1, &frames);

    if (thread == NULL) {
        run->skipped = true;
        return;
    }
    struct thread *current = queue_fill(thread, count + 1);

    bench_start(run);
    for (uint64_t i = 0; i < run->loops; i++) {
        current = policy->turn(&g_queue, current, RUN_CYCLES);
    }
    bench_stop(run);
    threads_free(thread, frames);
}

BENCH(pick_requeue_1, "charge, queue and pick with 1 thread waiting; 17 cycles, bar 30", true)
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
    pick_requeue(run, MANY);
}

/* One cache miss: a walk through as many records as far apart, each found by the one before it.
 * With `turns`, the turn of one of 256 threads beside each step. */
static void walk(struct bench_run *run, bool turns)
{
    const struct sched_policy *const policy = g_sched_policy;
    size_t frames = 0;
    size_t few_frames = 0;
    struct thread *const record = threads_make(MANY, &frames);
    struct thread *const few = record == NULL ? NULL : threads_make(257, &few_frames);

    if (few == NULL) {
        run->skipped = true;
    } else {
        struct thread *current = queue_fill(few, 257);
        struct thread *at = record;

        for (uint32_t i = 0; i < MANY; i++) {
            record[(uint64_t)i * STRIDE % MANY].user_data =
                &record[(uint64_t)(i + 1) * STRIDE % MANY];
        }
        bench_start(run);
        for (uint64_t i = 0; i < run->loops; i++) {
            if (turns) {
                current = policy->turn(&g_queue, current, RUN_CYCLES);
            }
            at = at->user_data;
            __asm__ volatile("" : "+r"(at)); /* it is wanted, now */
        }
        bench_stop(run);
        threads_free(few, few_frames);
    }
    if (record != NULL) {
        threads_free(record, frames);
    }
}

BENCH(cache_miss_10000, "one step from record to record of 10 000: a cache miss", false)
{
    walk(run, false);
}

BENCH(pick_256_and_miss, "pick_requeue_256 and such a step: what 10 000 may cost", false)
{
    walk(run, true);
}
