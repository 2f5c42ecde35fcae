/*
 * test_zone.c - blocks, limits, nodes: what the buddy system promises, against a plain model.
 */
#include "exo/hal.h"
#include "exo/lib/string.h"
#include "exo/mem/phys.h"
#include "exo_check.h"
#include "exo_test.h"

#include "frames.h"

#define RUNS  128u
#define STEPS 4000u
#define MIB   (1ull << 20)

struct run {
    paddr_t base;
    size_t count; /* 0: none */
};

static struct run g_run[RUNS];
static uint64_t g_seed;

static uint32_t random_below(uint32_t limit)
{
    g_seed = g_seed * 6364136223846793005ull + 1442695040888963407ull;
    return (uint32_t)(g_seed >> 33) % limit;
}

static uint64_t frames_free(void)
{
    struct phys_stats stats;

    phys_stats(&stats);
    return stats.frames_free;
}

static void blocks_count(uint64_t *blocks)
{
    struct phys_zone_stats zone;

    memset(blocks, 0, PHYS_ORDER_COUNT * sizeof(*blocks));
    phys_drain();
    for (uint32_t i = 0; phys_zone_stats(i, &zone); i++) {
        uint64_t frames = 0;

        for (uint32_t order = 0; order < PHYS_ORDER_COUNT; order++) {
            blocks[order] += zone.blocks[order];
            frames += zone.blocks[order] << order;
        }
        ck_assert_uint_eq(frames, zone.frames_free);
    }
}

static void run_check_apart(uint32_t at)
{
    for (uint32_t i = 0; i < RUNS; i++) {
        ck_assert(i == at || g_run[i].count == 0 ||
                  g_run[i].base + g_run[i].count * PAGE_SIZE <= g_run[at].base ||
                  g_run[at].base + g_run[at].count * PAGE_SIZE <= g_run[i].base);
    }
}

static void run_alloc(uint32_t at)
{
    const size_t align = (size_t)1 << random_below(6);
    const size_t count = random_below(3) == 0 ? 1 + random_below(300) : 1 + random_below(4);

    if (phys_alloc(count, align, &g_run[at].base) == EXO_OK) {
        g_run[at].count = count;
        ck_assert_uint_eq(g_run[at].base % (align * PAGE_SIZE), 0);
        run_check_apart(at);
    }
}

/* Free all of a run, or its upper part only. */
static void run_free(uint32_t at)
{
    const size_t keep = random_below(4) == 0 ? g_run[at].count / 2 : 0;

    phys_free(g_run[at].base + keep * PAGE_SIZE, g_run[at].count - keep);
    g_run[at].count = keep;
}

/* Allocate and free at random; no two runs overlap, the count of free frames is always right, and
 * in the end all blocks have grown together again as they were. */
START_TEST(zone_agrees_with_a_plain_model)
{
    uint64_t before[PHYS_ORDER_COUNT];
    uint64_t after[PHYS_ORDER_COUNT];
    uint64_t used = 0;

    memset(g_run, 0, sizeof(g_run));
    blocks_count(before);
    const uint64_t free = frames_free();

    g_seed = 20;
    for (uint32_t step = 0; step < STEPS; step++) {
        const uint32_t at = random_below(RUNS);

        used -= g_run[at].count;
        if (g_run[at].count == 0) {
            run_alloc(at);
        } else {
            run_free(at);
        }
        used += g_run[at].count;
        ck_assert_uint_eq(frames_free(), free - used);
    }
    for (uint32_t at = 0; at < RUNS; at++) {
        if (g_run[at].count > 0) {
            phys_free(g_run[at].base, g_run[at].count);
        }
    }
    blocks_count(after);
    ck_assert_mem_eq(before, after, sizeof(before));
}
END_TEST

/* Every second frame of a long run is freed: no two join, so no run of two comes from there; after
 * the others are freed too the blocks are as before. */
START_TEST(zone_joins_what_fragmentation_parted)
{
    uint64_t before[PHYS_ORDER_COUNT];
    uint64_t after[PHYS_ORDER_COUNT];
    const size_t count = 512;
    paddr_t base;

    blocks_count(before);
    ck_assert_int_eq(phys_alloc(count, count, &base), EXO_OK);
    blocks_count(after);
    const uint64_t single = after[0];

    for (size_t i = 0; i < count; i += 2) {
        phys_free(base + i * PAGE_SIZE, 1);
    }
    blocks_count(after);
    ck_assert_uint_eq(after[0], single + count / 2);
    for (size_t i = 1; i < count; i += 2) {
        phys_free(base + i * PAGE_SIZE, 1);
    }
    blocks_count(after);
    ck_assert_mem_eq(before, after, sizeof(before));
}
END_TEST

