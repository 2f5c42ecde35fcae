/*
 * map.c - from the memory map to spans, zones and the order in which they are tried.
 *
 * Invariants after map_init():
 *   (1) spans are sorted by frame and by index, do not overlap and have one zone each;
 *   (2) zone of node n and kind k is g_zone[3n + k]; it has no frames if there are none of it;
 *   (3) frame 0 is in no span: address 0 never means memory.
 */
#include "exo/debug/log.h"
#include "exo/debug/panic.h"
#include "exo/lib/assert.h"
#include "exo/lib/string.h"

#include "frames.h"

#define DMA_END     ((16ull << 20) >> PAGE_SHIFT)
#define DMA32_END   ((4ull << 30) >> PAGE_SHIFT)
#define LOW_SHARE   128u /* low mark: this part of the zone */
#define LOW_MAX     4096u
#define STATE_BYTES sizeof(uint8_t)

struct zone g_zone[PHYS_ZONES_MAX];
struct span g_span[SPANS_MAX];
uint32_t g_span_count;
_Atomic uint8_t *g_state;
struct frame_link *g_link;
struct frame_owner *g_owner;

static const struct boot_numa *g_numa;
static uint32_t g_nodes;
static uint8_t g_order[BOOT_NODES_MAX][PHYS_ZONES_MAX]; /* [c] indices of zones, nearest first */
static uint32_t g_order_count;

uint32_t phys_node_count(void)
{
    return g_nodes;
}

uint32_t phys_node_of_cpu(uint32_t cpu)
{
    const uint32_t node = g_numa->cpu_node[cpu];

    return node < g_nodes ? node : 0;
}

const uint8_t *map_order(uint32_t node, uint32_t *count)
{
    *count = g_order_count;
    return g_order[node];
}

const struct span *span_of(uint64_t frame)
{
    uint32_t low = 0;
    uint32_t high = g_span_count;

    while (low < high) {
        const uint32_t middle = (low + high) / 2;
        const struct span *const span = &g_span[middle];

        if (frame < span->first) {
            high = middle;
        } else if (frame - span->first < span->count) {
            return span;
        } else {
            low = middle + 1;
        }
    }
    return NULL;
}

const struct span *span_of_index(uint32_t index)
{
    uint32_t low = 0;
    uint32_t high = g_span_count;

    while (high - low > 1) {
        const uint32_t middle = (low + high) / 2;

        if (index < g_span[middle].index) {
            high = middle;
        } else {
            low = middle;
        }
    }
    return &g_span[low];
}

uint32_t phys_node_of(paddr_t frame)
{
    const struct span *const span = span_of(frame >> PAGE_SHIFT);

    return span == NULL ? PHYS_NODE_ANY : span->zone->node;
}

static enum phys_zone_kind kind_of(uint64_t frame, uint64_t *end)
{
    if (frame < DMA_END) {
        *end = DMA_END;
        return PHYS_ZONE_DMA;
    }
    *end = frame < DMA32_END ? DMA32_END : UINT64_MAX;
    return frame < DMA32_END ? PHYS_ZONE_DMA32 : PHYS_ZONE_NORMAL;
}

/* The node of `frame`; *end is where that may change. */
static uint32_t node_of(uint64_t frame, uint64_t *end)
{
    *end = UINT64_MAX;
    for (uint32_t i = 0; i < g_numa->range_count; i++) {
        const struct boot_node_range *const range = &g_numa->range[i];
        const uint64_t range_first = range->base >> PAGE_SHIFT;
        const uint64_t range_end = range->end >> PAGE_SHIFT;

        if (frame < range_first) {
            *end = min_u64(*end, range_first);
        } else if (frame < range_end) {
            *end = range_end;
            return range->node < g_nodes ? range->node : 0;
        }
    }
    return 0;
}

/* Cut a region where zone or node change. */
static void spans_add(uint64_t first, uint64_t end)
{
    while (first < end && g_span_count < SPANS_MAX) {
        uint64_t kind_end = 0;
        uint64_t node_end = 0;
        const enum phys_zone_kind kind = kind_of(first, &kind_end);
        const uint32_t node = node_of(first, &node_end);
        const uint64_t cut = min_u64(end, min_u64(kind_end, node_end));

        g_span[g_span_count++] = (struct span){ .first = first,
                                                .count = cut - first,
                                                .zone = &g_zone[node * PHYS_ZONE_KINDS + kind] };
        first = cut;
    }
    if (first < end) {
        klog(KLOG_WARN, "phys", "memory left off: too many pieces frames=%lu", end - first);
    }
}

static void spans_read(const struct boot_info *info)
{
    for (uint32_t i = 0; i < info->region_count; i++) {
        const struct boot_region *const from = &info->region[i];
        const uint64_t first = max_u64(from->base >> PAGE_SHIFT, 1);

        if (from->kind == BOOT_REGION_FREE) {
            spans_add(first, (from->base + from->len_bytes) >> PAGE_SHIFT);
        }
    }
}

