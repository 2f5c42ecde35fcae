/*
 * core/sched/sched.c - choosing, switching and waking threads.
 *
 *   READY --sched_switch()--> RUNNING --sched_switch()--> READY     preempted or yielding
 *   RUNNING --thread_park()--> BLOCKED --sched_make_ready()--> READY
 *   RUNNING --thread_exit()--> DEAD
 *
 * Invariants:
 *   (1) a thread is in at most one run queue, that of thread->cpu, and then READY; RUNNING on at
 *       most one CPU, whose queue.current and hal_current() it is;
 *   (2) on_cpu is true from before a CPU enters its context until after the switch away is
 *       complete. Only that CPU runs the thread meanwhile: a wake-up queues it there and nobody
 *       steals it. So no context is entered before it is saved (release by sched_arrive(), acquire
 *       by select_cpu() and steal());
 *   (3) BLOCKED is left by the one waker that replaced PARK_PARKED, and by nobody else;
 *   (4) RUNNING -> READY and READY -> RUNNING happen on the thread's CPU; -> READY under the lock
 *       of the queue it enters, so sched_switch(), holding it, sees whether a blocking thread was
 *       woken already;
 *   (5) a CPU whose queue has threads that wait beside a running one has its tick armed or an
 *       interrupt on its way (`kicked`); one with none has no tick: it is tickless;
 *   (6) a CPU that idles has its bit in g_idle_mask unless a waker has claimed it; a claimed CPU
 *       gets the thread and an interrupt. The interrupt is pended while the CPU is on its way into
 *       hal_cpu_idle(), which then returns at once;
 *   (7) locks of two queues are never held together;
 *   (8) whoever changes a thread's level stores it, then finds its queue by thread->cpu; whoever
 *       moves a ready thread stores thread->cpu, then reads the level: one of them sees the other.
 * A missed look from one CPU at another's queue (a thread waits though a CPU idles) is cured by the
 * next tick, at the latest after tick_ns: the loads of g_idle_mask and `stealable` need no order
 * between them.
 */
#include "exo/debug/boot.h"
#include "exo/lib/assert.h"
#include "exo/lib/string.h"

#include "sched_private.h"

#define BALANCE_TICKS 16u /* between two looks for a CPU with less to do */

static struct sched_cpu g_cpu[CPUS_MAX];
static _Atomic uint64_t g_idle_mask; /* bit per CPU that idles and is not claimed */
static _Atomic uint32_t
    g_cpu_limit; /* above the number of every CPU whose queue is made; only grows, by release */
static const struct sched_policy *g_policy = &g_sched_policy_fair; /* constant from the boot on */

_Static_assert(CPUS_MAX <= 64, "g_idle_mask has a bit per CPU");

static exo_status_t param_sched(const char *value)
{
    static const struct sched_policy *const policies[] = { &g_sched_policy_fair,
                                                           &g_sched_policy_fifo };

    for (size_t i = 0; i < ARRAY_COUNT(policies); i++) {
        if (str_equal(value, policies[i]->name)) {
            g_policy = policies[i];
            return EXO_OK;
        }
    }
    return EXO_ERR_INVALID;
}
EXO_BOOT_PARAM(sched, "sched", "scheduling policy: fair (default) or rr", param_sched);

const char *sched_policy_name(void)
{
    return g_policy->name;
}

struct sched_cpu *sched_cpu(uint32_t cpu)
{
    return &g_cpu[cpu];
}

static uint64_t cpu_bit(uint32_t cpu)
{
    return 1ull << cpu;
}

static void count_up(_Atomic uint64_t *counter, uint64_t by)
{
    /* One writer: no read-modify-write needed. */
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + by,
                          memory_order_relaxed);
}

/* ---- the tick ---- */

/* Decide under the lock whether the tick has to be armed; the caller does so after unlocking. */
static bool tick_claim_locked(struct run_queue *queue)
{
    if (queue->count == 0 || queue->tick_armed) {
        return false;
    }
    queue->tick_armed = true;
    return true;
}

static void tick_arm(struct sched_cpu *self)
{
    timer_arm(&self->tick, clock_deadline_ns(g_policy->tick_ns));
}

/* ---- waking ---- */

/* Take an idle CPU for a thread that is about to be queued there (6). */
static bool idle_claim(uint32_t cpu)
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

