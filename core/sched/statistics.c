/*
 * core/sched/statistics.c - what threads and CPUs did so far, for whoever asks.
 */
#include "exo/lib/string.h"
#include "exo/time/clock.h"

#include "sched_private.h"

/* How long it took from the wake-up to this switch. */
void sched_latency_record(struct sched_cpu *self, struct thread *thread, uint64_t now)
{
    const uint64_t ready_at = atomic_load_explicit(&thread->ready_at, memory_order_relaxed);

    if (ready_at == 0) {
        return;
    }
    /* Clocks of two CPUs may differ by a little. */
    const uint64_t waited = (int64_t)(now - ready_at) > 0 ? now - ready_at : 1;
    const uint32_t step = 63u - (uint32_t)__builtin_clzll(waited);

    atomic_store_explicit(&thread->ready_at, 0, memory_order_relaxed);
    count_up(&self->latency[step < LATENCY_STEPS ? step : LATENCY_STEPS - 1], 1);
    count_up(&thread->wakeups, 1);
    count_up(&thread->latency_sum, waited);
    if (waited > atomic_load_explicit(&thread->latency_max, memory_order_relaxed)) {
        atomic_store_explicit(&thread->latency_max, waited, memory_order_relaxed);
    }
}

/* Bytes of the stack that were ever written. Reads below other threads' stack pointers, where
 * sanitizers see nothing but trespass. */
__attribute__((no_sanitize("address", "thread"), noinline)) static size_t stack_used(
    const struct hal_stack *stack)
{
    const volatile uint64_t *const words = stack->base;
    size_t i = 0;

    while (i < stack->size_bytes / sizeof(uint64_t) && words[i] == STACK_FILL) {
        i++;
    }
    return stack->size_bytes - i * sizeof(uint64_t);
}

/* Cycles of the queue's current thread that are not in its run_cycles yet. */
static uint64_t unpaid_locked(const struct run_queue *queue)
{
    const uint64_t cycles = hal_cycles() - queue->charged_at;

    return (int64_t)cycles < 0 ? 0 : cycles; /* clocks of two CPUs may differ by a little */
}

/* Of its own class and rank, without what it inherits. */
static void rank_fill_locked(const struct thread *thread, struct thread_info *out)
{
    static const char temperature[TEMPERATURES] = { 'h', 'n', 'c' };
    const uint8_t level = atomic_load_explicit(&thread->own_level, memory_order_relaxed);

    out->class = 'N';
    if (level == LEVEL_DEADLINE) {
        out->class = 'D';
        out->runtime_ns = thread->budget.runtime_ns;
        out->period_ns = thread->budget.period_ns;
    } else if (level < LEVEL_NORMAL) {
        out->class = thread->entity.round_robin ? 'R' : 'F';
        out->priority = (uint8_t)(LEVEL_REALTIME + REALTIME_MAX - level);
    } else if (level >= LEVEL_IDLE) {
        out->class = 'I';
    }
    out->nice = (int8_t)sched_nice_of(thread->entity.inverse);
    out->temperature = temperature[thread->entity.temperature];
    out->is_raised = out->level < level;
}

/* What is guarded by the lock of the queue that the thread belongs to. */
static void rank_fill(const struct thread *thread, struct thread_info *out)
{
    bool done = false;

    while (!done) {
        struct run_queue *const queue = &sched_cpu(out->cpu)->queue;
        const hal_irq_t irq = spin_lock_irq(&queue->lock);
        const uint32_t cpu = atomic_load_explicit(&thread->cpu, memory_order_relaxed);

        done = cpu == out->cpu; /* it may move until we have the lock */
        out->cpu = cpu;
        if (done) {
            const uint64_t unpaid = queue->current == thread ? unpaid_locked(queue) : 0;

            out->run_ns = clock_cycles_to_ns(
                atomic_load_explicit(&thread->run_cycles, memory_order_relaxed) + unpaid);
            rank_fill_locked(thread, out);
        }
        spin_unlock_irq(&queue->lock, irq);
    }
}

void thread_info_fill(const struct thread *thread, struct thread_info *out)
{
    static const char letter[] = {
        [THREAD_READY] = 'r', [THREAD_RUNNING] = 'R', [THREAD_BLOCKED] = 'B', [THREAD_DEAD] = 'D'
    };
    const uint64_t wakeups = atomic_load_explicit(&thread->wakeups, memory_order_relaxed);
    const uint64_t sum = atomic_load_explicit(&thread->latency_sum, memory_order_relaxed);

    *out = (struct thread_info){
        .id = thread->id,
        .cpu = atomic_load_explicit(&thread->cpu, memory_order_relaxed),
        .state = letter[atomic_load_explicit(&thread->state, memory_order_relaxed)],
        .affinity = atomic_load_explicit(&thread->affinity, memory_order_relaxed),
        .switches = atomic_load_explicit(&thread->switches, memory_order_relaxed),
        .wakeups = wakeups,
        .latency_ns = wakeups == 0 ? 0 : clock_cycles_to_ns(sum / wakeups),
        .latency_max_ns =
            clock_cycles_to_ns(atomic_load_explicit(&thread->latency_max, memory_order_relaxed)),
        .level = atomic_load_explicit(&thread->entity.level, memory_order_relaxed),
        .stack_size_bytes = thread->stack.size_bytes,
    };
    str_copy(out->name, sizeof(out->name), thread->name);
    rank_fill(thread, out);
    if (thread->stack.base != NULL) {
        out->stack_used_bytes = stack_used(&thread->stack);
    }
}

uint64_t sched_latency_percentile(const struct sched_cpu_info *info, uint32_t percent)
{
    uint64_t total = 0;
    uint64_t seen = 0;

    for (uint32_t i = 0; i < SCHED_LATENCY_STEPS; i++) {
        total += info->latency[i];
    }
    for (uint32_t i = 0; i < SCHED_LATENCY_STEPS; i++) {
        seen += info->latency[i];
        if (seen != 0 && seen * 100 >= total * percent) {
            return clock_cycles_to_ns(2ull << i);
        }
    }
    return 0;
}

bool sched_cpu_info(uint32_t cpu, struct sched_cpu_info *out)
{
    if (!sched_is_online(cpu)) {
        return false;
    }
    struct sched_cpu *const self = sched_cpu(cpu);
    const hal_irq_t irq = spin_lock_irq(&self->queue.lock);

    *out = (struct sched_cpu_info){
        .ready = self->queue.count,
        .movable = atomic_load_explicit(&self->queue.stealable, memory_order_relaxed),
        .switches = atomic_load_explicit(&self->switches, memory_order_relaxed),
        .stolen = atomic_load_explicit(&self->stolen, memory_order_relaxed),
        .ticks = atomic_load_explicit(&self->ticks, memory_order_relaxed),
        .moved = atomic_load_explicit(&self->moved, memory_order_relaxed),
        .idle_ns = clock_cycles_to_ns(
            atomic_load_explicit(&self->idle.run_cycles, memory_order_relaxed) +
            (self->queue.current == &self->idle ? unpaid_locked(&self->queue) : 0)),
    };
    for (uint32_t i = 0; i < SCHED_LATENCY_STEPS; i++) {
        out->latency[i] = atomic_load_explicit(&self->latency[i], memory_order_relaxed);
    }
    /* Alive: it is the current one as long as the lock is held. */
    str_copy(out->current, sizeof(out->current), self->queue.current->name);
    out->current_id = self->queue.current->id;
    spin_unlock_irq(&self->queue.lock, irq);
    return true;
}
