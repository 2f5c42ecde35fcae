/*
 * cache.c - single frames in the hands of each CPU, so that most allocations meet no other CPU.
 *
 * Invariants while cache->lock is free:
 *   (1) frame[0..count) are FRAME_CACHED, of the CPU's own node and of no DMA zone; the one given
 *       back last is the first to go out again, while it is warm;
 *   (2) frames in a cache are unaddressable to sanitizers.
 * A cache has a lock because others drain it; its own CPU finds it free and in its own cache. Who
 * is moved to another CPU after he chose a cache uses that one, which is right as well. Between a
 * zone and a cache frames are in an array on the stack: no two locks are held at once.
 */
#include "exo/lib/string.h"

#include "frames.h"

#define CACHE_MAX   64u
#define BATCH       32u
#define BATCH_ORDER 5u

struct cached {
    uint64_t frame;
    uint32_t index;
};

struct EXO_ALIGNED(CACHE_LINE) cache { /* keys: [t] lock */
    struct spinlock lock;
    _Atomic uint32_t count;         /* [t] read by anybody */
    uint64_t refills;               /* [t] */
    uint64_t drains;                /* [t] */
    struct cached frame[CACHE_MAX]; /* [t] */
};

static struct cache g_cache[CPUS_MAX] = { [0 ... CPUS_MAX - 1] = { .lock =
                                                                       SPINLOCK_INIT(RANK_PHYS) } };

static uint32_t count_get(const struct cache *cache)
{
    return atomic_load_explicit(&cache->count, memory_order_relaxed);
}

static void count_set(struct cache *cache, uint32_t count)
{
    atomic_store_explicit(&cache->count, count, memory_order_relaxed);
}

/* Take up to a batch out of a zone: a block of that size, or else frame by frame. */
static uint32_t batch_take(struct zone *zone, struct cached *out)
{
    uint32_t count = 0;
    uint32_t index = 0;
    const hal_irq_t irq = spin_lock_irq(&zone->lock);

    if (zone_free(zone) > zone->mark_min + BATCH) {
        const uint32_t whole = zone_take_locked(zone, BATCH_ORDER, &index) ? BATCH : 0;

        while (count < BATCH && (whole > 0 || zone_take_locked(zone, 0, &index))) {
            const uint32_t at = whole > 0 ? index + count : index;

            state_set(at, (state_get(at) & FRAME_POISONED) | FRAME_CACHED);
            out[count++] = (struct cached){ .frame = frame_of(span_of_index(at), at), .index = at };
        }
        zone_count_locked(zone, -(int64_t)count);
    }
    spin_unlock_irq(&zone->lock, irq);
    return count;
}

/* Give frames back to their zones; neighbours in the array are often of one zone. */
static void batch_give(const struct cached *frames, uint32_t count)
{
    for (uint32_t i = 0; i < count;) {
        const uint32_t zone_index = span_of(frames[i].frame)->zone;
        struct zone *const zone = &g_zone[zone_index];
        const uint32_t first = i;
        const hal_irq_t irq = spin_lock_irq(&zone->lock);

        for (; i < count; i++) {
            const struct span *const span = span_of(frames[i].frame);

            if (span->zone != zone_index) {
                break;
            }
            state_set(frames[i].index, state_get(frames[i].index) & FRAME_POISONED);
            zone_give_run_locked(zone, span, frames[i].index, 1);
        }
        zone_count_locked(zone, (int64_t)(i - first));
        spin_unlock_irq(&zone->lock, irq);
    }
}

/* Move the `wanted` coldest frames out of a cache. */
static uint32_t take_coldest_locked(struct cache *cache, uint32_t wanted, struct cached *out)
{
    const uint32_t have = count_get(cache);
    const uint32_t count = (uint32_t)min_u64(have, wanted);

    spin_assert_held(&cache->lock);
    memcpy(out, cache->frame, count * sizeof(*out));
    memmove(cache->frame, cache->frame + count, (have - count) * sizeof(*out));
    count_set(cache, have - count);
    cache->drains += count > 0;
    return count;
}

