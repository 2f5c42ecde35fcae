/*
 * core/sync/epoch.c - quiescent states counted by one global epoch.
 *
 * g_epoch only grows. seen[cpu] is the epoch that the CPU had read when it was last quiescent, or
 * SEEN_REST while it stays quiescent by itself (idle, user mode, not yet online). A grace period
 * begins by making the epoch E; it has passed when every CPU's `seen` is at least E or SEEN_REST.
 *
 * Invariants:
 *   (1) seen[cpu] is changed by its own CPU only, with interrupts off, in no section;
 *   (2) a deferred node is called only after a grace period that began after the node was handed
 *       over;
 *   (3) a CPU leaves its rest, and a grace period finds it at rest, by read-modify-writes of the
 *       same word, so that one of them sees the other: docs/memory-order.md, "epoch".
 */
#include "exo/sync/epoch.h"

#include <stdatomic.h>

#include "exo/lib/assert.h"
#include "exo/sync/spinlock.h"

#define SEEN_REST   UINT64_MAX
#define POLL_NS     20000u   /* first pause between two looks at the other CPUs */
#define POLL_NS_MAX 2000000u /* doubled up to this */

struct cpu_epoch {
    _Atomic uint64_t seen;
} EXO_ALIGNED(CACHE_LINE);

_Atomic uint64_t g_epoch = 1;
static struct cpu_epoch g_cpu[CPUS_MAX] = { [0 ... CPUS_MAX - 1] = { .seen = SEEN_REST } };
static struct spinlock g_lock = SPINLOCK_INIT(RANK_EPOCH);
static struct epoch_node *g_first;           /* [g_lock] deferred, first handed over first */
static struct epoch_node **g_end = &g_first; /* [g_lock] */
static _Atomic(struct thread *) g_worker;

void epoch_quiescent(void)
{
    _Atomic uint64_t *const seen = &g_cpu[hal_cpu_id()].seen;
    /* Acquire: the next section sees what was unlinked before this epoch began. */
    const uint64_t epoch = atomic_load_explicit(&g_epoch, memory_order_acquire);

    if (atomic_load_explicit(seen, memory_order_relaxed) != epoch) {
        /* Release: reads of the sections so far are over before anybody sees this. */
        atomic_store_explicit(seen, epoch, memory_order_release);
    }
}

bool epoch_is_awaited(void)
{
    return atomic_load_explicit(&g_cpu[hal_cpu_id()].seen, memory_order_relaxed) <
           atomic_load_explicit(&g_epoch, memory_order_relaxed);
}

void epoch_rest_enter(void)
{
    atomic_store_explicit(&g_cpu[hal_cpu_id()].seen, SEEN_REST, memory_order_release);
}

void epoch_rest_leave(void)
{
    _Atomic uint64_t *const seen = &g_cpu[hal_cpu_id()].seen;

    if (atomic_load_explicit(seen, memory_order_relaxed) != SEEN_REST) {
        return;
    }
    /* Exchange against has_passed(): if that came first and found us at rest, this reads what it
     * wrote and our next section sees what was unlinked; if this came first, it finds us active. */
    (void)atomic_exchange_explicit(seen, atomic_load_explicit(&g_epoch, memory_order_acquire),
                                   memory_order_acq_rel);
}

/* Begin a grace period; returns the epoch that all CPUs must reach. */
static uint64_t grace_begin(void)
{
    return atomic_fetch_add_explicit(&g_epoch, 1, memory_order_acq_rel) + 1;
}

/* True if `cpu` has been quiescent since the grace period of `target` began. */
static bool has_passed(uint32_t cpu, uint64_t target)
{
    _Atomic uint64_t *const seen = &g_cpu[cpu].seen;
    uint64_t value = atomic_load_explicit(seen, memory_order_acquire);

    if (value == SEEN_REST) {
        /* Read again by a write that changes nothing: see epoch_rest_leave(). */
        value = atomic_fetch_add_explicit(seen, 0, memory_order_acq_rel);
    }
    return value >= target;
}

/* Wait until all CPUs have passed. Those that run a long thread are asked by an interrupt, whose
 * end is a quiescent state if it struck outside of a section, and which else makes the end of the
 * section one. */
static void grace_wait(uint64_t target)
{
    uint64_t pause_ns = POLL_NS;

    for (uint32_t cpu = 0; cpu < CPUS_MAX; cpu++) {
        while (!has_passed(cpu, target)) {
            hal_cpu_send_ipi(cpu, HAL_IPI_CALL);
            sync_sleep_ns(pause_ns);
            pause_ns = min_u64(pause_ns * 2, POLL_NS_MAX);
        }
    }
}

void epoch_synchronize(void)
{
    assert_may_block("epoch_synchronize");
    grace_wait(grace_begin());
}

void epoch_defer(struct epoch_node *node, void (*free)(struct epoch_node *node))
{
    node->next = NULL;
    node->free = free;
    const hal_irq_t irq = spin_lock_irq(&g_lock);
    const bool was_empty = g_first == NULL;

    *g_end = node;
    g_end = &node->next;
    spin_unlock_irq(&g_lock, irq);

    struct thread *const worker = atomic_load_explicit(&g_worker, memory_order_acquire);

    if (was_empty && worker != NULL) {
        sync_unpark(worker);
    }
}

static struct epoch_node *take_all(void)
{
    const hal_irq_t irq = spin_lock_irq(&g_lock);
    struct epoch_node *const first = g_first;

    g_first = NULL;
    g_end = &g_first;
    spin_unlock_irq(&g_lock, irq);
    return first;
}

void epoch_worker(void *unused)
{
    (void)unused;
    atomic_store_explicit(&g_worker, hal_current(), memory_order_release);
    for (;;) {
        struct epoch_node *node = take_all();

        if (node == NULL) {
            const exo_status_t status = sync_park(UINT64_MAX);

            KASSERT(status == EXO_OK);
            continue;
        }
        grace_wait(grace_begin());
        while (node != NULL) {
            struct epoch_node *const next = node->next;

            node->free(node);
            node = next;
        }
    }
}
