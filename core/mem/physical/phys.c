/*
 * phys.c - allocating and freeing frames: what callers see, over zones, caches and marks.
 *
 * An allocation tries, until one step has the frames: the CPU's cache (single frames), a block of
 * each zone in the order of map_order(), the same again after the caches were drained, a search for
 * a run that is no block, and all that once more if reclaim hooks gave something back.
 *
 * Invariants:
 *   (1) frames are marked freed (poison, sanitizers) before anybody else can have them, and marked
 *       allocated only after nobody else can;
 *   (2) who frees a frame first makes its state change from FRAME_USED by compare-and-exchange: of
 *       two who free one at the same time, the second panics.
 */
#include "exo/mem/phys.h"

#include "exo/debug/fault.h"
#include "exo/debug/log.h"
#include "exo/debug/trace.h"
#include "exo/lib/assert.h"
#include "exo/lib/string.h"

#include "frames.h"

#define CALLER ((uintptr_t)__builtin_return_address(0))

static _Atomic uint32_t g_fail_after; /* 0: armed to nothing */

void phys_init(const struct boot_info *info)
{
    struct phys_stats stats;

    map_init(info);
    phys_stats(&stats);
    klog(KLOG_INFO, "phys", "memory pieces=%u nodes=%u frames=%lu", g_span_count, phys_node_count(),
         stats.frames_total);
}

/* A frame out of a cache becomes the caller's. */
static inline void cached_use(uint64_t entry, uintptr_t caller)
{
    const uint32_t index = cached_index(entry);
    const unsigned poisoned = EXO_CONFIG_DEBUG ? state_get(index) & FRAME_POISONED : 0;

    state_set(index, FRAME_USED | poisoned);
    mark_allocated(cached_frame(entry), index, 1, caller);
}

static bool should_fail(void)
{
    uint32_t left = atomic_load_explicit(&g_fail_after, memory_order_relaxed);

    while (EXO_UNLIKELY(left != 0)) {
        if (atomic_compare_exchange_weak_explicit(&g_fail_after, &left, left - 1,
                                                  memory_order_relaxed, memory_order_relaxed)) {
            return left == 1;
        }
    }
    return EXO_FAULT(phys_alloc);
}

/* Try the zones in turn for a block; zones that reach over the limit are the search's business. */
static bool blocks_try(const struct request *request, uint64_t *frame)
{
    uint32_t count = 0;
    const uint8_t *const order = map_order(request->node, &count);

    for (uint32_t i = 0; i < count; i++) {
        struct zone *const zone = &g_zone[order[i]];

        if (zone->end <= request->limit && zone_alloc(zone, request, frame)) {
            return true;
        }
    }
    return false;
}

static bool runs_try(const struct request *request, uint64_t *frame)
{
    uint32_t count = 0;
    const uint8_t *const order = map_order(request->node, &count);

    if (request->count == 1 && request->align == 1 && request->limit == UINT64_MAX) {
        return false; /* any free frame would have been a block */
    }
    for (uint32_t i = 0; i < count; i++) {
        if (search_alloc(&g_zone[order[i]], request, frame)) {
            return true;
        }
    }
    return false;
}

static bool attempt(const struct request *request, uint64_t *frame)
{
    if (blocks_try(request, frame)) {
        return true;
    }
    phys_drain();
    return blocks_try(request, frame) || runs_try(request, frame);
}

/* How much is missing to the high marks, together. */
static uint64_t frames_wanted(void)
{
    const uint64_t high = 2 * zones_low_mark();
    const uint64_t have = zones_free();

    return have < high ? high - have : 0;
}

static exo_status_t alloc_from_zones(const struct request *request, uint64_t *frame)
{
    if (!attempt(request, frame) &&
        !(reclaim_run(frames_wanted() + request->count) && attempt(request, frame))) {
        return EXO_ERR_NO_MEMORY;
    }
    return EXO_OK;
}

