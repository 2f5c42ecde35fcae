/*
 * core/time/timer.c - a wheel of timers per CPU.
 *
 * Invariants while a queue's lock is free:
 *   (1) a timer with `pending` set is in the wheel of the CPU that its `cpu` names, any other in
 *       none;
 *   (2) the CPU's hardware deadline `programmed_ns` is not later than the wheel's least deadline,
 *       or an interrupt is on its way to this CPU that will see to it, or under way. It may be
 *       earlier: cancelling does not touch the hardware, the interrupt then finds nothing due. It
 *       is later only for timers that an interrupt has left over, (4);
 *   (3) `running` is the timer whose callback runs on this CPU now. A timer does not leave the CPU
 *       where it is running, so its callback never runs twice at a time;
 *   (4) one interrupt takes TIMER_STEPS_MAX steps at most, each a callback or a piece of pouring of
 *       bounded length; before the next it leaves as much time as it took. So however many timers
 *       are due, threads and other interrupts go on.
 * A timer changes its CPU only under the lock of the CPU it leaves, while it is not pending.
 */
#include "exo/time/timer.h"

#include "exo/debug/trace.h"
#include "exo/lib/assert.h"
#include "exo/sync/spinlock.h"

#include "wheel.h"

struct timer_queue {
    struct spinlock lock;
    struct wheel wheel;              /* [t] */
    uint64_t programmed_ns;          /* [o] own CPU, interrupts off */
    _Atomic(struct timer *) running; /* written under the lock, read by timer_cancel_sync() */
    uint64_t pending;                /* [t] count */
    uint64_t fired;                  /* [t] count */
    uint64_t interrupts;             /* [t] count */
} EXO_ALIGNED(CACHE_LINE);

static struct timer_queue g_queue[CPUS_MAX] = {
    [0 ... CPUS_MAX - 1] = { .lock = SPINLOCK_INIT(RANK_TIMER), .programmed_ns = CLOCK_NEVER },
};

void timer_init(struct timer *timer, void (*fire)(struct timer *timer))
{
    *timer = (struct timer){ .fire = fire };
}

/* Lock the queue that `timer` belongs to. */
static struct timer_queue *lock_queue_of(struct timer *timer, hal_irq_t *irq)
{
    for (;;) {
        const uint32_t cpu = atomic_load_explicit(&timer->cpu, memory_order_relaxed);
        struct timer_queue *const queue = &g_queue[cpu];

        *irq = spin_lock_irq(&queue->lock);
        /* Acquire, here of all places: the timer may have gone away and come back since the first
         * look, and this CPU did not pass through the lock of the queue that it came from. */
        if (atomic_load_explicit(&timer->cpu, memory_order_acquire) == cpu) {
            return queue;
        }
        spin_unlock_irq(&queue->lock, *irq);
    }
}

static bool remove_locked(struct timer_queue *queue, struct timer *timer)
{
    spin_assert_held(&queue->lock);
    if (!timer->pending) {
        return false;
    }
    wheel_remove(&queue->wheel, timer);
    timer->pending = false;
    queue->pending--;
    return true;
}

static void add_locked(struct timer_queue *queue, struct timer *timer, uint64_t deadline_ns)
{
    spin_assert_held(&queue->lock);
    timer->deadline_ns = deadline_ns;
    timer->pending = true;
    queue->pending++;
    wheel_add(&queue->wheel, timer);
}

static bool is_running(struct timer_queue *queue, const struct timer *timer)
{
    return atomic_load_explicit(&queue->running, memory_order_acquire) == timer;
}

/* Make the hardware deadline no later than `deadline_ns`.  Context: the queue's own CPU. */
static void program_locked(struct timer_queue *queue, uint64_t deadline_ns)
{
    spin_assert_held(&queue->lock);
    if (deadline_ns < queue->programmed_ns) {
        queue->programmed_ns = deadline_ns;
        hal_timer_set(deadline_ns);
    }
}

void timer_arm(struct timer *timer, uint64_t deadline_ns)
{
    hal_irq_t outer = hal_irq_save(); /* this CPU stays this CPU */
    const uint32_t here = hal_cpu_id();

    for (;;) {
        hal_irq_t irq;
        struct timer_queue *const queue = lock_queue_of(timer, &irq);
        const uint32_t cpu = atomic_load_explicit(&timer->cpu, memory_order_relaxed);

        (void)remove_locked(queue, timer);
        if (cpu != here && !is_running(queue, timer) && deadline_ns != CLOCK_NEVER) {
            /* Release: who finds it here may not have passed through the lock that we hold. */
            atomic_store_explicit(&timer->cpu, here, memory_order_release);
            spin_unlock_irq(&queue->lock, irq);
            continue;
        }
        if (deadline_ns != CLOCK_NEVER) {
            add_locked(queue, timer, deadline_ns);
            if (cpu == here) {
                program_locked(queue, deadline_ns);
            } /* else its callback runs there, in an interrupt that looks again before it ends */
        }
        spin_unlock_irq(&queue->lock, irq);
        break;
    }
    hal_irq_restore(outer);
}

