/*
 * core/sched/priority.c - what a thread may ask for: level, weight, CPUs, a share by deadlines.
 *
 * Invariants:
 *   (1) a thread's level in effect is the more urgent of its own and what it inherits;
 *   (2) the promises to the deadline threads of a CPU stay within PROMISE_MAX, and such a thread
 *       runs on the CPU that it was promised only.
 */
#include "exo/lib/assert.h"
#include "exo/time/clock.h"

#include "sched_private.h"

#define PROMISE_MAX 950000u /* millionths of a CPU; the rest keeps the others alive */

static void change_weight(struct thread *thread, uint64_t inverse)
{
    thread->entity.inverse = (uint32_t)inverse;
}

static void change_round_robin(struct thread *thread, uint64_t value)
{
    thread->entity.round_robin = value != 0;
}

static void change_affinity(struct thread *thread, uint64_t mask)
{
    atomic_store_explicit(&thread->affinity, mask, memory_order_relaxed);
}

exo_status_t thread_nice_set(struct thread *thread, int nice)
{
    if (nice < NICE_MIN || nice > NICE_MAX) {
        return EXO_ERR_INVALID;
    }
    sched_change(thread, change_weight, sched_inverse_weight(nice));
    return EXO_OK;
}

exo_status_t thread_class_set(struct thread *thread, enum thread_class class, uint32_t priority)
{
    uint8_t level = LEVEL_NORMAL;

    if (thread->budget.runtime_ns != 0) {
        return EXO_ERR_BUSY;
    }
    switch (class) {
    case THREAD_CLASS_FIFO:
    case THREAD_CLASS_ROUND_ROBIN:
        if (priority > REALTIME_MAX) {
            return EXO_ERR_INVALID;
        }
        level = (uint8_t)(LEVEL_REALTIME + REALTIME_MAX - priority);
        break;
    case THREAD_CLASS_NORMAL:
        break;
    case THREAD_CLASS_IDLE:
        level = LEVEL_IDLE;
        break;
    default:
        return EXO_ERR_INVALID;
    }
    sched_change(thread, change_round_robin, class == THREAD_CLASS_ROUND_ROBIN);
    sched_own_level_set(thread, level);
    return EXO_OK;
}

exo_status_t thread_affinity_set(struct thread *thread, uint64_t cpus)
{
    bool any = false;

    for (uint32_t cpu = 0; cpu < CPUS_MAX; cpu++) {
        any = any || ((cpus >> cpu & 1) != 0 && sched_is_online(cpu));
    }
    if (!any) {
        return EXO_ERR_INVALID;
    }
    if (thread->budget.runtime_ns != 0) {
        return EXO_ERR_BUSY;
    }
    sched_change(thread, change_affinity, cpus);
    if (thread == hal_current()) {
        thread_yield(); /* if this CPU is not among them, we are on another one afterwards */
    }
    return EXO_OK;
}

/* ---- deadlines ---- */

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

void sched_deadline_end(struct thread *thread)
{
    if (thread->budget.runtime_ns == 0) {
        return;
    }
    sched_own_level_set(thread, LEVEL_NORMAL);
    sched_change(thread, change_deadline, 0);
    sched_change(thread, change_affinity, thread->deadline_affinity);
    (void)timer_cancel_sync(&thread->budget.refill);
    (void)atomic_fetch_sub_explicit(
        &sched_cpu(atomic_load_explicit(&thread->cpu, memory_order_relaxed))->promised,
        thread->promised, memory_order_relaxed);
    thread->promised = 0;
}

void thread_deadline_clear(void)
{
    sched_deadline_end(hal_current());
}
