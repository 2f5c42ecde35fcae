/*
 * cache.c - single frames in the hands of each CPU, so that most allocations meet no other CPU.
 *
 * A cache is an array of words, each a frame or 0. Who takes a frame exchanges its word for 0, who
 * puts one in compares with 0: so whatever interrupts him, whoever else looks into the same cache
 * (a drain, a thread that was moved to another CPU after it had chosen), each frame has one owner,
 * and neither a lock nor interrupts off are needed. `top` says where to begin and may be wrong.
 *
 * Invariants:
 *   (1) a frame in a slot is FRAME_CACHED, of the CPU's own node, of no DMA zone and below 2^32
 *       frames; the one given back last is the first to go out again, while it is warm;
 *   (2) a frame is in at most one slot, and belongs to who takes it out: acquire there pairs with
 *       release of who put it in;
 *   (3) frames in a cache are unaddressable to sanitizers;
 *   (4) slots that `top` leaves out are found by the next refill, overflow or drain.
 * Between a zone and a cache frames are in an array on the stack.
 */
#include "exo/lib/string.h"

#include "frames.h"

#define BATCH       32u
#define BATCH_ORDER 5u

_Static_assert(sizeof(struct frame_cache) == 512, "a power of two");
_Static_assert(BATCH == 1u << BATCH_ORDER && BATCH < CACHE_FRAMES_MAX, "a batch is a block");

static const struct span g_no_span; /* of no frames */

struct frame_cache g_cache[CPUS_MAX] = { [0 ... CPUS_MAX - 1] = { .span = &g_no_span } };

static uint64_t entry_make(uint64_t frame, uint32_t index)
{
    return frame << 32 | index;
}

static void count_one(_Atomic uint64_t *count)
{
    atomic_fetch_add_explicit(count, 1, memory_order_relaxed);
}

/* Take up to a batch out of a zone: a block of that size, or else frame by frame. */
static uint32_t batch_take(struct zone *zone, uint64_t *out)
{
    uint32_t count = 0;
    uint32_t index = 0;

    if (zone->end > UINT32_MAX) {
        return 0; /* no room for such a frame number */
    }
    const hal_irq_t irq = spin_lock_irq(&zone->lock);

    if (zone_free(zone) > zone->mark_min + BATCH) {
        const uint32_t whole = zone_take_locked(zone, BATCH_ORDER, &index) ? BATCH : 0;

        while (count < BATCH && (whole > 0 || zone_take_locked(zone, 0, &index))) {
            const uint32_t at = whole > 0 ? index + count : index;

            state_set(at, (state_get(at) & FRAME_POISONED) | FRAME_CACHED);
            out[count++] = entry_make(frame_of(span_of_index(at), at), at);
        }
        zone_count_locked(zone, -(int64_t)count);
    }
    spin_unlock_irq(&zone->lock, irq);
    return count;
}

/* Give frames back to their zones; neighbours in the array are often of one zone. */
static void batch_give(const uint64_t *entry, uint32_t count)
{
    for (uint32_t i = 0; i < count;) {
        struct zone *const zone = span_of_index(cached_index(entry[i]))->zone;
        const uint32_t first = i;
        const hal_irq_t irq = spin_lock_irq(&zone->lock);

        for (; i < count; i++) {
            const uint32_t index = cached_index(entry[i]);
            const struct span *const span = span_of_index(index);

            if (span->zone != zone) {
                break;
            }
            state_set(index, state_get(index) & FRAME_POISONED);
            zone_give_run_locked(zone, span, index, 1);
        }
        zone_count_locked(zone, (int64_t)(i - first));
        spin_unlock_irq(&zone->lock, irq);
    }
}

/* Take all frames, coldest first. */
static uint32_t slots_empty(struct frame_cache *cache, uint64_t out[static CACHE_FRAMES_MAX])
{
    uint32_t count = 0;

    for (uint32_t at = 0; at < CACHE_FRAMES_MAX; at++) {
        if (atomic_load_explicit(&cache->slot[at], memory_order_relaxed) != 0) {
            out[count] = atomic_exchange_explicit(&cache->slot[at], 0, memory_order_acquire);
            count += out[count] != 0 ? 1 : 0;
        }
    }
    atomic_store_explicit(&cache->top, 0, memory_order_relaxed);
    return count;
}

