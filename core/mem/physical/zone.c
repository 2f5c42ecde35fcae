/*
 * zone.c - the buddy system of one zone.
 *
 * Invariants while zone->lock is free:
 *   (1) each free frame that is in no cache belongs to exactly one free block of 2^k frames, whose
 *       first frame number is a multiple of 2^k and which lies in one span;
 *   (2) a block's head has the state FRAME_HEAD + k and is linked at head[k]; bit k of `orders` is
 *       set while that list is not empty;
 *   (3) two free buddies of one order below the highest, both in one span, do not exist;
 *   (4) frames in zones are unaddressable to sanitizers (hal_mem_freed).
 * That the buddy of a block is a block's head or in use follows from (1) and from halving: so
 * states and links of frames inside blocks are never looked at.
 */
#include "exo/lib/assert.h"
#include "exo/lib/string.h"

#include "frames.h"

static _Atomic uint64_t g_free;      /* frames in all zones */
static _Atomic uint64_t g_low_water; /* smallest value of g_free so far */
static _Atomic uint64_t g_low_mark;  /* all zones' low marks together */

uint64_t zones_free(void)
{
    return atomic_load_explicit(&g_free, memory_order_relaxed);
}

uint64_t zones_low_water(void)
{
    return atomic_load_explicit(&g_low_water, memory_order_relaxed);
}

void zone_count_locked(struct zone *zone, int64_t delta)
{
    const uint64_t change = (uint64_t)delta; /* modulo 2^64, so that one addition serves both */

    spin_assert_held(&zone->lock);
    atomic_store_explicit(&zone->frames_free, zone_free(zone) + change, memory_order_relaxed);
    const uint64_t now = atomic_fetch_add_explicit(&g_free, change, memory_order_relaxed) + change;
    uint64_t low = zones_low_water();

    while (delta < 0 && now < low &&
           !atomic_compare_exchange_weak_explicit(&g_low_water, &low, now, memory_order_relaxed,
                                                  memory_order_relaxed)) {
    }
}

static void block_insert_locked(struct zone *zone, uint32_t index, uint32_t order)
{
    const uint32_t next = zone->head[order];

    g_link[index] = (struct frame_link){ .next = next, .prev = INDEX_NONE };
    if (next != INDEX_NONE) {
        g_link[next].prev = index;
    }
    zone->head[order] = index;
    zone->orders |= 1u << order;
    zone->blocks[order]++;
    state_set(index, (state_get(index) & FRAME_POISONED) | FRAME_HEAD | order);
}

void zone_block_remove_locked(struct zone *zone, uint32_t index, uint32_t order)
{
    const struct frame_link link = g_link[index];

    KASSERT((state_get(index) & ~FRAME_POISONED) == (FRAME_HEAD | order));
    if (link.next != INDEX_NONE) {
        g_link[link.next].prev = link.prev;
    }
    if (link.prev != INDEX_NONE) {
        g_link[link.prev].next = link.next;
    } else {
        zone->head[order] = link.next;
        if (link.next == INDEX_NONE) {
            zone->orders &= ~(1u << order);
        }
    }
    zone->blocks[order]--;
    state_set(index, state_get(index) & FRAME_POISONED);
}

/* Take a block of 2^order frames, halving a larger one if need be. */
bool zone_take_locked(struct zone *zone, uint32_t order, uint32_t *index)
{
    const uint32_t fitting = zone->orders >> order;

    spin_assert_held(&zone->lock);
    if (fitting == 0) {
        return false;
    }
    uint32_t have = order + (uint32_t)__builtin_ctz(fitting);

    *index = zone->head[have];
    zone_block_remove_locked(zone, *index, have);
    while (have > order) {
        have--;
        block_insert_locked(zone, *index + (1u << have), have);
    }
    return true;
}

/* Give back an aligned block, joining it with its buddy as long as that is free. */
static void block_give_locked(struct zone *zone, const struct span *span, uint32_t index,
                              uint32_t order)
{
    while (order < PHYS_ORDER_MAX) {
        const uint64_t offset = (frame_of(span, index) ^ (1ull << order)) - span->first;

        /* A buddy below the span's first frame wraps round and is beyond its count too. */
        if (offset >= span->count || span->count - offset < 1ull << order) {
            break;
        }
        const uint32_t buddy = span->index + (uint32_t)offset;

        if ((state_get(buddy) & ~FRAME_POISONED) != (FRAME_HEAD | order)) {
            break;
        }
        zone_block_remove_locked(zone, buddy, order);
        index = index < buddy ? index : buddy;
        order++;
    }
    block_insert_locked(zone, index, order);
}

