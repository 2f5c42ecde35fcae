/*
 * tests/core/sched/workload.c - the model of CPUs that runs a workload through a policy.
 *
 * Invariants between two steps:
 *   (1) an actor is asleep (or done), in one queue, or some CPU's current one;
 *   (2) a CPU without a current actor has an empty queue and found nothing to steal.
 */
#include "workload.h"

#include "exo/lib/assert.h"
#include "exo/lib/string.h"

#define STEP_US       100u
#define BALANCE_TICKS 16u /* as core/sched/tick.c */

struct actor {
    struct thread thread;
    const struct workload_thread *spec;
    struct workload_record *record;
    uint64_t wakes_us; /* when it is ready next, UINT64_MAX: never */
    uint64_t left_us;  /* of this burst */
    uint64_t ready_us; /* since when it waits */
    uint32_t cpu;      /* where it runs, waits, or ran last */
    bool is_asleep;
};

struct cpu {
    struct run_queue queue;
    struct thread idle;
    uint64_t since_us; /* how long the current actor has been on */
    uint32_t ticks;
};

/* One run; here because it is too big for a stack. */
static struct model {
    const struct sched_policy *policy;
    const struct workload *load;
    struct workload_result *result;
    uint64_t now_us;
    struct actor actor[WORKLOAD_THREADS_MAX];
    struct cpu cpu[WORKLOAD_CPUS_MAX];
} g_model;

static uint64_t us_to_cycles(uint64_t us)
{
    return us * max_u64(hal_caps()->cycles_hz / 1000000, 1);
}

static struct actor *actor_of(struct thread *thread)
{
    return container_of(thread, struct actor, thread);
}

static bool is_idle(const struct cpu *cpu)
{
    return cpu->queue.current == &cpu->idle;
}

static uint8_t level_of(const struct workload_thread *spec)
{
    switch (spec->class) {
    case THREAD_CLASS_FIFO:
    case THREAD_CLASS_ROUND_ROBIN:
        return (uint8_t)(LEVEL_REALTIME + REALTIME_MAX - spec->priority);
    case THREAD_CLASS_IDLE:
        return LEVEL_IDLE;
    default:
        return LEVEL_NORMAL;
    }
}

static void actor_setup(struct actor *actor, const struct workload_thread *spec,
                        struct workload_record *record)
{
    *actor = (struct actor){
        .spec = spec,
        .record = record,
        .wakes_us = spec->arrives_us,
        .left_us = spec->burst_us,
        .is_asleep = true,
    };
    list_init(&actor->thread.entity.node);
    actor->thread.entity.inverse = sched_inverse_weight(spec->nice);
    actor->thread.entity.round_robin = spec->class == THREAD_CLASS_ROUND_ROBIN;
    atomic_store(&actor->thread.entity.level, level_of(spec));
    thread_affinity_store(&actor->thread, spec->affinity != 0 ? spec->affinity : AFFINITY_ALL);
    while (!thread_allows(&actor->thread, actor->cpu)) {
        actor->cpu++;
    }
}

static void setup(const struct sched_policy *policy, const struct workload *load,
                  struct workload_result *out)
{
    KASSERT(load->count <= WORKLOAD_THREADS_MAX);
    KASSERT(load->cpus >= 1 && load->cpus <= WORKLOAD_CPUS_MAX);
    *out = (struct workload_result){ .fairness = 1000 };
    g_model.policy = policy;
    g_model.load = load;
    g_model.result = out;
    for (uint32_t i = 0; i < load->cpus; i++) {
        struct cpu *const cpu = &g_model.cpu[i];

        memset(cpu, 0, sizeof(*cpu));
        run_queue_init(&cpu->queue);
        atomic_store(&cpu->idle.entity.level, LEVEL_IDLE + 1);
        cpu->queue.current = &cpu->idle;
    }
    policy->init(&g_model.cpu[0].queue);
    for (uint32_t i = 0; i < load->count; i++) {
        actor_setup(&g_model.actor[i], &load->thread[i], &out->thread[i]);
    }
}