/* A run that is no block: the two halves of a run that lies across a block's border. */
START_TEST(search_finds_runs_across_blocks)
{
    struct request request = { .align = 1, .limit = UINT64_MAX };
    paddr_t base;
    uint64_t frame = 0;

    ck_assert_int_eq(phys_alloc(256, 256, &base), EXO_OK);
    phys_free(base + 64 * PAGE_SIZE, 128); /* frames 64..191: orders 6 and 6, never joined */
    request.count = 128;
    request.limit = (base >> PAGE_SHIFT) + 192;
    ck_assert(search_alloc(span_of(base >> PAGE_SHIFT)->zone, &request, &frame));
    ck_assert_uint_le(frame + 128, request.limit);
    hal_mem_allocated(hal_phys_to_virt(frame << PAGE_SHIFT), 128 * PAGE_SIZE);
    for (uint32_t i = 0; i < 128; i++) {
        const uint32_t index = index_of(span_of(frame + i), frame + i);

        ck_assert_uint_eq(state_get(index) & FRAME_KIND_MASK, FRAME_USED);
        state_set(index, FRAME_USED); /* what mark_allocated() would do */
    }
    phys_free(frame << PAGE_SHIFT, 128);
    phys_free(base, 64);
    phys_free(base + 192 * PAGE_SIZE, 64);
}
END_TEST

START_TEST(phys_alloc_spec_honours_limits)
{
    static const paddr_t limits[] = { 1 * MIB, 2 * MIB + 3 * PAGE_SIZE, 16 * MIB, 24 * MIB };
    paddr_t base;

    for (size_t i = 0; i < ARRAY_COUNT(limits); i++) {
        const struct phys_spec spec = {
            .frame_count = 3, .align_frames = 2, .limit = limits[i], .node = PHYS_NODE_ANY
        };

        if (phys_alloc_spec(&spec, &base) == EXO_OK) { /* the image may fill the first MiBs */
            ck_assert_uint_le(base + 3 * PAGE_SIZE, limits[i]);
            ck_assert_uint_eq(base % (2 * PAGE_SIZE), 0);
            phys_free(base, 3);
        } else {
            ck_assert_uint_lt(i, 2);
        }
    }
    for (uint64_t boundary = 8 * PAGE_SIZE; boundary <= MIB; boundary *= 4) {
        const struct phys_spec spec = { .frame_count = 5,
                                        .boundary_bytes = boundary,
                                        .node = PHYS_NODE_ANY };

        ck_assert_int_eq(phys_alloc_spec(&spec, &base), EXO_OK);
        ck_assert_uint_eq(base / boundary, (base + 5 * PAGE_SIZE - 1) / boundary);
        phys_free(base, 5);
    }
}
END_TEST

START_TEST(phys_alloc_spec_refuses_nonsense)
{
    static const struct phys_spec bad[] = {
        { .frame_count = 0, .node = PHYS_NODE_ANY },
        { .frame_count = 1, .align_frames = 3, .node = PHYS_NODE_ANY },
        { .frame_count = 1, .node = BOOT_NODES_MAX },
        { .frame_count = 1, .boundary_bytes = 3 * PAGE_SIZE, .node = PHYS_NODE_ANY },
        { .frame_count = 3, .boundary_bytes = 2 * PAGE_SIZE, .node = PHYS_NODE_ANY },
    };
    const struct phys_spec low = { .frame_count = 1, .limit = PAGE_SIZE, .node = PHYS_NODE_ANY };
    paddr_t base = 1;

    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        ck_assert_int_eq(phys_alloc_spec(&bad[i], &base), EXO_ERR_INVALID);
    }
    ck_assert_int_eq(phys_alloc_spec(&low, &base), EXO_ERR_NO_MEMORY); /* frame 0 is nobody's */
    ck_assert_uint_eq(base, 1);
}
END_TEST

static uint64_t zones_frames_free(uint32_t node, enum phys_zone_kind kind)
{
    struct phys_zone_stats zone;

    for (uint32_t i = 0; phys_zone_stats(i, &zone); i++) {
        if (zone.node == node && zone.kind == kind) {
            return zone.frames_free;
        }
    }
    return 0;
}

/* While a node has frames, who asks for it gets them; memory that old devices need is everybody's
 * last resort. On one node this is the rule for node 0. */
