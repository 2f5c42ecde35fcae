/*
 * core/sched/balance.c - which CPUs idle, and how threads get from a busy CPU to another one.
 *
 * Invariants:
 *   (1) a CPU that idles has its bit in g_idle_mask unless a waker has claimed it; a claimed CPU
 *       gets the thread and an interrupt. The interrupt is pended while the CPU is on its way into
 *       hal_cpu_idle(), which then returns at once;
 *   (2) locks of two queues are never held together.
 * A missed look from one CPU at another's queue (a thread waits though a CPU idles) is cured by the
 * next tick, at the latest after tick_ns: the loads of g_idle_mask and `stealable` need no order
 * between them.
 */
#include "exo/lib/assert.h"

#include "sched_private.h"
#include "sched_trace.h"

static _Atomic uint64_t g_idle_mask; /* bit per CPU that idles and is not claimed */

_Static_assert(CPUS_MAX <= 64, "g_idle_mask has a bit per CPU");

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
    for (uint64_t mask = atomic_load_explicit(&g_idle_mask, memory_order_relaxed) & allowed;
         mask != 0; mask &= mask - 1) {
        const uint32_t cpu = (uint32_t)__builtin_ctzll(mask);

        if (sched_idle_claim(cpu)) {
            return cpu;
        }
    }
    return thread_allows(thread, home) ? home : first_online(allowed);
}

/* Take a waiting thread from another CPU; NULL if there is none. */
struct thread *sched_steal(struct sched_cpu *self, uint32_t here)
{
    const uint32_t limit = atomic_load_explicit(&g_sched_cpu_limit, memory_order_acquire);

    for (uint32_t i = 1; i < limit; i++) {
        struct sched_cpu *const victim = &g_sched_cpu[(here + i) % limit];

        if (atomic_load_explicit(&victim->queue.stealable, memory_order_relaxed) == 0 &&
            atomic_load_explicit(&victim->queue.choosy, memory_order_relaxed) == 0) {
            continue;
        }
        const hal_irq_t irq = spin_lock_irq(&victim->queue.lock);
        struct thread *const thread = g_sched_policy->find(&victim->queue, here, false);

        if (thread != NULL) {
            g_sched_policy->dequeue(&victim->queue, thread);
        }
        spin_unlock_irq(&victim->queue.lock, irq);
        if (thread != NULL) {
            count_up(&self->stolen, 1);
            sched_trace_ready(thread, (uint32_t)(victim - g_sched_cpu), here, false);
            atomic_store_explicit(&thread->cpu, here, memory_order_seq_cst);
            return thread;
        }
    }
    return NULL;
}

void sched_nudge(void)
{
    const uint64_t mask = atomic_load_explicit(&g_idle_mask, memory_order_relaxed);

    if (mask != 0 && sched_idle_claim((uint32_t)__builtin_ctzll(mask))) {
        hal_cpu_send_ipi((uint32_t)__builtin_ctzll(mask), HAL_IPI_RESCHED);
    }
}

/* Give one cold thread to the CPU with the least to do, if that has at least two threads fewer. */
void sched_balance(struct sched_cpu *self)
{
    const uint32_t limit = atomic_load_explicit(&g_sched_cpu_limit, memory_order_acquire);
    const uint32_t mine = atomic_load_explicit(&self->queue.stealable, memory_order_relaxed);
    uint32_t least = mine;
    uint32_t to = CPUS_MAX;

    for (uint32_t cpu = 0; cpu < limit; cpu++) {
        if (sched_is_online(cpu) && &g_sched_cpu[cpu] != self) {
            /* A glance without the lock, by which nothing stands or falls. */
            const uint32_t others =
                atomic_load_explicit(&g_sched_cpu[cpu].queue.stealable, memory_order_relaxed);

            to = others < least ? cpu : to;
            least = others < least ? others : least;
        }
    }
    if (to == CPUS_MAX || least + 2 > mine) {
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
        if (atomic_load_explicit(&g_sched_cpu[(here + i) % limit].queue.stealable,
                                 memory_order_relaxed) != 0) {
            return true;
        }
    }
    return false;
}