/* Where the scheduler would put it: its last CPU if that idles, any idle one, its last one. */
static uint32_t select_cpu(const struct actor *actor)
{
    if (is_idle(&g_model.cpu[actor->cpu])) {
        return actor->cpu;
    }
    for (uint32_t i = 0; i < g_model.load->cpus; i++) {
        if (is_idle(&g_model.cpu[i]) && thread_allows(&actor->thread, i)) {
            return i;
        }
    }
    return actor->cpu;
}

/* Put `thread`, NULL for none, on the CPU. */
static void put_on(uint32_t at, struct thread *thread)
{
    struct cpu *const cpu = &g_model.cpu[at];

    cpu->queue.current = thread != NULL ? thread : &cpu->idle;
    cpu->since_us = 0;
    if (thread == NULL) {
        return;
    }
    struct actor *const actor = actor_of(thread);
    struct workload_record *const record = actor->record;
    const uint64_t waited_us = g_model.now_us - actor->ready_us;

    record->waited_us += waited_us;
    record->waited_max_us = max_u64(record->waited_max_us, waited_us);
    record->migrations += record->turns != 0 && actor->cpu != at ? 1 : 0;
    record->turns++;
    actor->cpu = at;
    g_model.result->switches++;
}

/* A thread that waits elsewhere, taken from there; NULL if there is none for this CPU. */
static struct thread *steal(uint32_t at)
{
    for (uint32_t i = 1; i < g_model.load->cpus; i++) {
        struct run_queue *const queue = &g_model.cpu[(at + i) % g_model.load->cpus].queue;
        struct thread *const thread = g_model.policy->find(queue, at, false);

        if (thread != NULL) {
            g_model.policy->dequeue(queue, thread);
            return thread;
        }
    }
    return NULL;
}

static void choose(uint32_t at)
{
    struct thread *const own = g_model.policy->pick(&g_model.cpu[at].queue);

    put_on(at, own != NULL ? own : steal(at));
}

/* Take the current actor off, to go on later. */
static void preempt(uint32_t at)
{
    struct run_queue *const queue = &g_model.cpu[at].queue;

    actor_of(queue->current)->ready_us = g_model.now_us;
    g_model.policy->enqueue(queue, queue->current, false);
    choose(at);
}

static void wake_due(void)
{
    for (uint32_t i = 0; i < g_model.load->count; i++) {
        struct actor *const actor = &g_model.actor[i];

        if (!actor->is_asleep || actor->wakes_us > g_model.now_us) {
            continue;
        }
        const uint32_t at = select_cpu(actor);
        struct cpu *const cpu = &g_model.cpu[at];

        actor->is_asleep = false;
        actor->ready_us = g_model.now_us;
        g_model.policy->enqueue(&cpu->queue, &actor->thread, true);
        if (is_idle(cpu)) {
            choose(at);
        } else if (g_model.policy->preempts(&cpu->queue, &actor->thread)) {
            preempt(at);
        }
    }
}

/* The actor has run for a step; true if its burst ended in sleep or for good. */
static bool run_step(struct actor *actor)
{
    actor->record->ran_us += STEP_US;
    g_model.result->ran_us += STEP_US;
    actor->left_us -= min_u64(STEP_US, actor->left_us);
    if (actor->left_us > 0) {
        return false;
    }
    actor->record->bursts++;
    actor->left_us = actor->spec->burst_us;
    if (actor->spec->bursts != 0 && actor->record->bursts >= actor->spec->bursts) {
        actor->wakes_us = UINT64_MAX;
    } else if (actor->spec->sleep_us == 0) {
        return false;
    } else {
        actor->wakes_us = g_model.now_us + actor->spec->sleep_us;
    }
    actor->is_asleep = true;
    return true;
}

