/*
 * ring.c - Fusion Rings by themselves: a message of 56 bytes in and out again, on one thread.
 */
#include "exo/abi/ring_ops.h"
#include "exo/lib/types.h"
#include "exo_bench.h"

#define SLOTS 1024u
#define BATCH 16u

static EXO_ALIGNED(
    4096) uint8_t g_memory[sizeof(struct exo_ring_shared) + SLOTS * sizeof(struct exo_ring_slot)];

static struct exo_ring_shared *ring_new(void)
{
    struct exo_ring_shared *const shared = (struct exo_ring_shared *)g_memory;

    exo_ring_format(shared, SLOTS);
    return shared;
}

/* Keep the compiler from knowing what is in memory. */
static inline void memory_unknown(void)
{
    __asm__ volatile("" ::: "memory");
}

BENCH(ring_put_take, "one message in and out, one producer and one consumer; ck_ring 13", true)
{
    struct exo_ring_shared *const shared = ring_new();
    struct exo_ring in = exo_ring_side(shared, SLOTS);
    struct exo_ring out = exo_ring_side(shared, SLOTS);
    struct exo_ring_message message = { { 1 } };

    bench_start(run);
    for (uint64_t i = 0; i < run->loops; i++) {
        (void)exo_ring_put(&in, &message);
        memory_unknown();
        (void)exo_ring_take(&out, &message);
        memory_unknown();
    }
    bench_stop(run);
}

BENCH(ring_put_take_shared, "the same by the forms for many producers and consumers", true)
{
    const struct exo_ring ring = exo_ring_side(ring_new(), SLOTS);
    struct exo_ring_message message = { { 1 } };

    bench_start(run);
    for (uint64_t i = 0; i < run->loops; i++) {
        size_t count = 1;

        (void)exo_ring_put_shared(&ring, &message, &count);
        memory_unknown();
        (void)exo_ring_take_shared(&ring, &message, &count);
        memory_unknown();
    }
    bench_stop(run);
}

BENCH(ring_put_take_batch, "sixteen at once, for one message; rte_ring 23", true)
{
    struct exo_ring_shared *const shared = ring_new();
    struct exo_ring in = exo_ring_side(shared, SLOTS);
    struct exo_ring out = exo_ring_side(shared, SLOTS);
    struct exo_ring_message batch[BATCH] = { { { 1 } } };

    bench_start(run);
    for (uint64_t i = 0; i < run->loops; i += BATCH) {
        (void)exo_ring_put_many(&in, batch, BATCH);
        memory_unknown();
        (void)exo_ring_take_many(&out, batch, BATCH);
        memory_unknown();
    }
    bench_stop(run);
}
