/*
 * core/sched/cpu.c - the policy of all CPUs, their start, and what they do when there is nothing to
 * do.
 *
 * Invariants:
 *   (1) the policy is chosen before the first CPU is made known, and constant from then on;
 *   (2) a CPU is online once its queue and its idle thread are whole, and stays so.
 */
#include "exo/debug/boot.h"
#include "exo/lib/assert.h"
#include "exo/lib/string.h"

#include "sched_private.h"

struct sched_cpu g_sched_cpu[CPUS_MAX];
_Atomic uint32_t g_sched_cpu_limit;
const struct sched_policy *g_sched_policy = &g_sched_policy_fair;

static exo_status_t param_sched(const char *value)
{
    static const struct sched_policy *const policies[] = { &g_sched_policy_fair,
                                                           &g_sched_policy_fifo };

    for (size_t i = 0; i < ARRAY_COUNT(policies); i++) {
        if (str_equal(value, policies[i]->name)) {
            g_sched_policy = policies[i];
            return EXO_OK;
        }
    }
    return EXO_ERR_INVALID;
}
EXO_BOOT_PARAM(sched, "sched", "scheduling policy: fair (default) or rr", param_sched);

const char *sched_policy_name(void)
{
    return g_sched_policy->name;
}

bool sched_heeds_classes(void)
{
    return g_sched_policy->heeds_classes;
}

static void cpu_limit_raise(uint32_t limit)
{
    uint32_t now = atomic_load_explicit(&g_sched_cpu_limit, memory_order_acquire);

    while (now < limit &&
           !atomic_compare_exchange_weak_explicit(&g_sched_cpu_limit, &now, limit,
                                                  memory_order_release, memory_order_relaxed)) {
    }
}

void sched_cpu_init(void)
{
    const uint32_t cpu = hal_cpu_id();
    struct sched_cpu *const self = &g_sched_cpu[cpu];
    const struct thread_spec spec = { .name = "idle", .cpu = cpu };
    const bool is_first = atomic_load_explicit(&g_sched_cpu_limit, memory_order_relaxed) == 0;

    KASSERT(!atomic_load_explicit(&self->online, memory_order_relaxed));
    run_queue_init(&self->queue);
    if (is_first) {
        g_sched_policy->init(&self->queue);
        sched_nodes_init();
    }
    timer_init(&self->tick, sched_on_tick);
    timer_init(&self->budget, sched_on_budget);
    thread_setup(&self->idle, &spec);
    atomic_store_explicit(&self->idle.state, THREAD_RUNNING, memory_order_relaxed);
    atomic_store_explicit(&self->idle.on_cpu, true, memory_order_relaxed);
    self->queue.current = &self->idle;
    atomic_store_explicit(&self->idle.entity.level, LEVEL_IDLE + 1, memory_order_relaxed);
    atomic_store_explicit(&self->idle.own_level, LEVEL_IDLE + 1, memory_order_relaxed);
    self->switched_at = hal_cycles();
    self->queue.charged_at = self->switched_at;
    hal_current_set(&self->idle);
    epoch_rest_leave();
    cpu_limit_raise(cpu + 1);
    atomic_store_explicit(&self->online, true, memory_order_release);
}

/* Sleep until an interrupt, unless there is something to do. Interrupts off before and after. */
static void idle_wait(struct sched_cpu *self, uint32_t here)
{
    sched_idle_enter(here);
    if (!sched_is_work_elsewhere(here)) {
        self->idle.at_rest = true;
        epoch_rest_enter();
        hal_cpu_idle();
        hal_irq_disable();
        self->idle.at_rest = false;
        epoch_rest_leave();
    } else {
        hal_resched_set();
    }
    (void)sched_idle_claim(here);
}

_Noreturn void sched_idle(void)
{
    const uint32_t here = hal_cpu_id();
    struct sched_cpu *const self = &g_sched_cpu[here];

    (void)hal_preempt_dec(); /* the count of 1 that every CPU starts with */
    for (;;) {
        hal_irq_disable();
        if (hal_preempt_word() != 0) {
            idle_wait(self, here);
        }
        if (hal_preempt_word() == 0) {
            sched_switch();
        }
        hal_irq_enable();
    }
}

bool sched_is_online(uint32_t cpu)
{
    return cpu < CPUS_MAX && atomic_load_explicit(&g_sched_cpu[cpu].online, memory_order_acquire);
}

uint32_t sched_online_count(void)
{
    uint32_t count = 0;

    for (uint32_t cpu = 0; cpu < CPUS_MAX; cpu++) {
        count += sched_is_online(cpu) ? 1 : 0;
    }
    return count;
}