static uint32_t select_cpu(struct thread *thread)
{
    const uint32_t home = atomic_load_explicit(&thread->cpu, memory_order_relaxed);

    const uint64_t allowed = atomic_load_explicit(&thread->affinity, memory_order_relaxed);

    /* Acquire: if it is off its CPU, its context is whole (2). */
    if (atomic_load_explicit(&thread->on_cpu, memory_order_acquire)) {
        return home; /* even if it may not run there any more: it moves on when it is picked */
    }
    if ((allowed & (allowed - 1)) == 0) {
        return (uint32_t)__builtin_ctzll(allowed);
    }
    if (thread_allows(thread, home) && idle_claim(home)) {
        return home;
    }
    for (uint64_t mask = atomic_load_explicit(&g_idle_mask, memory_order_relaxed) & allowed;
         mask != 0; mask &= mask - 1) {
        const uint32_t cpu = (uint32_t)__builtin_ctzll(mask);

        if (idle_claim(cpu)) {
            return cpu;
        }
    }
    return thread_allows(thread, home) ? home : first_online(allowed);
}

enum wake_action { WAKE_NOTHING, WAKE_RESCHED, WAKE_TICK, WAKE_KICK };

/* What the CPU of `queue` must be told of `thread`, just queued. */
static enum wake_action wake_action_locked(struct sched_cpu *target, const struct thread *thread,
                                           bool is_here)
{
    struct run_queue *const queue = &target->queue;
    const bool urgent = queue->current == &target->idle || g_policy->preempts(queue, thread);

    if (!thread->entity.queued) {
        return WAKE_NOTHING; /* a deadline thread whose budget is spent */
    }

    if (is_here) {
        if (urgent) {
            return WAKE_RESCHED;
        }
        return tick_claim_locked(queue) ? WAKE_TICK : WAKE_NOTHING;
    }
    if (queue->kicked || (!urgent && queue->tick_armed)) {
        queue->look_again = queue->look_again || urgent;
        return WAKE_NOTHING;
    }
    queue->kicked = true;
    queue->look_again = queue->look_again || urgent;
    return WAKE_KICK;
}

/* Let the current thread of the queue pay for its time so far. */
static void charge_current_locked(struct sched_cpu *self, uint64_t now)
{
    struct run_queue *const queue = &self->queue;

    /* Clocks of two CPUs may differ by a little. */
    if (queue->current != &self->idle && (int64_t)(now - queue->charged_at) > 0) {
        g_policy->charge(queue, queue->current, now - queue->charged_at);
        queue->charged_at = now;
    }
}

/* Tell the CPU what wake_action_locked() found, with its queue unlocked. */
static void wake_act(struct sched_cpu *target, uint32_t cpu, enum wake_action action)
{
    switch (action) {
    case WAKE_NOTHING:
        break;
    case WAKE_RESCHED:
        hal_resched_set();
        break;
    case WAKE_TICK:
        tick_arm(target);
        break;
    case WAKE_KICK:
        hal_cpu_send_ipi(cpu, HAL_IPI_RESCHED);
        break;
    }
}

/* Queue it there. Interrupts are off. */
static void ready_on(struct thread *thread, uint32_t cpu, bool is_woken)
{
    struct sched_cpu *const target = &g_cpu[cpu];
    const uint64_t now = hal_cycles();
    const uint32_t before = atomic_load_explicit(&thread->cpu, memory_order_relaxed);

    if (before != cpu) {
        /* Before the level is read, in the one order that sched_change() is in too (8). */
        atomic_store_explicit(&thread->cpu, cpu, memory_order_seq_cst);
    }
    const hal_irq_t irq = spin_lock_irq(&target->queue.lock);

    atomic_store_explicit(&thread->state, THREAD_READY, memory_order_relaxed);
    if (is_woken) {
        atomic_store_explicit(&thread->ready_at, now, memory_order_relaxed);
    }
    charge_current_locked(target, now);
    g_policy->enqueue(&target->queue, thread, is_woken);
    const bool is_refilled_later = !thread->entity.queued;
    const enum wake_action action = wake_action_locked(target, thread, cpu == hal_cpu_id());
    const uint64_t refill_ns = thread->budget.period_end_ns;

    spin_unlock_irq(&target->queue.lock, irq); /* from here on `thread` may be gone */
    if (is_refilled_later) {
        timer_arm(&thread->budget.refill, refill_ns); /* it cannot run, so it is not gone */
    }
    wake_act(target, cpu, action);
}