static exo_status_t alloc(const struct request *request, paddr_t *out)
{
    uint64_t frame = 0;
    uint64_t entry = 0;
    struct request from = *request;

    if (should_fail()) {
        return EXO_ERR_NO_MEMORY;
    }
    if (request->count == 1 && request->align == 1 && request->limit == UINT64_MAX &&
        request->node == PHYS_NODE_ANY) {
        entry = cache_take(hal_cpu_id());
    }
    if (entry != 0) {
        frame = cached_frame(entry);
        cached_use(entry, request->caller);
    } else {
        from.node = from.node == PHYS_NODE_ANY ? phys_node_of_cpu(hal_cpu_id()) : from.node;
        const exo_status_t status = alloc_from_zones(&from, &frame);

        if (status != EXO_OK) {
            return status;
        }
        mark_allocated(frame, index_of(span_of(frame), frame), request->count, request->caller);
    }
    if (EXO_UNLIKELY(zones_free() < zones_low_mark())) {
        (void)reclaim_run(frames_wanted());
    }
    *out = frame << PAGE_SHIFT;
    trace_event(TRACE_FRAME_ALLOC, *out, request->count);
    return EXO_OK;
}

static bool is_power_of_two(uint64_t value)
{
    return value != 0 && (value & (value - 1)) == 0;
}

static EXO_NOINLINE exo_status_t alloc_run(size_t frame_count, size_t align_frames,
                                           uintptr_t caller, paddr_t *out)
{
    const struct request request = { .count = frame_count,
                                     .align = align_frames,
                                     .limit = UINT64_MAX,
                                     .node = PHYS_NODE_ANY,
                                     .caller = caller };

    if (frame_count == 0 || !is_power_of_two(align_frames)) {
        return EXO_ERR_INVALID;
    }
    return alloc(&request, out);
}

/* Some thirty instructions if the CPU's cache has a frame. */
exo_status_t phys_alloc(size_t frame_count, size_t align_frames, paddr_t *out)
{
    if (EXO_LIKELY(frame_count == 1 && align_frames == 1 &&
                   atomic_load_explicit(&g_fail_after, memory_order_relaxed) == 0 &&
                   !trace_is_on(TRACE_FRAME_ALLOC))) {
        const uint64_t entry = cache_pop(cache_mine());

        if (EXO_LIKELY(entry != 0)) {
            cached_use(entry, CALLER);
            *out = cached_frame(entry) << PAGE_SHIFT;
            return EXO_OK;
        }
    }
    return alloc_run(frame_count, align_frames, CALLER, out);
}

exo_status_t phys_alloc_zeroed(paddr_t *out)
{
    const struct request request = {
        .count = 1, .align = 1, .limit = UINT64_MAX, .node = PHYS_NODE_ANY, .caller = CALLER
    };
    paddr_t frame = 0;
    const exo_status_t status = alloc(&request, &frame);

    if (status != EXO_OK) {
        return status;
    }
    memset(hal_phys_to_virt(frame), 0, PAGE_SIZE);
    *out = frame;
    return EXO_OK;
}

exo_status_t phys_alloc_spec(const struct phys_spec *spec, paddr_t *out)
{
    const uint64_t boundary = spec->boundary_bytes >> PAGE_SHIFT;
    struct request request = { .count = spec->frame_count,
                               .align = spec->align_frames == 0 ? 1 : spec->align_frames,
                               .limit = spec->limit == 0 ? UINT64_MAX : spec->limit >> PAGE_SHIFT,
                               .node = spec->node,
                               .caller = CALLER };

    if (request.count == 0 || !is_power_of_two(request.align) ||
        (spec->node != PHYS_NODE_ANY && spec->node >= phys_node_count())) {
        return EXO_ERR_INVALID;
    }
    if (spec->boundary_bytes != 0) {
        if (!is_power_of_two(spec->boundary_bytes) || request.count > boundary) {
            return EXO_ERR_INVALID;
        }
        /* A run aligned to its own length, rounded up, crosses no such boundary. */
        while (request.align < request.count) {
            request.align *= 2;
        }
    }
    return alloc(&request, out);
}

