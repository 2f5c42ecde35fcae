/*
 * cpu.c - simulated CPUs as coroutines of one host thread: start, leave and go on, idle, stop.
 *
 * A CPU that does not run is suspended in sim_cpu_switch(), on whatever kernel stack it was on; the
 * kernel's own switches go on underneath and know nothing of it.
 *
 * Life: OFF -(hal_cpu_start)-> ONLINE -(hal_cpu_stop_others, hal_cpu_halt)-> STOPPED.
 * Invariants:
 *   (1) sim_percpu is the block of the CPU that runs; of any other, g_sim_cpu[i].words is where it
 *       goes on;
 *   (2) bit i of g_sim_ready is set exactly while CPU i is ONLINE and not idle, or idle with
 *       something pending.
 */
#include "sim.h"

struct sim_cpu g_sim_cpu[CPUS_MAX];
uint64_t g_sim_ready;

static struct hosted_cpu g_cpu[CPUS_MAX];
static uint32_t g_cpu_count; /* [c] after hosted_cpu_init() */
static const struct boot_info *g_boot_info;
static struct switch_words g_host; /* the host's own stack, while a CPU runs */
static int g_status;

/* Before the first CPU runs, and after the last. */
static struct hosted_percpu g_no_cpu = {
    .head = { .preempt = PREEMPT_NO_RESCHED | 1, .cpu = HOSTED_NO_CPU },
};
struct hosted_percpu *sim_percpu = &g_no_cpu;

struct hosted_cpu *hosted_cpu(uint32_t cpu)
{
    return &g_cpu[cpu];
}

uint32_t hosted_cpu_count(void)
{
    return g_cpu_count;
}

uint32_t sim_self(void)
{
    return sim_percpu->head.cpu;
}

/* What happens to interrupts when they arrive: irq.c. */
void sim_timer_fire(struct sim_event *event);
void sim_ipi_fire(struct sim_event *event);

void hosted_cpu_init(uint32_t count, bool pin)
{
    (void)pin;
    g_cpu_count = count;
    for (uint32_t i = 0; i < count; i++) {
        struct sim_cpu *const cpu = &g_sim_cpu[i];

        cpu->percpu.head = (struct percpu_head){ .preempt = PREEMPT_NO_RESCHED | 1, .cpu = i };
        cpu->timer = (struct sim_event){ .cpu = i, .fire = sim_timer_fire };
        cpu->ipi = (struct sim_event){ .cpu = i, .fire = sim_ipi_fire };
        g_cpu[i].percpu = &cpu->percpu;
        g_cpu[i].deadline_ns = HAL_TIMER_NEVER;
    }
}

void sim_cpu_switch(uint32_t cpu)
{
    struct sim_cpu *const from = &g_sim_cpu[sim_self()];
    struct sim_cpu *const to = &g_sim_cpu[cpu];

    if (g_sim.weak) {
        sim_stores_switch(sim_self(), cpu);
    }
    sim_percpu = &to->percpu;
    switch_windowed(&from->words, &to->words);
}

static void cpu_begin(void *arg)
{
    const struct sim_cpu *const cpu = arg;
    const uint32_t index = cpu->percpu.head.cpu;

    sim_grant();
    if (index == 0) {
        core_main(g_boot_info);
    }
    core_cpu_main(index);
}

/* Let `cpu` begin on a stack of its own when it is first chosen. */
static exo_status_t cpu_prepare(uint32_t index)
{
    struct sim_cpu *const cpu = &g_sim_cpu[index];
    const exo_status_t status = hal_stack_create(&cpu->stack);

    if (status == EXO_OK) {
        switch_prepare(&cpu->words, (char *)cpu->stack.base + cpu->stack.size_bytes, cpu_begin,
                       cpu);
        atomic_store(&g_cpu[index].state, HOSTED_CPU_ONLINE);
        g_sim_ready |= 1ull << index;
    }
    return status;
}

void hosted_cpu_boot(const struct boot_info *info)
{
    g_boot_info = info;
    if (cpu_prepare(0) != EXO_OK) {
        host_fail("cannot make the stack of CPU 0");
    }
}

/* Runs the machine to its end; the host's own stack is left meanwhile. */
void hosted_housekeeper_run(void)
{
    sim_percpu = &g_sim_cpu[0].percpu;
    switch_windowed(&g_host, &g_sim_cpu[0].words);
    sim_finish(g_status);
}

_Noreturn void sim_leave(int status)
{
    struct switch_words nowhere;

    g_status = status;
    sim_freeze();
    sim_percpu = &g_no_cpu;
    switch_windowed(&nowhere, &g_host);
    __builtin_unreachable();
}

exo_status_t hal_cpu_start(uint32_t cpu)
{
    if (cpu >= g_cpu_count || atomic_load(&g_cpu[cpu].state) != HOSTED_CPU_OFF) {
        return EXO_ERR_INVALID;
    }
    const exo_status_t status = cpu_prepare(cpu);

    sim_call(1000);
    return status == EXO_OK ? EXO_OK : EXO_ERR_TIMED_OUT;
}

void hal_cpu_idle(void)
{
    while (atomic_load_explicit(&sim_percpu->pending, memory_order_relaxed) == 0) {
        g_sim_ready &= ~(1ull << sim_self());
        sim_stop(SIM_AT_IDLE, SIM_CALLER);
    }
    hosted_irq_deliver();
}

void hal_cpu_stop_others(void)
{
    hosted_cpu_stop_all(sim_self());
}

void hosted_cpu_stop_all(uint32_t survivor)
{
    for (uint32_t i = 0; i < g_cpu_count; i++) {
        if (i != survivor && atomic_load(&g_cpu[i].state) == HOSTED_CPU_ONLINE) {
            atomic_store(&g_cpu[i].state, HOSTED_CPU_STOPPED);
            g_sim_ready &= ~(1ull << i);
            sim_stores_end(i);
        }
    }
}

void hal_cpu_halt(void)
{
    hal_irq_disable();
    atomic_store(&g_cpu[sim_self()].state, HOSTED_CPU_STOPPED);
    g_sim_ready &= ~(1ull << sim_self());
    sim_stop(SIM_AT_IDLE, SIM_CALLER);
    __builtin_unreachable(); /* nothing makes a stopped CPU ready */
}