void sched_make_ready(struct thread *thread)
{
    const hal_irq_t outer = hal_irq_save();

    ready_on(thread, select_cpu(thread), true);
    hal_irq_restore(outer);
    preempt_check();
}

void sched_refill(struct timer *timer)
{
    struct thread *const thread = container_of(timer, struct thread, budget.refill);
    const uint32_t cpu = atomic_load_explicit(&thread->cpu, memory_order_relaxed);
    struct sched_cpu *const target = &g_cpu[cpu]; /* deadline threads do not change CPUs */
    const hal_irq_t irq = spin_lock_irq(&target->queue.lock);
    struct sched_budget *const budget = &thread->budget;
    enum wake_action action = WAKE_NOTHING;

    bool again = false;
    uint64_t again_ns = 0;

    if (budget->is_spent) {
        budget->deadline_ns = budget->period_end_ns + budget->relative_ns;
        budget->period_end_ns += budget->period_ns;
        budget->left_ns += (int64_t)budget->runtime_ns; /* what it ran too long is paid for */
        again = budget->left_ns <= 0;
        again_ns = budget->period_end_ns;
    }
    if (budget->is_spent && !again) {
        budget->is_spent = false;
        g_policy->enqueue(&target->queue, thread, false);
        action = wake_action_locked(target, thread, cpu == hal_cpu_id());
    }
    spin_unlock_irq(&target->queue.lock, irq);
    if (again) {
        timer_arm(timer, again_ns);
    }
    wake_act(target, cpu, action);
}

void sched_change(struct thread *thread, void (*change)(struct thread *thread, uint64_t value),
                  uint64_t value)
{
    const hal_irq_t outer = hal_irq_save();

    for (bool done = false; !done;) {
        /* seq_cst: with the store in ready_on(), so that either it sees the new level, or we its
         * new CPU (8). */
        atomic_thread_fence(memory_order_seq_cst);
        const uint32_t cpu = atomic_load_explicit(&thread->cpu, memory_order_seq_cst);
        struct sched_cpu *const target = &g_cpu[cpu];
        struct run_queue *const queue = &target->queue;
        enum wake_action action = WAKE_NOTHING;
        const hal_irq_t irq = spin_lock_irq(&queue->lock);

        done = atomic_load_explicit(&thread->cpu, memory_order_relaxed) == cpu;
        if (done && thread->entity.queued && thread->entity.home == queue) {
            g_policy->dequeue(queue, thread);
            change(thread, value);
            g_policy->enqueue(queue, thread, false);
            action = wake_action_locked(target, thread, cpu == hal_cpu_id());
        } else if (done) {
            change(thread, value);
            if (queue->current == thread) {
                action = cpu == hal_cpu_id() ? WAKE_RESCHED : WAKE_KICK; /* or elsewhere */
                queue->look_again = true;
            }
        }
        spin_unlock_irq(&queue->lock, irq);
        wake_act(target, cpu, action);
    }
    hal_irq_restore(outer);
    preempt_check();
}

void sched_on_resched(void)
{
    struct sched_cpu *const self = &g_cpu[hal_cpu_id()];
    const hal_irq_t irq = spin_lock_irq(&self->queue.lock);
    const bool is_idle = self->queue.current == &self->idle;

    const bool look = self->queue.look_again;

    self->queue.kicked = false;
    self->queue.look_again = false;
    const bool tick = !is_idle && tick_claim_locked(&self->queue);

    spin_unlock_irq(&self->queue.lock, irq);
    if (is_idle || look) {
        hal_resched_set(); /* for its own queue, or for a thread of another CPU's (nudge) */
    }
    if (tick) {
        tick_arm(self);
    }
}

/* ---- balancing ---- */