/* Put frames into empty slots, the last one on top; what finds no room goes to its zone. */
static void slots_fill(struct frame_cache *cache, const uint64_t *entry, uint32_t count)
{
    uint32_t done = 0;
    uint32_t at = 0;

    for (; at < CACHE_FRAMES_MAX && done < count; at++) {
        uint64_t none = 0;

        done += atomic_compare_exchange_strong_explicit(&cache->slot[at], &none, entry[done],
                                                        memory_order_release, memory_order_relaxed)
                    ? 1
                    : 0;
    }
    atomic_store_explicit(&cache->top, at, memory_order_relaxed);
    batch_give(entry + done, count - done);
}

/* Fill the cache from the CPU's own node and keep one frame for the caller. */
static uint64_t refill(struct frame_cache *cache, uint32_t node)
{
    uint64_t batch[BATCH];
    uint64_t upwards[BATCH];
    uint32_t count = batch_take(&g_zone[node * PHYS_ZONE_KINDS + PHYS_ZONE_NORMAL], batch);

    if (count == 0) {
        count = batch_take(&g_zone[node * PHYS_ZONE_KINDS + PHYS_ZONE_DMA32], batch);
    }
    if (count == 0) {
        return 0;
    }
    /* Lowest address on top, so that frames go out upwards. */
    for (uint32_t i = 1; i < count; i++) {
        upwards[i - 1] = batch[count - i];
    }
    slots_fill(cache, upwards, count - 1);
    count_one(&cache->refills);
    return batch[0];
}

uint64_t cache_take(uint32_t cpu)
{
    struct frame_cache *const cache = &g_cache[cpu];

    while (atomic_load_explicit(&cache->top, memory_order_relaxed) > 0) {
        const uint64_t entry = cache_pop(cache);

        if (entry != 0) {
            return entry;
        }
    }
    return refill(cache, phys_node_of_cpu(cpu));
}

bool cache_takes(uint32_t cpu, const struct span *span)
{
    return span->zone->kind != PHYS_ZONE_DMA && span->zone->node == phys_node_of_cpu(cpu) &&
           span->zone->end <= UINT32_MAX;
}

/* Make order, give all but a batch of the warmest to their zones. */
void cache_overflow(struct frame_cache *cache, uint64_t entry)
{
    uint64_t all[CACHE_FRAMES_MAX + 1];
    uint32_t count = slots_empty(cache, all);

    all[count++] = entry;
    const uint32_t cold = count > BATCH ? count - BATCH : 0;

    slots_fill(cache, all + cold, count - cold);
    if (cold > 0) {
        batch_give(all, cold);
        count_one(&cache->drains);
    }
}

void phys_drain(void)
{
    uint64_t all[CACHE_FRAMES_MAX];

    for (uint32_t cpu = 0; cpu < CPUS_MAX; cpu++) {
        const uint32_t count = slots_empty(&g_cache[cpu], all);

        if (count > 0) {
            batch_give(all, count);
            count_one(&g_cache[cpu].drains);
        }
    }
}

uint64_t cache_frames(void)
{
    uint64_t frames = 0;

    for (uint32_t cpu = 0; cpu < CPUS_MAX; cpu++) {
        for (uint32_t at = 0; at < CACHE_FRAMES_MAX; at++) {
            const _Atomic uint64_t *const slot = &g_cache[cpu].slot[at];

            frames += atomic_load_explicit(slot, memory_order_relaxed) != 0 ? 1 : 0;
        }
    }
    return frames;
}

void cache_stats(struct phys_cache_stats *out)
{
    out->frames = cache_frames();
    for (uint32_t cpu = 0; cpu < CPUS_MAX; cpu++) {
        out->refills += atomic_load_explicit(&g_cache[cpu].refills, memory_order_relaxed);
        out->drains += atomic_load_explicit(&g_cache[cpu].drains, memory_order_relaxed);
    }
}
