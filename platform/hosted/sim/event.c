/*
 * event.c - the queue of what will happen: a binary heap ordered by (time, sequence).
 *
 * Invariants:
 *   (1) g_heap[i].time and sequence are not below those of its parent, g_heap[(i - 1) / 2];
 *   (2) g_heap[i]->place == i + 1, and events outside the heap have place 0;
 *   (3) sequence numbers are given when an event is set and never twice, so the order is total.
 */
#include "sim.h"

#define EVENTS_MAX 1024u /* two of each CPU; the rest is for devices */

static struct sim_event *g_heap[EVENTS_MAX];
static uint32_t g_count;
static uint64_t g_sequence;

static bool before(const struct sim_event *a, const struct sim_event *b)
{
    return a->time_ns != b->time_ns ? a->time_ns < b->time_ns : a->sequence < b->sequence;
}

static void put(struct sim_event *event, uint32_t index)
{
    g_heap[index] = event;
    event->place = index + 1;
}

/* Move the event that belongs at or above `index` up to its place. */
static void rise(struct sim_event *event, uint32_t index)
{
    while (index > 0 && before(event, g_heap[(index - 1) / 2])) {
        put(g_heap[(index - 1) / 2], index);
        index = (index - 1) / 2;
    }
    put(event, index);
}

/* Move the event that belongs at or below `index` down to its place. */
static void sink(struct sim_event *event, uint32_t index)
{
    for (;;) {
        uint32_t child = index * 2 + 1;

        if (child + 1 < g_count && before(g_heap[child + 1], g_heap[child])) {
            child++;
        }
        if (child >= g_count || !before(g_heap[child], event)) {
            break;
        }
        put(g_heap[child], index);
        index = child;
    }
    put(event, index);
}

void sim_event_cancel(struct sim_event *event)
{
    if (event->place == 0) {
        return;
    }
    const uint32_t index = event->place - 1;
    struct sim_event *const last = g_heap[--g_count];

    event->place = 0;
    if (last != event) {
        if (index > 0 && before(last, g_heap[(index - 1) / 2])) {
            rise(last, index);
        } else {
            sink(last, index);
        }
    }
}

void sim_event_set(struct sim_event *event, uint64_t time_ns)
{
    sim_event_cancel(event);
    if (g_count == EVENTS_MAX) {
        host_fail("more than %u events at once", EVENTS_MAX);
    }
    event->time_ns = time_ns;
    event->sequence = ++g_sequence;
    rise(event, g_count++);
}

uint64_t sim_event_next_ns(void)
{
    return g_count == 0 ? UINT64_MAX : g_heap[0]->time_ns;
}

void sim_events_run(uint64_t now_ns)
{
    while (g_count > 0 && g_heap[0]->time_ns <= now_ns) {
        struct sim_event *const event = g_heap[0];

        sim_event_cancel(event);
        event->fire(event);
    }
}