/* Give one cold thread to the CPU with the least to do, if that has at least two threads fewer. */
static void balance(struct sched_cpu *self)
{
    const uint32_t limit = atomic_load_explicit(&g_cpu_limit, memory_order_acquire);
    const uint32_t mine = atomic_load_explicit(&self->queue.stealable, memory_order_relaxed);
    uint32_t least = mine;
    uint32_t to = CPUS_MAX;

    for (uint32_t cpu = 0; cpu < limit; cpu++) {
        if (sched_is_online(cpu) && &g_cpu[cpu] != self) {
            /* A glance without the lock, by which nothing stands or falls. */
            const uint32_t others =
                atomic_load_explicit(&g_cpu[cpu].queue.stealable, memory_order_relaxed);

            to = others < least ? cpu : to;
            least = others < least ? others : least;
        }
    }
    if (to == CPUS_MAX || least + 2 > mine) {
        return;
    }
    const hal_irq_t irq = spin_lock_irq(&self->queue.lock);
    struct thread *const thread = g_policy->find(&self->queue, to, true);

    if (thread != NULL) {
        g_policy->dequeue(&self->queue, thread);
    }
    spin_unlock_irq(&self->queue.lock, irq);
    if (thread != NULL) {
        count_up(&self->moved, 1);
        ready_on(thread, to, false);
    }
}

/* The tick, on its own CPU in its interrupt. */
static void on_tick(struct timer *timer)
{
    struct sched_cpu *const self = container_of(timer, struct sched_cpu, tick);
    const uint64_t ran_ns = clock_cycles_to_ns(hal_cycles() - self->switched_at);
    const hal_irq_t irq = spin_lock_irq(&self->queue.lock);
    const bool is_over = self->queue.current == &self->idle
                             ? self->queue.count > 0
                             : g_policy->on_tick(&self->queue, ran_ns);

    self->queue.tick_armed = false;
    const bool again = tick_claim_locked(&self->queue);

    spin_unlock_irq(&self->queue.lock, irq);
    count_up(&self->ticks, 1);
    if (atomic_load_explicit(&self->ticks, memory_order_relaxed) % BALANCE_TICKS == 0) {
        balance(self);
    }
    if (is_over) {
        hal_resched_set();
    }
    if (again) {
        tick_arm(self);
    }
}

/* The current deadline thread has used up its budget. */
static void on_budget(struct timer *timer)
{
    (void)timer;
    hal_resched_set();
}

/* ---- switching ---- */

/* Take a waiting thread from another CPU; NULL if there is none. */
static struct thread *steal(struct sched_cpu *self, uint32_t here)
{
    const uint32_t limit = atomic_load_explicit(&g_cpu_limit, memory_order_acquire);

    for (uint32_t i = 1; i < limit; i++) {
        struct sched_cpu *const victim = &g_cpu[(here + i) % limit];

        if (atomic_load_explicit(&victim->queue.stealable, memory_order_relaxed) == 0 &&
            atomic_load_explicit(&victim->queue.choosy, memory_order_relaxed) == 0) {
            continue;
        }
        const hal_irq_t irq = spin_lock_irq(&victim->queue.lock);
        struct thread *const thread = g_policy->find(&victim->queue, here, false);

        if (thread != NULL) {
            g_policy->dequeue(&victim->queue, thread);
        }
        spin_unlock_irq(&victim->queue.lock, irq);
        if (thread != NULL) {
            count_up(&self->stolen, 1);
            atomic_store_explicit(&thread->cpu, here, memory_order_seq_cst);
            return thread;
        }
    }
    return NULL;
}

/* What has to be done once the queue is unlocked. */
struct after {
    bool tick;            /* arm the tick */
    struct thread *spent; /* arm the refill of its budget */
};

/* Queue `prev`, which could go on, behind or before the others. */
static void requeue(struct run_queue *queue, uint32_t here, struct thread *prev,
                    struct after *after)
{
    atomic_store_explicit(&prev->state, THREAD_READY, memory_order_relaxed);
    if (EXO_UNLIKELY(!thread_allows(prev, here))) {
        prev->is_moving = true; /* sched_arrive() queues it elsewhere */
        return;
    }
    g_policy->enqueue(queue, prev, false);
    if (EXO_UNLIKELY(!prev->entity.queued)) {
        after->spent = prev;
    }
}

/* Choose from this CPU's queue, `prev` among the candidates if it can go on; the idle thread if
 * none. */
static struct thread *choose_own(struct sched_cpu *self, struct thread *prev, uint64_t now,
                                 struct after *after)
{
    struct run_queue *const queue = &self->queue;
    const uint32_t here = hal_cpu_id();
    const hal_irq_t irq = spin_lock_irq(&queue->lock);
    const bool goes_on = prev != &self->idle &&
                         atomic_load_explicit(&prev->state, memory_order_relaxed) == THREAD_RUNNING;
    struct thread *next = prev;