START_TEST(phys_alloc_spec_prefers_its_node)
{
    for (uint32_t node = 0; node < phys_node_count(); node++) {
        const struct phys_spec spec = { .frame_count = 4, .node = node };
        paddr_t base;

        if (zones_frames_free(node, PHYS_ZONE_DMA32) + zones_frames_free(node, PHYS_ZONE_NORMAL) <
            MIB / PAGE_SIZE) {
            continue;
        }
        ck_assert_int_eq(phys_alloc_spec(&spec, &base), EXO_OK);
        ck_assert_uint_eq(phys_node_of(base), node);
        phys_free(base, 4);
    }
    ck_assert_uint_eq(phys_node_of(0), PHYS_NODE_ANY);
}
END_TEST

/* Frames that old devices need, and those of other nodes, go to their zones and into no cache,
 * where anybody would take them. */
START_TEST(phys_free_caches_frames_of_its_node_only)
{
    const struct phys_spec low = { .frame_count = 1, .limit = 16 * MIB, .node = PHYS_NODE_ANY };
    uint64_t before = zones_frames_free(0, PHYS_ZONE_DMA);
    paddr_t frame = 0;

    ck_assert_int_eq(phys_alloc_spec(&low, &frame), EXO_OK);
    ck_assert_uint_eq(zones_frames_free(0, PHYS_ZONE_DMA), before - 1);
    phys_free(frame, 1);
    ck_assert_uint_eq(zones_frames_free(0, PHYS_ZONE_DMA), before);
    hal_preempt_inc(); /* one CPU, hence one node, for this */
    const uint32_t other = (phys_node_of_cpu(hal_cpu_id()) + 1) % phys_node_count();
    const struct phys_spec far = { .frame_count = 1, .node = other };
    const bool is_other = other != phys_node_of_cpu(hal_cpu_id());

    before = zones_frames_free(other, PHYS_ZONE_DMA32);
    const exo_status_t status = phys_alloc_spec(&far, &frame);

    if (status == EXO_OK) {
        phys_free(frame, 1);
    }
    const uint64_t after = zones_frames_free(other, PHYS_ZONE_DMA32);

    (void)hal_preempt_dec();
    ck_assert_int_eq(status, EXO_OK);
    ck_assert(!is_other || after == before);
}
END_TEST

/* Goal: a boundary holds for runs that are no block too. Method: all memory is taken, and the only
 * three frames that come back, one behind the other, lie across the boundary. */
START_TEST(phys_alloc_spec_honours_a_boundary_without_blocks)
{
    const struct phys_spec spec = { .frame_count = 3,
                                    .boundary_bytes = 4 * PAGE_SIZE,
                                    .node = PHYS_NODE_ANY };
    paddr_t list = 0;
    paddr_t base = 0;
    paddr_t other = 0;

    ck_assert_int_eq(phys_alloc(8, 8, &base), EXO_OK);
    for (uint32_t order = PHYS_ORDER_MAX + 1; order-- > 0;) {
        while (phys_alloc((size_t)1 << order, 1, &other) == EXO_OK) {
            ((paddr_t *)hal_phys_to_virt(other))[0] = list;
            ((paddr_t *)hal_phys_to_virt(other))[1] = 1ull << order;
            list = other;
        }
    }
    phys_free(base + 2 * PAGE_SIZE, 3);
    const exo_status_t across = phys_alloc_spec(&spec, &other);
    const exo_status_t anywhere = phys_alloc(3, 1, &other);

    while (list != 0) {
        const paddr_t one = list;
        const size_t count = ((paddr_t *)hal_phys_to_virt(one))[1];

        list = ((paddr_t *)hal_phys_to_virt(one))[0];
        phys_free(one, count);
    }
    ck_assert_int_eq(across, EXO_ERR_NO_MEMORY);
    ck_assert_int_eq(anywhere, EXO_OK);
    phys_free(other, 3);
    phys_free(base, 2);
    phys_free(base + 5 * PAGE_SIZE, 3);
}
END_TEST

EXO_SUITE(mem_zone, EXO_TEST(phys_free_caches_frames_of_its_node_only),
          EXO_TEST(phys_alloc_spec_honours_a_boundary_without_blocks),
          EXO_TEST(zone_agrees_with_a_plain_model), EXO_TEST(zone_joins_what_fragmentation_parted),
          EXO_TEST(search_finds_runs_across_blocks), EXO_TEST(phys_alloc_spec_honours_limits),
          EXO_TEST(phys_alloc_spec_refuses_nonsense), EXO_TEST(phys_alloc_spec_prefers_its_node))
