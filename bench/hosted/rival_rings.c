/*
 * rival_rings.c - rings that a user would pick instead, by the loops of bench/ring.c: Concurrency
 * Kit's ck_ring and DPDK's rte_ring, with messages of the same size and as many slots.
 *
 * Both are header-only on these paths, so they are inlined as ours is. Where a header is not
 * installed, its rows say so as skipped.
 */
#include <stdlib.h>

#include "exo/abi/ring_ops.h"
#include "exo/hal.h"
#include "exo_bench.h"

#define SLOTS 1024u
#define BATCH 16u

#if defined(EXO_HAVE_CK_RING) || defined(EXO_HAVE_RTE_RING)
static inline void memory_unknown(void)
{
    __asm__ volatile("" ::: "memory");
}
#endif

#ifdef EXO_HAVE_CK_RING
#include <ck_ring.h>

CK_RING_PROTOTYPE(message, exo_ring_message)

static struct exo_ring_message g_ck_slots[SLOTS];

BENCH(rival_ck_ring_spsc, "ck_ring: one message of 56 bytes in and out", false)
{
    struct ck_ring ring;
    struct exo_ring_message message = { { 1 } };

    ck_ring_init(&ring, SLOTS);
    bench_start(run);
    for (uint64_t i = 0; i < run->loops; i++) {
        (void)ck_ring_enqueue_spsc_message(&ring, g_ck_slots, &message);
        memory_unknown();
        (void)ck_ring_dequeue_spsc_message(&ring, g_ck_slots, &message);
        memory_unknown();
    }
    bench_stop(run);
}
#else
BENCH(rival_ck_ring_spsc, "ck_ring is not installed: libck-dev", false)
{
    run->skipped = true;
}
#endif

BENCH_CLAIM(ring_put_take, rival_ck_ring_spsc, 110);
BENCH_CLAIM(ring_put_take_shared, rival_ck_ring_spsc, 130);

#ifdef EXO_HAVE_RTE_RING
#include <rte_config.h>
#include <rte_ring.h>

/* rte_ring copies in words of 4 bytes; its messages are as long as ours. */
static EXO_ALIGNED(
    4096) uint8_t g_rte[sizeof(struct rte_ring) + SLOTS * sizeof(struct exo_ring_message)];

/* What rte_ring_init() does without flags; the library behind it would start its environment. */
static struct rte_ring *rte_new(enum rte_ring_sync_type sync)
{
    struct rte_ring *const ring = (struct rte_ring *)g_rte;

    *ring = (struct rte_ring){ .size = SLOTS, .mask = SLOTS - 1, .capacity = SLOTS - 1 };
    ring->prod.sync_type = sync;
    ring->cons.sync_type = sync;
    return ring;
}

static void rte_run(struct bench_run *run, enum rte_ring_sync_type sync, uint32_t count)
{
    struct rte_ring *const ring = rte_new(sync);
    struct exo_ring_message batch[BATCH] = { { { 1 } } };

    bench_start(run);
    for (uint64_t i = 0; i < run->loops; i += count) {
        (void)rte_ring_enqueue_burst_elem(ring, batch, sizeof(batch[0]), count, NULL);
        memory_unknown();
        (void)rte_ring_dequeue_burst_elem(ring, batch, sizeof(batch[0]), count, NULL);
        memory_unknown();
    }
    bench_stop(run);
}

BENCH(rival_rte_ring_mpmc, "rte_ring: one message in and out, many producers and consumers", false)
{
    rte_run(run, RTE_RING_SYNC_MT, 1);
}

BENCH(rival_rte_ring_batch, "rte_ring: sixteen at once, one producer and consumer", false)
{
    rte_run(run, RTE_RING_SYNC_ST, BATCH);
}
#else
BENCH(rival_rte_ring_mpmc, "rte_ring is not installed: libdpdk-dev", false)
{
    run->skipped = true;
}
BENCH(rival_rte_ring_batch, "rte_ring is not installed: libdpdk-dev", false)
{
    run->skipped = true;
}
#endif

BENCH_CLAIM(ring_put_take_shared, rival_rte_ring_mpmc, 50);
BENCH_CLAIM(ring_put_take_batch, rival_rte_ring_batch, 100);