    hal_resched_clear();
    charge_current_locked(self, now);
    if (!goes_on || queue->count > 0 || (prev->has_deadlines && prev->budget.left_ns < 0) ||
        !thread_allows(prev, here)) {
        if (goes_on) {
            requeue(queue, here, prev, after);
        }
        next = g_policy->pick(queue);
        next = next != NULL ? next : &self->idle;
    }
    if (EXO_UNLIKELY(!thread_allows(next, here))) {
        hal_resched_set(); /* its affinity changed while it waited: it moves on at once */
    }
    atomic_store_explicit(&next->state, THREAD_RUNNING, memory_order_relaxed);
    queue->current = next;
    queue->charged_at = now;
    after->tick = tick_claim_locked(queue);
    spin_unlock_irq(&queue->lock, irq);
    return next;
}

/* Choose the next thread and make it this CPU's current one in the queue's eyes. */
static struct thread *choose(struct sched_cpu *self, uint32_t here, struct thread *prev,
                             uint64_t now)
{
    struct after after = { .tick = false };
    struct thread *next = choose_own(self, prev, now, &after);

    if (after.tick) {
        tick_arm(self);
    }
    if (EXO_UNLIKELY(after.spent != NULL)) {
        timer_arm(&after.spent->budget.refill, after.spent->budget.period_end_ns);
    }
    if (EXO_UNLIKELY(next->has_deadlines)) {
        timer_arm(&self->budget, clock_deadline_ns((uint64_t)next->budget.left_ns));
    }
    if (next != &self->idle) {
        return next;
    }
    struct thread *const stolen = steal(self, here);

    if (stolen == NULL) {
        return next;
    }
    /* In nobody's queue and nobody else's to wake: ours. Who queued a thread here meanwhile saw the
     * idle thread and sent an interrupt or set the reschedule flag, which we keep. */
    const hal_irq_t irq = spin_lock_irq(&self->queue.lock);

    atomic_store_explicit(&stolen->state, THREAD_RUNNING, memory_order_relaxed);
    self->queue.current = stolen;
    spin_unlock_irq(&self->queue.lock, irq);
    return stolen;
}

/* If threads wait here that another CPU could run, and one idles, wake it to take one. */
static void nudge(const struct sched_cpu *self)
{
    if (atomic_load_explicit(&self->queue.stealable, memory_order_relaxed) == 0) {
        return;
    }
    const uint64_t mask = atomic_load_explicit(&g_idle_mask, memory_order_relaxed);

    if (mask != 0 && idle_claim((uint32_t)__builtin_ctzll(mask))) {
        hal_cpu_send_ipi((uint32_t)__builtin_ctzll(mask), HAL_IPI_RESCHED);
    }
}

void sched_arrive(void)
{
    struct sched_cpu *const self = &g_cpu[hal_cpu_id()]; /* not the CPU that the thread left from */
    struct thread *const left = self->leaving;
    const bool is_dead = atomic_load_explicit(&left->state, memory_order_relaxed) == THREAD_DEAD;
    const bool is_moving = left->is_moving;

    left->is_moving = false;

    /* Release: its context is saved, whoever sees this may enter it (2). */
    atomic_store_explicit(&left->on_cpu, false, memory_order_release);
    if (is_dead) {
        thread_bury(left);
    } else if (EXO_UNLIKELY(is_moving)) {
        ready_on(left, select_cpu(left), false);
    }
    nudge(self);
}

/* How long it took from the wake-up to this switch. */
static void latency_record(struct sched_cpu *self, struct thread *thread, uint64_t now)
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

static void switch_to(struct sched_cpu *self, struct thread *prev, struct thread *next,
                      uint64_t now)
{
    count_up(&prev->run_cycles, now - self->switched_at);
    count_up(&next->switches, 1);
    count_up(&self->switches, 1);
    latency_record(self, next, now);
    self->switched_at = now;
    self->leaving = prev;
    if (prev == &self->idle) {
        (void)idle_claim(hal_cpu_id()); /* no longer idle, whoever claimed it */
    }
    atomic_store_explicit(&next->on_cpu, true, memory_order_relaxed);
    hal_current_set(next);
    if (atomic_load_explicit(&prev->state, memory_order_relaxed) == THREAD_DEAD) {
        hal_context_leave(&prev->context, &next->context);
    }
    hal_context_switch(&prev->context, &next->context);
    sched_arrive();
}