/* Fill the cache from the CPU's own node and keep one frame for the caller. */
static bool refill(struct cache *cache, uint32_t node, struct cached *one)
{
    struct cached batch[BATCH];
    struct cached surplus[BATCH];
    uint32_t count = batch_take(&g_zone[node * PHYS_ZONE_KINDS + PHYS_ZONE_NORMAL], batch);
    uint32_t left = 0;

    if (count == 0) {
        count = batch_take(&g_zone[node * PHYS_ZONE_KINDS + PHYS_ZONE_DMA32], batch);
    }
    if (count == 0) {
        return false;
    }
    *one = batch[--count];
    const hal_irq_t irq = spin_lock_irq(&cache->lock);

    if (count_get(cache) + count > CACHE_MAX) {
        left = take_coldest_locked(cache, count, surplus); /* others filled it meanwhile */
    }
    /* Lowest address on top, so that frames go out upwards. */
    for (uint32_t at = count_get(cache); count > 0; at++) {
        cache->frame[at] = batch[--count];
        count_set(cache, at + 1);
    }
    cache->refills++;
    spin_unlock_irq(&cache->lock, irq);
    batch_give(surplus, left);
    return true;
}

bool cache_alloc(uint64_t *frame, uint32_t *index)
{
    const uint32_t cpu = hal_cpu_id();
    struct cache *const cache = &g_cache[cpu];
    struct cached one = { .index = INDEX_NONE };
    const hal_irq_t irq = spin_lock_irq(&cache->lock);
    const uint32_t count = count_get(cache);

    if (EXO_LIKELY(count > 0)) {
        one = cache->frame[count - 1];
        count_set(cache, count - 1);
    }
    spin_unlock_irq(&cache->lock, irq);
    if (EXO_UNLIKELY(count == 0) && !refill(cache, map_cpu_node(cpu), &one)) {
        return false;
    }
    state_set(one.index, (state_get(one.index) & FRAME_POISONED) | FRAME_USED);
    *frame = one.frame;
    *index = one.index;
    return true;
}

bool cache_free(const struct span *span, uint64_t frame, unsigned flags)
{
    const uint32_t cpu = hal_cpu_id();
    struct cache *const cache = &g_cache[cpu];
    const struct zone *const zone = &g_zone[span->zone];
    struct cached cold[BATCH];
    uint32_t cold_count = 0;

    if (zone->kind == PHYS_ZONE_DMA || zone->node != map_cpu_node(cpu) ||
        zone_free(zone) <= zone->mark_min) {
        return false;
    }
    const struct cached one = { .frame = frame, .index = index_of(span, frame) };

    state_set(one.index, FRAME_CACHED | flags);
    const hal_irq_t irq = spin_lock_irq(&cache->lock);

    if (EXO_UNLIKELY(count_get(cache) == CACHE_MAX)) {
        cold_count = take_coldest_locked(cache, BATCH, cold);
    }
    const uint32_t count = count_get(cache);

    cache->frame[count] = one;
    count_set(cache, count + 1);
    spin_unlock_irq(&cache->lock, irq);
    if (EXO_UNLIKELY(cold_count > 0)) {
        batch_give(cold, cold_count);
    }
    return true;
}

void phys_drain(void)
{
    struct cached batch[CACHE_MAX];

    for (uint32_t cpu = 0; cpu < CPUS_MAX; cpu++) {
        struct cache *const cache = &g_cache[cpu];

        if (count_get(cache) == 0) {
            continue;
        }
        const hal_irq_t irq = spin_lock_irq(&cache->lock);
        const uint32_t count = take_coldest_locked(cache, CACHE_MAX, batch);

        spin_unlock_irq(&cache->lock, irq);
        batch_give(batch, count);
    }
}

uint64_t cache_frames(void)
{
    uint64_t frames = 0;

    for (uint32_t cpu = 0; cpu < CPUS_MAX; cpu++) {
        frames += count_get(&g_cache[cpu]);
    }
    return frames;
}

void cache_stats(struct phys_cache_stats *out)
{
    for (uint32_t cpu = 0; cpu < CPUS_MAX; cpu++) {
        struct cache *const cache = &g_cache[cpu];
        const hal_irq_t irq = spin_lock_irq(&cache->lock);

        out->frames += count_get(cache);
        out->refills += cache->refills;
        out->drains += cache->drains;
        spin_unlock_irq(&cache->lock, irq);
    }
}
