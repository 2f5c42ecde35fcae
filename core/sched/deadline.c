/*
 * core/sched/deadline.c - threads that are promised a share of a CPU in every period.
 *
 * Invariants:
 *   (1) the promises to the deadline threads of a CPU stay within PROMISE_MAX, and such a thread
 *       runs on the CPU that it was promised only;
 *   (2) a deadline thread that could go on is queued, runs, or is spent with its refill armed.
 */
#include "exo/lib/assert.h"
#include "exo/time/clock.h"

#include "sched_private.h"

#define PROMISE_MAX 950000u /* millionths of a CPU; the rest keeps the others alive */

static uint32_t share_of(const struct thread_deadline *wish)
{
    const uint64_t shortest = min_u64(wish->deadline_ns, wish->period_ns);

    return (uint32_t)((wish->runtime_ns * 1000000 + shortest - 1) / shortest);
}

static bool promise(uint32_t cpu, uint32_t share)
{
    _Atomic uint32_t *const promised = &sched_cpu(cpu)->promised;
    uint32_t now = atomic_load_explicit(promised, memory_order_relaxed);

    do {
        if (now + share > PROMISE_MAX) {
            return false;
        }
    } while (!atomic_compare_exchange_weak_explicit(promised, &now, now + share,
                                                    memory_order_relaxed, memory_order_relaxed));
    return true;
}

static void change_deadline(struct thread *thread, uint64_t runtime_ns)
{
    const uint64_t now_ns = clock_now_ns();

    thread->budget.runtime_ns = runtime_ns;
    thread->has_deadlines = runtime_ns != 0;
    thread->budget.left_ns = (int64_t)runtime_ns;
    thread->budget.deadline_ns = now_ns + thread->budget.relative_ns;
    thread->budget.period_end_ns = now_ns + thread->budget.period_ns;
}

exo_status_t thread_deadline_set(const struct thread_deadline *wish)
{
    struct thread *const self = hal_current();
    const uint64_t allowed = atomic_load_explicit(&self->affinity, memory_order_relaxed);

    assert_may_block("thread_deadline_set");
    if (wish->runtime_ns < DEADLINE_RUNTIME_MIN_NS || wish->runtime_ns > wish->deadline_ns ||
        wish->deadline_ns > wish->period_ns || wish->period_ns > DEADLINE_PERIOD_MAX_NS) {
        return EXO_ERR_INVALID;
    }
    if (self->budget.runtime_ns != 0) {
        return EXO_ERR_BUSY;
    }
    const uint32_t share = share_of(wish);

    for (uint32_t cpu = 0; cpu < CPUS_MAX; cpu++) {
        if ((allowed >> cpu & 1) == 0 || !sched_is_online(cpu) || !promise(cpu, share)) {
            continue;
        }
        const exo_status_t status = thread_affinity_set(self, 1ull << cpu);

        KASSERT(status == EXO_OK);
        self->deadline_affinity = allowed;
        self->promised = share;
        self->budget.relative_ns = wish->deadline_ns;
        self->budget.period_ns = wish->period_ns;
        sched_change(self, change_deadline, wish->runtime_ns);
        sched_own_level_set(self, LEVEL_DEADLINE);
        return EXO_OK;
    }
    return EXO_ERR_NO_RESOURCES;
}

void sched_refill(struct timer *timer)
{
    struct thread *const thread = container_of(timer, struct thread, budget.refill);
    const uint32_t cpu = atomic_load_explicit(&thread->cpu, memory_order_relaxed);
    struct sched_cpu *const target = &g_sched_cpu[cpu]; /* deadline threads do not change CPUs */
    const hal_irq_t irq = spin_lock_irq(&target->queue.lock);
    struct sched_budget *const budget = &thread->budget;
    enum wake_action action = WAKE_NOTHING;

    bool again = false;
    uint64_t again_ns = 0;

    if (budget->is_spent) {
        budget->deadline_ns = budget->period_end_ns + budget->relative_ns;
        budget->period_end_ns += budget->period_ns;
        budget->left_ns += (int64_t)budget->runtime_ns; /* what it ran too long is paid for */
        budget->refills++;
        again = budget->left_ns <= 0;
        again_ns = budget->period_end_ns;
    }
    if (budget->is_spent && !again) {
        budget->is_spent = false;
        g_sched_policy->enqueue(&target->queue, thread, false);
        action = sched_wake_action_locked(target, thread, cpu == hal_cpu_id());
    }
    spin_unlock_irq(&target->queue.lock, irq);
    if (again) {
        timer_arm(timer, again_ns);
    }
    sched_wake_act(target, cpu, action);
}

/* The current deadline thread has used up its budget. */
void sched_on_budget(struct timer *timer)
{
    (void)timer;
    hal_resched_set();
}

void sched_deadline_end(struct thread *thread)
{
    if (thread->budget.runtime_ns == 0) {
        return;
    }
    /* Before it may leave the CPU that made the promise. */
    const uint32_t cpu = atomic_load_explicit(&thread->cpu, memory_order_relaxed);

    sched_own_level_set(thread, LEVEL_NORMAL);
    sched_change(thread, change_deadline, 0);
    sched_change(thread, sched_affinity_change, thread->deadline_affinity);
    (void)timer_cancel_sync(&thread->budget.refill);
    (void)atomic_fetch_sub_explicit(&sched_cpu(cpu)->promised, thread->promised,
                                    memory_order_relaxed);
    thread->promised = 0;
}

void thread_deadline_clear(void)
{
    sched_deadline_end(hal_current());
}