/* Claim STATES_WORD frames at once; false leaves all as they were. */
static bool word_claim(states_t *word)
{
    uint64_t used = STATES_ALL(FRAME_USED);

    return __atomic_compare_exchange_n(word, &used, STATES_ALL(FRAME_CLAIMED), false,
                                       __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

/* Claim frames one after the other, up to the first that is not used; returns how many. */
static uint64_t run_claim(uint32_t index, uint64_t count)
{
    uint64_t done = 0;

    for (; done < count && (index + done) % STATES_WORD != 0; done++) {
        if (!frame_claim(index + (uint32_t)done)) {
            return done;
        }
    }
    states_t *word = states_word(index + (uint32_t)done);

    for (; count - done >= STATES_WORD && word_claim(word); word++) {
        done += STATES_WORD;
    }
    while (done < count && frame_claim(index + (uint32_t)done)) {
        done++;
    }
    return done;
}

static EXO_NOINLINE void free_run(paddr_t base, uint64_t count, uintptr_t caller)
{
    const uint32_t cpu = hal_cpu_id();
    const uint64_t first = base >> PAGE_SHIFT;
    const struct span *const span = span_of(first);

    KASSERT(base % PAGE_SIZE == 0);
    KASSERT(count > 0);
    if (span == NULL) {
        mark_bad_free(first, count, caller);
    }
    const uint64_t there = min_u64(count, span->count - (first - span->first));
    const uint32_t index = index_of(span, first);
    const uint64_t claimed = run_claim(index, there);

    if (EXO_UNLIKELY(claimed != count)) {
        states_use(index, claimed); /* as they were */
        mark_bad_free(first + claimed, count, caller);
    }
    trace_event(TRACE_FRAME_FREE, base, count);
    const unsigned flags = mark_freed(first, index, count, caller);

    if (count == 1 && cache_takes(cpu, span) && cache_wants(span)) {
        state_set(index, FRAME_CACHED | flags);
        if (!cache_push(&g_cache[cpu], first << 32 | index)) {
            cache_overflow(&g_cache[cpu], first << 32 | index);
        }
        atomic_store_explicit(&g_cache[cpu].span, span, memory_order_relaxed);
    } else {
        zone_free_run(span, index, count, flags);
    }
}

/* Some forty instructions if the frame is of the span of the last one that this CPU freed; a frame
 * that cannot be claimed is free_run()'s to complain about. */
void phys_free(paddr_t base, size_t frame_count)
{
    const uint64_t frame = base >> PAGE_SHIFT;
    struct frame_cache *const cache = cache_mine();
    const struct span *const span = atomic_load_explicit(&cache->span, memory_order_relaxed);

    if (EXO_LIKELY(frame_count == 1 && base % PAGE_SIZE == 0 && frame - span->first < span->count &&
                   cache_wants(span) && !trace_is_on(TRACE_FRAME_FREE))) {
        const uint32_t index = index_of(span, frame);

        if (EXO_LIKELY(frame_claim(index))) {
            const unsigned flags = mark_freed(frame, index, 1, CALLER);

            if (EXO_CONFIG_DEBUG) {
                state_set(index, FRAME_CACHED | flags);
            }
            if (EXO_UNLIKELY(!cache_push(cache, frame << 32 | index))) {
                cache_overflow(cache, frame << 32 | index);
            }
            return;
        }
    }
    free_run(base, frame_count, CALLER);
}

void phys_stats(struct phys_stats *out)
{
    uint64_t total = 0;

    for (uint32_t i = 0; i < PHYS_ZONES_MAX; i++) {
        total += g_zone[i].frames_total;
    }
    *out = (struct phys_stats){ .frames_total = total,
                                .frames_free = zones_free() + cache_frames(),
                                .frames_low_water = zones_low_water() };
}

void phys_cache_stats(struct phys_cache_stats *out)
{
    *out = (struct phys_cache_stats){ 0 };
    cache_stats(out);
    reclaim_stats(out);
}

bool phys_zone_stats(uint32_t index, struct phys_zone_stats *out)
{
    uint32_t at = 0;

    for (; at < PHYS_ZONES_MAX; at++) {
        if (g_zone[at].frames_total > 0 && index-- == 0) {
            break;
        }
    }
    if (at == PHYS_ZONES_MAX) {
        return false;
    }
    struct zone *const zone = &g_zone[at];
    const hal_irq_t irq = spin_lock_irq(&zone->lock);

    *out = (struct phys_zone_stats){ .node = zone->node,
                                     .kind = zone->kind,
                                     .frames_total = zone->frames_total,
                                     .frames_free = zone_free(zone),
                                     .mark_min = zone->mark_min,
                                     .mark_low = zone->mark_low,
                                     .mark_high = zone->mark_high };
    memcpy(out->blocks, zone->blocks, sizeof(out->blocks));
    spin_unlock_irq(&zone->lock, irq);
    return true;
}

uint32_t phys_test_fail_after(uint32_t n)
{
    return atomic_exchange_explicit(&g_fail_after, n, memory_order_relaxed);
}
