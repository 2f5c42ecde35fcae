/*
 * core/sched/balance.c - which CPUs idle, and how threads get from a busy CPU to another one.
 *
 * Invariants:
 *   (1) a CPU that idles has its bit in g_idle_mask unless a waker has claimed it; a claimed CPU
 *       gets the thread and an interrupt. The interrupt is pended while the CPU is on its way into
 *       hal_cpu_idle(), which then returns at once;
 *   (2) locks of two queues are never held together;
 *   (3) a thread goes to another node only from a queue that is crowded: FAR_WAITING threads wait
 *       there, or one has for a whole tick. The tick marks the queue and wakes an idle CPU of
 *       whichever node, so nobody waits much longer than a tick while a CPU idles that may run him.
 * A missed look from one CPU at another's queue (a thread waits though a CPU idles) is cured by the
 * next tick, at the latest after tick_ns: the loads of g_idle_mask and `stealable` need no order
 * between them.
 */
#include "exo/lib/assert.h"

#include "exo/debug/boot.h"
#include "exo/lib/string.h"
#include "exo/mem/phys.h"

#include "sched_private.h"
#include "sched_trace.h"

#define FAR_WAITING 2u /* threads that wait at once: one may go to another node */
#define NEAR_FEWER  2u /* threads fewer that a CPU of the own node has, to be given one */
#define FAR_FEWER   4u /* and one of another node */

static _Atomic uint64_t g_idle_mask; /* bit per CPU that idles and is not claimed */

static uint64_t g_near[CPUS_MAX]; /* [c] the CPUs of its node, after the first CPU's start */
static bool g_node_blind;         /* [c] all CPUs are alike */

_Static_assert(CPUS_MAX <= 64, "g_idle_mask has a bit per CPU");

static exo_status_t param_balance(const char *value)
{
    g_node_blind = str_equal(value, "blind");
    return g_node_blind || str_equal(value, "near") ? EXO_OK : EXO_ERR_INVALID;
}
EXO_BOOT_PARAM(balance, "balance",
               "where threads go: near (default; the own memory node first) or blind",
               param_balance);

void sched_nodes_init(void)
{
    for (uint32_t node = 0; node < phys_node_count(); node++) {
        uint64_t near = 0;

        for (uint32_t cpu = 0; cpu < CPUS_MAX; cpu++) {
            near |= phys_node_of_cpu(cpu) == node ? 1ull << cpu : 0;
        }
        for (uint64_t left = near; left != 0; left &= left - 1) {
            g_near[__builtin_ctzll(left)] = g_node_blind ? UINT64_MAX : near;
        }
    }
}

static bool is_near(uint32_t cpu, uint32_t other)
{
    return (g_near[cpu] >> other & 1) != 0;
}

/* How many wait there that another CPU may run. A glance without the lock. */
static uint32_t movable(const struct run_queue *queue)
{
    return atomic_load_explicit(&queue->stealable, memory_order_relaxed) +
           atomic_load_explicit(&queue->choosy, memory_order_relaxed);
}

/* May threads that wait there go to another node (3)? A glance as well. */
static bool is_crowded(const struct run_queue *queue)
{
    return movable(queue) >= FAR_WAITING ||
           atomic_load_explicit(&queue->is_overdue, memory_order_relaxed);
}

uint64_t sched_candidates(uint64_t idle, uint32_t cpu, bool far_too)
{
    const uint64_t near = idle & g_near[cpu];

    return near != 0 || !far_too ? near : idle;
}

static uint64_t cpu_bit(uint32_t cpu)
{
    return 1ull << cpu;
}

void sched_idle_enter(uint32_t cpu)
{
    atomic_fetch_or_explicit(&g_idle_mask, cpu_bit(cpu), memory_order_relaxed);
}

/* Take an idle CPU for a thread that is about to be queued there (1). */
bool sched_idle_claim(uint32_t cpu)
{
    const uint64_t bit = cpu_bit(cpu);

    return (atomic_load_explicit(&g_idle_mask, memory_order_relaxed) & bit) != 0 &&
           (atomic_fetch_and_explicit(&g_idle_mask, ~bit, memory_order_relaxed) & bit) != 0;
}

/* One of the CPUs in `allowed` that is online; who sets affinities sees to it that there is one. */
static uint32_t first_online(uint64_t allowed)
{
    uint64_t mask = allowed;

    while (!sched_is_online((uint32_t)__builtin_ctzll(mask))) {
        mask &= mask - 1;
        KASSERT(mask != 0);
    }
    return (uint32_t)__builtin_ctzll(mask);
}

uint32_t sched_select_cpu(struct thread *thread)
{
    const uint32_t home = atomic_load_explicit(&thread->cpu, memory_order_relaxed);

    const uint64_t allowed = atomic_load_explicit(&thread->affinity, memory_order_relaxed);

    /* Acquire: if it is off its CPU, its context is whole (switch.c, invariant 2). */
    if (atomic_load_explicit(&thread->on_cpu, memory_order_acquire)) {
        return home; /* even if it may not run there any more: it moves on when it is picked */
    }
    if ((allowed & (allowed - 1)) == 0) {
        return (uint32_t)__builtin_ctzll(allowed);
    }
    if (thread_allows(thread, home) && sched_idle_claim(home)) {
        return home;
    }
    const uint64_t idle = atomic_load_explicit(&g_idle_mask, memory_order_relaxed) & allowed;
    const bool is_urgent =
        atomic_load_explicit(&thread->entity.level, memory_order_relaxed) < LEVEL_NORMAL;
    const bool far_too =
        !thread_allows(thread, home) || is_urgent || is_crowded(&g_sched_cpu[home].queue);

    for (uint64_t mask = idle == 0 ? 0 : sched_candidates(idle, home, far_too); mask != 0;
         mask &= mask - 1) {
        const uint32_t cpu = (uint32_t)__builtin_ctzll(mask);

        if (sched_idle_claim(cpu)) {
            return cpu;
        }
    }
    return thread_allows(thread, home) ? home : first_online(allowed);
}