bool timer_cancel(struct timer *timer)
{
    hal_irq_t irq;
    struct timer_queue *const queue = lock_queue_of(timer, &irq);
    const bool was_pending = remove_locked(queue, timer);

    spin_unlock_irq(&queue->lock, irq);
    return was_pending;
}

bool timer_cancel_sync(struct timer *timer)
{
    bool was_pending = false;

    for (;;) {
        hal_irq_t irq;
        struct timer_queue *const queue = lock_queue_of(timer, &irq);
        const bool running = is_running(queue, timer);

        /* A callback that arms its timer again makes it pending again: look anew after it has
         * ended. */
        was_pending = remove_locked(queue, timer) || was_pending;
        spin_unlock_irq(&queue->lock, irq);
        if (!running) {
            return was_pending;
        }
        while (is_running(queue, timer)) {
            hal_pause();
        }
    }
}

/* Take the first due timer out; NULL if none is due at `now_ns`. */
static struct timer *take_due_locked(struct timer_queue *queue, uint64_t now_ns)
{
    struct timer *const timer = wheel_first(&queue->wheel, now_ns);

    if (timer != NULL) {
        (void)remove_locked(queue, timer);
        queue->fired++;
    }
    return timer;
}

/* Do one piece of what is due: pour a batch, or fire a timer, the lock free meanwhile. False if
 * nothing is due. */
static bool step_locked(struct timer_queue *queue, uint64_t now_ns, hal_irq_t *irq)
{
    spin_assert_held(&queue->lock);
    if (wheel_pour(&queue->wheel, now_ns)) {
        spin_unlock_irq(&queue->lock, *irq); /* others want to cancel */
        *irq = spin_lock_irq(&queue->lock);
        return true;
    }
    struct timer *const timer = take_due_locked(queue, now_ns);

    if (timer == NULL) {
        return false;
    }
    const uint64_t deadline_ns = timer->deadline_ns; /* it may be armed again once unlocked */

    atomic_store_explicit(&queue->running, timer, memory_order_relaxed);
    spin_unlock_irq(&queue->lock, *irq);
    trace_event(TRACE_TIMER, (uintptr_t)timer->fire, deadline_ns);
    timer->fire(timer);
    *irq = spin_lock_irq(&queue->lock);
    /* Release: whoever sees that it runs no more may let the storage go. */
    atomic_store_explicit(&queue->running, NULL, memory_order_release);
    return true;
}

/* When the next interrupt is wanted. With too much to do at once, others get as much time before it
 * as this one took. */
static uint64_t next_interrupt_ns(const struct timer_queue *queue, bool is_spent, uint64_t began_ns)
{
    const uint64_t next_ns = wheel_next_ns(&queue->wheel);

    if (!is_spent) {
        return next_ns;
    }
    const uint64_t now_ns = hal_clock_ns();

    return max_u64(next_ns, now_ns + (now_ns - began_ns));
}

void timer_on_interrupt(void)
{
    struct timer_queue *const queue = &g_queue[hal_cpu_id()];
    const uint64_t now_ns = hal_clock_ns();
    hal_irq_t irq = spin_lock_irq(&queue->lock);
    uint32_t step = 0;

    queue->interrupts++;
    queue->programmed_ns = 0; /* what callbacks arm is seen below */
    while (step < TIMER_STEPS_MAX && step_locked(queue, now_ns, &irq)) {
        step++;
    }
    queue->programmed_ns = CLOCK_NEVER;
    program_locked(queue, next_interrupt_ns(queue, step == TIMER_STEPS_MAX, now_ns));
    spin_unlock_irq(&queue->lock, irq);
}

void timer_stats(uint32_t cpu, struct timer_stats *out)
{
    struct timer_queue *const queue = &g_queue[cpu];

    KASSERT(cpu < CPUS_MAX);
    const hal_irq_t irq = spin_lock_irq(&queue->lock);

    *out = (struct timer_stats){
        .pending = queue->pending,
        .fired = queue->fired,
        .interrupts = queue->interrupts,
        .next_ns = wheel_next_ns(&queue->wheel),
    };
    spin_unlock_irq(&queue->lock, irq);
}