/* Give back any run of one span, whose states are FRAME_FREE, in the largest aligned blocks. The
 * caller counts. */
void zone_give_run_locked(struct zone *zone, const struct span *span, uint32_t index,
                          uint64_t count)
{
    spin_assert_held(&zone->lock);
    while (count > 0) {
        const uint32_t aligned = (uint32_t)__builtin_ctzll(frame_of(span, index));
        const uint32_t fits = 63u - (uint32_t)__builtin_clzll(count);
        const uint32_t order = (uint32_t)min_u64(min_u64(aligned, fits), PHYS_ORDER_MAX);

        block_give_locked(zone, span, index, order);
        index += 1u << order;
        count -= 1ull << order;
    }
}

/* Atomic stores, because who frees a frame that is not his looks at its state meanwhile. */
static void states_fill(uint32_t index, uint64_t count, unsigned state)
{
    for (; count > 0 && index % STATES_WORD != 0; index++, count--) {
        state_set(index, state);
    }
    states_t *word = states_word(index);

    for (; count >= STATES_WORD; word++, index += STATES_WORD, count -= STATES_WORD) {
        __atomic_store_n(word, STATES_ALL(state), __ATOMIC_RELAXED);
    }
    for (; count > 0; index++, count--) {
        state_set(index, state);
    }
}

/* Mark a run as used; whether its frames are poisoned stays for mark_allocated() to see. The caller
 * has the frames for himself, or holds the zone's lock. */
void states_use(uint32_t index, uint64_t count)
{
    if (!EXO_CONFIG_DEBUG) {
        states_fill(index, count, FRAME_USED);
        return;
    }
    for (uint64_t i = 0; i < count; i++, index++) {
        state_set(index, (state_get(index) & FRAME_POISONED) | FRAME_USED);
    }
}

static uint32_t order_for(const struct request *request)
{
    const uint64_t frames = max_u64(request->count, request->align);

    return frames == 1 ? 0 : 64u - (uint32_t)__builtin_clzll(frames - 1);
}

bool zone_alloc(struct zone *zone, const struct request *request, uint64_t *frame)
{
    const uint32_t order = order_for(request);
    const uint64_t count = request->count;
    uint32_t index = 0;

    if (order > PHYS_ORDER_MAX || zone_free(zone) < count) {
        return false;
    }
    const hal_irq_t irq = spin_lock_irq(&zone->lock);
    const bool taken = zone_take_locked(zone, order, &index);

    if (taken) {
        const struct span *const span = span_of_index(index);

        states_use(index, count);
        zone_count_locked(zone, -(int64_t)count);
        if (count < 1ull << order) {
            zone_give_run_locked(zone, span, index + (uint32_t)count, (1ull << order) - count);
        }
        *frame = frame_of(span, index);
    }
    spin_unlock_irq(&zone->lock, irq);
    return taken;
}

void zone_free_run(const struct span *span, uint32_t index, uint64_t count, unsigned flags)
{
    struct zone *const zone = span->zone;
    const hal_irq_t irq = spin_lock_irq(&zone->lock);

    states_fill(index, count, FRAME_FREE | flags);
    zone_give_run_locked(zone, span, index, count);
    zone_count_locked(zone, (int64_t)count);
    spin_unlock_irq(&zone->lock, irq);
}

uint64_t zones_low_mark(void)
{
    return atomic_load_explicit(&g_low_mark, memory_order_relaxed);
}

/* The marks are known and all is free. */
void zones_start(void)
{
    uint64_t low_mark = 0;

    for (uint32_t i = 0; i < PHYS_ZONES_MAX; i++) {
        low_mark += g_zone[i].mark_low;
    }
    atomic_store_explicit(&g_low_mark, low_mark, memory_order_relaxed);
    atomic_store_explicit(&g_low_water, zones_free(), memory_order_relaxed);
}