/* Is there anything at `victim` that `here` should take? A glance without the lock. */
static bool is_worth_a_look(struct sched_cpu *victim, uint32_t here, bool far_too)
{
    if (movable(&victim->queue) == 0) {
        return false;
    }
    return far_too ? is_crowded(&victim->queue) : is_near(here, (uint32_t)(victim - g_sched_cpu));
}

/* Take a waiting thread out of the queue of `victim`; NULL if `here` may run none of the first. */
static struct thread *take(struct sched_cpu *victim, uint32_t here)
{
    const hal_irq_t irq = spin_lock_irq(&victim->queue.lock);
    struct thread *const thread = g_sched_policy->find(&victim->queue, here, false);

    if (thread != NULL) {
        g_sched_policy->dequeue(&victim->queue, thread);
        atomic_store_explicit(&victim->queue.is_overdue, false, memory_order_relaxed);
    }
    spin_unlock_irq(&victim->queue.lock, irq);
    return thread;
}

/* Take a waiting thread from a CPU of the own node, or with `far_too` from any that is crowded;
 * NULL if there is none. */
static struct thread *steal_from(struct sched_cpu *self, uint32_t here, bool far_too)
{
    const uint32_t limit = atomic_load_explicit(&g_sched_cpu_limit, memory_order_acquire);

    for (uint32_t i = 1; i < limit; i++) {
        struct sched_cpu *const victim = &g_sched_cpu[(here + i) % limit];

        if (!is_worth_a_look(victim, here, far_too)) {
            continue;
        }
        struct thread *const thread = take(victim, here);

        if (thread != NULL) {
            count_up(&self->stolen, 1);
            sched_trace_ready(thread, (uint32_t)(victim - g_sched_cpu), here, false);
            atomic_store_explicit(&thread->cpu, here, memory_order_seq_cst);
            return thread;
        }
    }
    return NULL;
}

struct thread *sched_steal(struct sched_cpu *self, uint32_t here)
{
    struct thread *const thread = steal_from(self, here, false);

    return thread != NULL ? thread : steal_from(self, here, true);
}

void sched_nudge(void)
{
    const uint64_t idle = atomic_load_explicit(&g_idle_mask, memory_order_relaxed);

    if (idle == 0) {
        return;
    }
    const uint32_t here = hal_cpu_id();
    const uint64_t mask = sched_candidates(idle, here, is_crowded(&g_sched_cpu[here].queue));

    if (mask != 0 && sched_idle_claim((uint32_t)__builtin_ctzll(mask))) {
        hal_cpu_send_ipi((uint32_t)__builtin_ctzll(mask), HAL_IPI_RESCHED);
    }
}

void sched_overdue(struct sched_cpu *self)
{
    if (movable(&self->queue) != 0) {
        atomic_store_explicit(&self->queue.is_overdue, true, memory_order_relaxed);
        sched_nudge();
    }
}

/* The CPU with the fewest that wait, of those of the own node or of the others, if that has at
 * least `fewer` fewer than `self`; CPUS_MAX if there is none. */
static uint32_t least_loaded(const struct sched_cpu *self, bool far, uint32_t fewer)
{
    const uint32_t limit = atomic_load_explicit(&g_sched_cpu_limit, memory_order_acquire);
    const uint32_t here = (uint32_t)(self - g_sched_cpu);
    const uint32_t mine = atomic_load_explicit(&self->queue.stealable, memory_order_relaxed);
    uint32_t least = mine;
    uint32_t to = CPUS_MAX;

    for (uint32_t cpu = 0; cpu < limit; cpu++) {
        if (sched_is_online(cpu) && cpu != here && is_near(here, cpu) != far) {
            /* A glance without the lock, by which nothing stands or falls. */
            const uint32_t others =
                atomic_load_explicit(&g_sched_cpu[cpu].queue.stealable, memory_order_relaxed);

            to = others < least ? cpu : to;
            least = others < least ? others : least;
        }
    }
    return least + fewer > mine ? CPUS_MAX : to;
}

void sched_balance(struct sched_cpu *self)
{
    uint32_t to = least_loaded(self, false, NEAR_FEWER);

    if (to == CPUS_MAX) {
        to = least_loaded(self, true, FAR_FEWER);
    }
    if (to == CPUS_MAX) {
        return;
    }
    const hal_irq_t irq = spin_lock_irq(&self->queue.lock);
    struct thread *const thread = g_sched_policy->find(&self->queue, to, true);

    if (thread != NULL) {
        g_sched_policy->dequeue(&self->queue, thread);
    }
    spin_unlock_irq(&self->queue.lock, irq);
    if (thread != NULL) {
        count_up(&self->moved, 1);
        sched_ready_on(thread, to, false);
    }
}

/* Anything on another CPU's queue that this one could run? */
bool sched_is_work_elsewhere(uint32_t here)
{
    const uint32_t limit = atomic_load_explicit(&g_sched_cpu_limit, memory_order_acquire);

    for (uint32_t i = 1; i < limit; i++) {
        struct sched_cpu *const victim = &g_sched_cpu[(here + i) % limit];

        if (atomic_load_explicit(&victim->queue.stealable, memory_order_relaxed) != 0 &&
            (is_worth_a_look(victim, here, false) || is_worth_a_look(victim, here, true))) {
            return true;
        }
    }
    return false;
}