static size_t descriptor_bytes(void)
{
    return STATE_BYTES + sizeof(struct frame_link) +
           (EXO_CONFIG_DEBUG ? sizeof(struct frame_owner) : 0);
}

/* Put the descriptors at the end of the highest span with room for them: low memory is scarce. */
static void descriptors_place(uint64_t states)
{
    const uint64_t total = align_up(states, 64);
    const uint64_t frames = align_up(total * descriptor_bytes(), PAGE_SIZE) >> PAGE_SHIFT;

    if (total >= INDEX_NONE) {
        panic("phys: %lu frames are more than this kernel can number", total);
    }
    for (uint32_t i = g_span_count; i-- > 0;) {
        struct span *const span = &g_span[i];

        if (span->count > frames) {
            span->count -= frames;
            g_link = frame_address(span->first + span->count);
            uint8_t *at = (uint8_t *)(g_link + total);

            if (EXO_CONFIG_DEBUG) {
                g_owner = (struct frame_owner *)at;
                at = (uint8_t *)(g_owner + total);
            }
            g_state = (_Atomic uint8_t *)at;
            memset(at, FRAME_FREE, total);
            return;
        }
    }
    panic("phys: no free region has the %lu frames of the descriptors", frames);
}

static void zones_init(void)
{
    for (uint32_t i = 0; i < PHYS_ZONES_MAX; i++) {
        struct zone *const zone = &g_zone[i];

        spin_init(&zone->lock, RANK_PHYS);
        zone->node = i / PHYS_ZONE_KINDS;
        zone->kind = (enum phys_zone_kind)(i % PHYS_ZONE_KINDS);
        memset(zone->head, 0xff, sizeof(zone->head)); /* INDEX_NONE */
    }
}

/* Number the spans' frames and give them to their zones. */
static void zones_fill(void)
{
    uint32_t index = 0;

    for (uint32_t i = 0; i < g_span_count; i++) {
        struct span *const span = &g_span[i];
        struct zone *const zone = span->zone;

        span->index = (uint32_t)(align_up(index, STATES_WORD) + (span->first & (STATES_WORD - 1)));
        index = span->index + (uint32_t)span->count;
        zone->frames_total += span->count;
        zone->end = span->first + span->count;
        hal_mem_freed(frame_address(span->first), span->count << PAGE_SHIFT);
        const hal_irq_t irq = spin_lock_irq(&zone->lock);

        zone_give_run_locked(zone, span, span->index, span->count);
        zone_count_locked(zone, (int64_t)span->count);
        spin_unlock_irq(&zone->lock, irq);
    }
    for (uint32_t i = 0; i < PHYS_ZONES_MAX; i++) {
        struct zone *const zone = &g_zone[i];

        zone->mark_low = min_u64(zone->frames_total / LOW_SHARE, LOW_MAX);
        zone->mark_min = zone->mark_low / 2;
        zone->mark_high = zone->mark_low * 2;
    }
    zones_start();
}

static uint32_t distance(uint32_t from, uint32_t to)
{
    const uint32_t told = g_numa->distance[from][to];

    if (from == to) {
        return 0; /* whatever the table says: one's own comes first */
    }
    return told != 0 ? told : BOOT_DISTANCE_FAR;
}

/* The nodes by distance from `from`; among equals the next higher number, round and round, so that
 * not everybody falls on node 0. */
static void nodes_sort(uint32_t from, uint32_t *node)
{
    for (uint32_t i = 0; i < g_nodes; i++) {
        const uint32_t next = (from + i) % g_nodes;
        uint32_t at = i;

        while (at > 0 && distance(from, node[at - 1]) > distance(from, next)) {
            node[at] = node[at - 1];
            at--;
        }
        node[at] = next;
    }
}

static void order_add(uint32_t from, uint32_t node, enum phys_zone_kind kind, uint32_t *count)
{
    const uint32_t zone = node * PHYS_ZONE_KINDS + kind;

    if (g_zone[zone].frames_total > 0) {
        g_order[from][(*count)++] = (uint8_t)zone;
    }
}

static void order_build(void)
{
    for (uint32_t from = 0; from < g_nodes; from++) {
        uint32_t node[BOOT_NODES_MAX];
        uint32_t count = 0;

        nodes_sort(from, node);
        for (uint32_t i = 0; i < g_nodes; i++) {
            order_add(from, node[i], PHYS_ZONE_NORMAL, &count);
            order_add(from, node[i], PHYS_ZONE_DMA32, &count);
        }
        for (uint32_t i = 0; i < g_nodes; i++) {
            order_add(from, node[i], PHYS_ZONE_DMA, &count);
        }
        g_order_count = count;
    }
}

void map_init(const struct boot_info *info)
{
    uint64_t states = 0;

    KASSERT(g_state == NULL);
    g_numa = &info->numa;
    g_nodes = (uint32_t)max_u64(1, min_u64(g_numa->node_count, BOOT_NODES_MAX));
    zones_init();
    spans_read(info);
    for (uint32_t i = 0; i < g_span_count; i++) {
        states += g_span[i].count + 2 * STATES_WORD;
    }
    descriptors_place(states);
    zones_fill();
    order_build();
}
