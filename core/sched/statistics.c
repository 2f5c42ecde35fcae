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

void thread_info_fill(const struct thread *thread, struct thread_info *out)
{
    static const char letter[] = {
        [THREAD_READY] = 'r', [THREAD_RUNNING] = 'R', [THREAD_BLOCKED] = 'B', [THREAD_DEAD] = 'D'
    };

    *out = (struct thread_info){
        .id = thread->id,
        .cpu = atomic_load_explicit(&thread->cpu, memory_order_relaxed),
        .state = letter[atomic_load_explicit(&thread->state, memory_order_relaxed)],
        .run_ns =
            clock_cycles_to_ns(atomic_load_explicit(&thread->run_cycles, memory_order_relaxed)),
        .switches = atomic_load_explicit(&thread->switches, memory_order_relaxed),
        .latency_max_ns =
            clock_cycles_to_ns(atomic_load_explicit(&thread->latency_max, memory_order_relaxed)),
        .level = atomic_load_explicit(&thread->entity.level, memory_order_relaxed),
        .stack_size_bytes = thread->stack.size_bytes,
    };
    str_copy(out->name, sizeof(out->name), thread->name);
    if (thread->stack.base != NULL) {
        out->stack_used_bytes = stack_used(&thread->stack);
    }
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
        .switches = atomic_load_explicit(&self->switches, memory_order_relaxed),
        .stolen = atomic_load_explicit(&self->stolen, memory_order_relaxed),
        .ticks = atomic_load_explicit(&self->ticks, memory_order_relaxed),
        .moved = atomic_load_explicit(&self->moved, memory_order_relaxed),
        .idle_ns =
            clock_cycles_to_ns(atomic_load_explicit(&self->idle.run_cycles, memory_order_relaxed)),
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
