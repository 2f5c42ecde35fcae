/*
 * reclaim.c - who can give frames back, and when they are asked.
 *
 * Invariant (1): the list of hooks changes, and hooks run, only under g_busy; so a hook that
 * allocates does not start another round, and a removed hook runs no more.
 */
#include "exo/lib/assert.h"
#include "exo/sync/preempt.h"

#include "frames.h"

#define BUSY_WAIT_NS 1000000u

static struct list_node g_hooks = LIST_INIT(g_hooks); /* guarded by g_busy */
static _Atomic bool g_busy;
static _Atomic uint32_t g_hook_count;
static _Atomic uint64_t g_rounds;
static _Atomic uint64_t g_reclaimed;

static bool busy_try(void)
{
    return !atomic_exchange_explicit(&g_busy, true, memory_order_acquire);
}

static void busy_end(void)
{
    atomic_store_explicit(&g_busy, false, memory_order_release);
}

static void busy_begin(void)
{
    assert_may_block("phys_reclaim");
    while (!busy_try()) {
        sync_sleep_ns(BUSY_WAIT_NS);
    }
}

void phys_reclaim_add(struct phys_reclaim *hook)
{
    KASSERT(hook->reclaim != NULL);
    busy_begin();
    list_add_tail(&g_hooks, &hook->node);
    atomic_fetch_add_explicit(&g_hook_count, 1, memory_order_relaxed);
    busy_end();
}

void phys_reclaim_remove(struct phys_reclaim *hook)
{
    busy_begin();
    list_remove(&hook->node);
    atomic_fetch_sub_explicit(&g_hook_count, 1, memory_order_relaxed);
    busy_end();
}

bool reclaim_run(uint64_t frames_wanted)
{
    uint64_t got = 0;

    if (atomic_load_explicit(&g_hook_count, memory_order_relaxed) == 0 || preempt_count() != 0 ||
        !hal_irq_enabled() || !busy_try()) {
        return false;
    }
    LIST_FOR_EACH(node, &g_hooks)
    {
        struct phys_reclaim *const hook = container_of(node, struct phys_reclaim, node);

        if (got < frames_wanted) {
            got += hook->reclaim(hook, frames_wanted - got);
        }
    }
    atomic_fetch_add_explicit(&g_rounds, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&g_reclaimed, got, memory_order_relaxed);
    busy_end();
    return got > 0;
}

void reclaim_stats(struct phys_cache_stats *out)
{
    out->reclaims = atomic_load_explicit(&g_rounds, memory_order_relaxed);
    out->reclaimed = atomic_load_explicit(&g_reclaimed, memory_order_relaxed);
}
