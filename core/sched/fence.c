/*
 * core/sched/fence.c - fences on all CPUs, by interrupts.
 *
 * Invariants:
 *   (1) g_asked only grows, one for each caller;
 *   (2) done[cpu] is written by its own CPU's interrupts only, and is at least N only after a fence
 *       there that followed the CPU's reading N or more in g_asked. So one fence answers all who
 *       asked before it.
 */
#include "exo/sched/fence.h"

#include <stdatomic.h>

#include "exo/hal.h"
#include "exo/sched/sched.h"

#include "sched_private.h"

#define LOOKS_TO_YIELD 64u   /* looks between two offers to let the host run somebody else */
#define LOOKS_TO_SLEEP 4096u /* looks before the CPU is left to others */
#define SLEEP_NS       20000u

struct cpu_fence {
    _Atomic uint64_t done;
} EXO_ALIGNED(CACHE_LINE);

static _Atomic uint64_t g_asked;
static struct cpu_fence g_fence[CPUS_MAX];

void sched_fence_on_call(void)
{
    _Atomic uint64_t *const done = &g_fence[hal_cpu_id()].done;
    /* Acquire: what the callers stored before they asked is visible after the fence. */
    const uint64_t asked = atomic_load_explicit(&g_asked, memory_order_acquire);

    if (atomic_load_explicit(done, memory_order_relaxed) == asked) {
        return;
    }
    /* The stores of the code that was interrupted come before its later loads: what the hot side
     * of docs/memory-order.md, "Sleeping on a ring", leaves out. */
    atomic_thread_fence(memory_order_seq_cst);
    atomic_store_explicit(done, asked, memory_order_release);
}

static bool is_done(uint32_t cpu, uint64_t target)
{
    /* Acquire: what that CPU stored before its fence is visible to the caller. */
    return atomic_load_explicit(&g_fence[cpu].done, memory_order_acquire) >= target;
}

static void await(uint32_t cpu, uint64_t target)
{
    for (uint32_t looks = 1; !is_done(cpu, target); looks++) {
        hal_pause();
        if (looks % LOOKS_TO_YIELD == 0) {
            hal_spin_yield();
        }
        if (looks % LOOKS_TO_SLEEP == 0) {
            sync_sleep_ns(SLEEP_NS);
        }
    }
}

void sched_fence_all(void)
{
    assert_may_block("sched_fence_all");
    /* Release: the caller's stores come before the number that others read. */
    const uint64_t target = atomic_fetch_add_explicit(&g_asked, 1, memory_order_acq_rel) + 1;
    const uint32_t limit = atomic_load_explicit(&g_sched_cpu_limit, memory_order_acquire);

    atomic_thread_fence(memory_order_seq_cst); /* the caller's own */
    for (uint32_t cpu = 0; cpu < limit; cpu++) {
        if (sched_is_online(cpu)) {
            hal_cpu_send_ipi(cpu, HAL_IPI_CALL); /* the own one too: the thread may move */
        }
    }
    for (uint32_t cpu = 0; cpu < limit; cpu++) {
        if (sched_is_online(cpu)) {
            await(cpu, target);
        }
    }
}