/* Give one cold thread to the CPU with the fewest waiting, if that has at least two fewer. */
static void balance(uint32_t from)
{
    struct run_queue *const queue = &g_model.cpu[from].queue;
    uint32_t to = from;

    for (uint32_t i = 0; i < g_model.load->cpus; i++) {
        to = g_model.cpu[i].queue.stealable < g_model.cpu[to].queue.stealable ? i : to;
    }
    if (g_model.cpu[to].queue.stealable + 2 > queue->stealable) {
        return;
    }
    struct thread *const thread = g_model.policy->find(queue, to, true);

    if (thread != NULL) {
        g_model.policy->dequeue(queue, thread);
        g_model.policy->enqueue(&g_model.cpu[to].queue, thread, false);
    }
}

static void tick(uint32_t at)
{
    struct cpu *const cpu = &g_model.cpu[at];

    cpu->ticks++;
    if (cpu->ticks % BALANCE_TICKS == 0) {
        balance(at);
    }
    if (cpu->queue.count > 0 && !is_idle(cpu) &&
        g_model.policy->on_tick(&cpu->queue, cpu->since_us * 1000)) {
        preempt(at);
    }
}

static void cpu_step(uint32_t at)
{
    struct cpu *const cpu = &g_model.cpu[at];

    if (is_idle(cpu)) {
        choose(at);
    }
    if (is_idle(cpu)) {
        g_model.result->idle_us += STEP_US;
        return;
    }
    cpu->since_us += STEP_US;
    g_model.policy->charge(&cpu->queue, cpu->queue.current, us_to_cycles(STEP_US));
    if (run_step(actor_of(cpu->queue.current))) {
        choose(at);
    } else if (g_model.now_us % (g_model.policy->tick_ns / 1000) == 0) {
        tick(at);
    }
}

/* Look for invariant (2) being broken for longer than a step. */
static void waste_count(void)
{
    for (uint32_t at = 0; at < g_model.load->cpus; at++) {
        for (uint32_t i = 0; is_idle(&g_model.cpu[at]) && i < g_model.load->count; i++) {
            if (entity_queued(&g_model.actor[i].thread.entity) &&
                thread_allows(&g_model.actor[i].thread, at)) {
                g_model.result->wasted_us += STEP_US;
            }
        }
    }
}

/* Jain's index of what the busy normal threads got for their weight: (sum x)^2 / (n sum x^2). */
static uint32_t fairness_of(const struct workload *load, const struct workload_result *result)
{
    uint64_t sum = 0;
    uint64_t squares = 0;
    uint64_t count = 0;

    for (uint32_t i = 0; i < load->count; i++) {
        const struct workload_thread *const spec = &load->thread[i];

        if (spec->class != THREAD_CLASS_NORMAL || spec->sleep_us != 0 || spec->bursts != 0) {
            continue;
        }
        const uint64_t share =
            result->thread[i].ran_us / 100 * sched_inverse_weight(spec->nice) >> 16;

        sum += share;
        squares += share * share;
        count++;
    }
    return count < 2 || squares == 0 ? 1000 : (uint32_t)(sum * sum / (squares * count / 1000));
}

void workload_run(const struct sched_policy *policy, const struct workload *load,
                  struct workload_result *out)
{
    setup(policy, load, out);
    for (g_model.now_us = 0; g_model.now_us < load->length_us; g_model.now_us += STEP_US) {
        wake_due();
        for (uint32_t at = 0; at < load->cpus; at++) {
            cpu_step(at);
        }
        waste_count();
    }
    for (uint32_t i = 0; i < load->count; i++) {
        const struct actor *const actor = &g_model.actor[i];

        if (entity_queued(&actor->thread.entity)) { /* it waits still */
            const uint64_t waited_us = load->length_us - actor->ready_us;

            actor->record->waited_us += waited_us;
            actor->record->waited_max_us = max_u64(actor->record->waited_max_us, waited_us);
        }
        actor->record->temperature = actor->thread.entity.temperature;
    }
    out->fairness = fairness_of(load, out);
}
