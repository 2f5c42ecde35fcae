/*
 * search.c - runs of free frames that no single block gives: longer than the largest, too odd for
 * what is left in a fragmented zone, or below an address inside the zone.
 *
 * A walk over a zone's spans, from head to head, under the zone's lock. Every STEPS_LOCKED steps
 * the lock is let go, but only while no run is being gathered: so a run never consists of what was
 * free at different times, and since free neighbours join, a run has few blocks and the lock is
 * held for few steps more.
 */
#include "exo/lib/assert.h"

#include "frames.h"

#define STEPS_LOCKED 2048u

/* The run gathered so far: [from, at) is free. */
struct walk {
    const struct span *span;
    uint64_t from;
    uint64_t at;
};

/* Give the first place in the gathered run that suits, if there is one. */
static bool walk_fits(const struct walk *walk, const struct request *request, uint64_t *frame)
{
    const uint64_t first = align_up(walk->from, request->align);
    const uint64_t end = min_u64(walk->at, request->limit);

    *frame = first;
    return first < end && end - first >= request->count;
}

/* Take blocks apart until [first, first + count) is out of the lists; give back what is over. */
static void run_take_locked(struct zone *zone, const struct walk *walk, uint64_t first,
                            uint64_t count)
{
    uint64_t at = walk->from;

    while (at < first + count) {
        const uint32_t index = index_of(walk->span, at);
        const uint32_t order = state_get(index) & FRAME_ORDER_MASK;
        const uint64_t end = at + (1ull << order);

        if (end > first) {
            zone_block_remove_locked(zone, index, order);
            const uint64_t head = at < first ? first - at : 0;

            states_use(index_of(walk->span, at + head), min_u64(end, first + count) - (at + head));
            if (head > 0) {
                zone_give_run_locked(zone, walk->span, index, head);
            }
            if (end > first + count) {
                zone_give_run_locked(zone, walk->span, index_of(walk->span, first + count),
                                     end - (first + count));
            }
        }
        at = end;
    }
    zone_count_locked(zone, -(int64_t)count);
}

/* Go on by a block or by a frame that is not free; true if the run now suits. */
static bool walk_step_locked(struct walk *walk, const struct request *request, uint64_t *frame)
{
    const uint8_t state = state_get(index_of(walk->span, walk->at));

    if ((state & FRAME_KIND_MASK) == FRAME_HEAD) {
        walk->at += 1ull << (state & FRAME_ORDER_MASK);
        return walk_fits(walk, request, frame);
    }
    walk->at++;
    walk->from = walk->at;
    return false;
}

static bool span_search(struct zone *zone, const struct span *span, const struct request *request,
                        uint64_t *frame)
{
    const uint64_t end = min_u64(span->first + span->count, request->limit);
    struct walk walk = { .span = span, .from = span->first, .at = span->first };
    bool found = false;
    hal_irq_t irq = spin_lock_irq(&zone->lock);

    for (uint32_t steps = 1; walk.at < end && !found; steps++) {
        found = walk_step_locked(&walk, request, frame);
        if (!found && steps >= STEPS_LOCKED && walk.from == walk.at) {
            /* What is at walk.at may be inside a block by then, which reads as not free. */
            spin_unlock_irq(&zone->lock, irq);
            steps = 0;
            irq = spin_lock_irq(&zone->lock);
        }
    }
    if (found) {
        run_take_locked(zone, &walk, *frame, request->count);
    }
    spin_unlock_irq(&zone->lock, irq);
    return found;
}

bool search_alloc(struct zone *zone, const struct request *request, uint64_t *frame)
{
    bool found = false;

    if (zone_free(zone) < request->count) {
        return false;
    }
    for (uint32_t i = 0; i < g_span_count && !found; i++) {
        if (g_span[i].zone == zone && g_span[i].first < request->limit) {
            found = span_search(zone, &g_span[i], request, frame);
        }
    }
    return found;
}