void sched_switch(void)
{
    const uint32_t here = hal_cpu_id();
    struct sched_cpu *const self = &g_cpu[here];
    struct thread *const prev = hal_current();
    const uint64_t now = hal_cycles();

    KASSERT_DEBUG(!hal_irq_enabled());
    KASSERT_DEBUG(preempt_count() == 0);
    spin_assert_none_held();
    epoch_quiescent();
    struct thread *const next = choose(self, here, prev, now);

    if (next != prev) {
        switch_to(self, prev, next, now);
    }
}

void sync_preempt(void)
{
    while (hal_irq_enabled() && hal_preempt_word() == 0) {
        hal_irq_disable();
        if (hal_preempt_word() == 0) {
            sched_switch();
        }
        hal_irq_enable();
    }
}

/* ---- CPUs ---- */

static void cpu_limit_raise(uint32_t limit)
{
    uint32_t now = atomic_load_explicit(&g_cpu_limit, memory_order_acquire);

    while (now < limit &&
           !atomic_compare_exchange_weak_explicit(&g_cpu_limit, &now, limit, memory_order_release,
                                                  memory_order_relaxed)) {
    }
}

void sched_cpu_init(void)
{
    const uint32_t cpu = hal_cpu_id();
    struct sched_cpu *const self = &g_cpu[cpu];
    const struct thread_spec spec = { .name = "idle", .cpu = cpu };
    const bool is_first = atomic_load_explicit(&g_cpu_limit, memory_order_relaxed) == 0;

    KASSERT(!atomic_load_explicit(&self->online, memory_order_relaxed));
    run_queue_init(&self->queue);
    if (is_first) {
        g_policy->init(&self->queue);
    }
    timer_init(&self->tick, on_tick);
    timer_init(&self->budget, on_budget);
    thread_setup(&self->idle, &spec);
    atomic_store_explicit(&self->idle.state, THREAD_RUNNING, memory_order_relaxed);
    atomic_store_explicit(&self->idle.on_cpu, true, memory_order_relaxed);
    self->queue.current = &self->idle;
    atomic_store_explicit(&self->idle.entity.level, LEVEL_IDLE + 1, memory_order_relaxed);
    self->switched_at = hal_cycles();
    hal_current_set(&self->idle);
    epoch_rest_leave();
    cpu_limit_raise(cpu + 1);
    atomic_store_explicit(&self->online, true, memory_order_release);
}

/* Anything on another CPU's queue that this one could run? */
static bool is_work_elsewhere(uint32_t here)
{
    const uint32_t limit = atomic_load_explicit(&g_cpu_limit, memory_order_acquire);

    for (uint32_t i = 1; i < limit; i++) {
        if (atomic_load_explicit(&g_cpu[(here + i) % limit].queue.stealable,
                                 memory_order_relaxed) != 0) {
            return true;
        }
    }
    return false;
}

/* Sleep until an interrupt, unless there is something to do. Interrupts off before and after. */
static void idle_wait(struct sched_cpu *self, uint32_t here)
{
    atomic_fetch_or_explicit(&g_idle_mask, cpu_bit(here), memory_order_relaxed);
    if (!is_work_elsewhere(here)) {
        self->idle.at_rest = true;
        epoch_rest_enter();
        hal_cpu_idle();
        hal_irq_disable();
        self->idle.at_rest = false;
        epoch_rest_leave();
    } else {
        hal_resched_set();
    }
    (void)idle_claim(here);
}

_Noreturn void sched_idle(void)
{
    const uint32_t here = hal_cpu_id();
    struct sched_cpu *const self = &g_cpu[here];

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
    return cpu < CPUS_MAX && atomic_load_explicit(&g_cpu[cpu].online, memory_order_acquire);
}

uint32_t sched_online_count(void)
{
    uint32_t count = 0;

    for (uint32_t cpu = 0; cpu < CPUS_MAX; cpu++) {
        count += sched_is_online(cpu) ? 1 : 0;
    }
    return count;
}
