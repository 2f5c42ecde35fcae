/*
 * core/sched/park.c - waiting: park and unpark, sleep, requests to stop, and what sleeping locks
 * ask of the scheduler.
 *
 * Invariant: see enum park_word. The thread itself turns EMPTY into PARKED and everything into
 * EMPTY; wakers write PERMIT by exchange; the timer writes TIMEOUT over EMPTY or PARKED only. Who
 * replaces PARKED makes the thread ready, once.
 */
#include "exo/debug/trace.h"
#include "exo/sync/preempt.h"
#include "exo/time/clock.h"

#include "sched_private.h"

void thread_yield(void)
{
    if (EXO_CONFIG_DEBUG) { /* not even a call otherwise */
        assert_may_block("thread_yield");
    }
    hal_irq_disable();
    thread_current()->entity.goes_last = true;
    sched_switch();
    hal_irq_enable();
    preempt_check();
}

/* The sleep timer, in its interrupt. */
void thread_on_timeout(struct timer *timer)
{
    struct thread *const thread = container_of(timer, struct thread, sleep_timer);
    uint32_t word = atomic_load_explicit(&thread->park, memory_order_relaxed);

    while (word == PARK_EMPTY || word == PARK_PARKED) {
        if (atomic_compare_exchange_weak_explicit(&thread->park, &word, PARK_TIMEOUT,
                                                  memory_order_acq_rel, memory_order_relaxed)) {
            if (word == PARK_PARKED) {
                sched_make_ready(thread);
            }
            return;
        }
    }
}

/* Sleep unless a permit or the timeout is there already. */
static void block(struct thread *self)
{
    uint32_t word = PARK_EMPTY;

    hal_irq_disable();
    atomic_store_explicit(&self->state, THREAD_BLOCKED, memory_order_relaxed);
    /* Release: who sees PARKED sees BLOCKED. */
    if (atomic_compare_exchange_strong_explicit(&self->park, &word, PARK_PARKED,
                                                memory_order_acq_rel, memory_order_acquire)) {
        trace_event(TRACE_BLOCK, 0, 0);
        sched_switch();
    } else {
        atomic_store_explicit(&self->state, THREAD_RUNNING, memory_order_relaxed);
    }
    hal_irq_enable();
    preempt_check();
}

/* Wait for a permit; `lightly`: also for a signal, which stays until somebody asks for it. */
static exo_status_t park(uint64_t deadline_ns, bool lightly)
{
    struct thread *const self = hal_current();
    const bool is_timed = deadline_ns != CLOCK_NEVER;

    if (atomic_exchange_explicit(&self->park, PARK_EMPTY, memory_order_acquire) == PARK_PERMIT) {
        return EXO_OK;
    }
    if (is_timed) {
        if (deadline_ns <= clock_now_ns()) {
            return EXO_ERR_TIMED_OUT;
        }
        timer_arm(&self->sleep_timer, deadline_ns);
    }
    if (lightly) {
        /* seq_cst, as in signal_send(): either we see the signal, or it sees us wait. */
        atomic_store_explicit(&self->waits_lightly, true, memory_order_seq_cst);
    }
    if (!lightly || atomic_load_explicit(&self->signals, memory_order_seq_cst) == 0) {
        block(self);
    }
    if (lightly) {
        atomic_store_explicit(&self->waits_lightly, false, memory_order_relaxed);
    }
    if (is_timed) {
        /* Its callback must not strike a later park. */
        (void)timer_cancel_sync(&self->sleep_timer);
    }
    const uint32_t word = atomic_exchange_explicit(&self->park, PARK_EMPTY, memory_order_acq_rel);

    return word == PARK_TIMEOUT ? EXO_ERR_TIMED_OUT : EXO_OK;
}

exo_status_t thread_park(uint64_t deadline_ns)
{
    assert_may_block("thread_park");
    return park(deadline_ns, false);
}

/* Take the request to stop waiting; one to end stays. */
static bool signal_take(struct thread *self)
{
    if (atomic_load_explicit(&self->signals, memory_order_relaxed) == 0) {
        return false;
    }
    (void)atomic_fetch_and_explicit(&self->signals, ~THREAD_SIGNAL_INTERRUPT, memory_order_acquire);
    return true;
}

exo_status_t thread_park_interruptible(uint64_t deadline_ns)
{
    struct thread *const self = hal_current();

    assert_may_block("thread_park_interruptible");
    if (signal_take(self)) {
        return EXO_ERR_INTERRUPTED;
    }
    const exo_status_t status = park(deadline_ns, true);

    return signal_take(self) ? EXO_ERR_INTERRUPTED : status;
}

void thread_unpark(struct thread *thread)
{
    /* Release: what the waker did before is seen after the park; acquire: BLOCKED is seen. */
    if (atomic_exchange_explicit(&thread->park, PARK_PERMIT, memory_order_acq_rel) == PARK_PARKED) {
        sched_make_ready(thread);
    }
}

void thread_sleep_ns(uint64_t duration_ns)
{
    const uint64_t deadline_ns = clock_deadline_ns(duration_ns);
    bool permit_used = false;

    while (thread_park(deadline_ns) == EXO_OK) {
        permit_used = true;
    }
    if (permit_used) {
        thread_unpark(hal_current()); /* a wake-up meant for somebody else's wait */
    }
}

exo_status_t thread_sleep_interruptible(uint64_t duration_ns)
{
    const uint64_t deadline_ns = clock_deadline_ns(duration_ns);
    exo_status_t status = EXO_OK;
    bool permit_used = false;

    while ((status = thread_park_interruptible(deadline_ns)) == EXO_OK) {
        permit_used = true;
    }
    if (permit_used) {
        thread_unpark(hal_current());
    }
    return status == EXO_ERR_TIMED_OUT ? EXO_OK : status;
}

static void signal_send(struct thread *thread, uint32_t signal)
{
    (void)atomic_fetch_or_explicit(&thread->signals, signal, memory_order_seq_cst);
    if (atomic_load_explicit(&thread->waits_lightly, memory_order_seq_cst)) {
        thread_unpark(thread);
    }
}

void thread_interrupt(struct thread *thread)
{
    signal_send(thread, THREAD_SIGNAL_INTERRUPT);
}

void thread_kill(struct thread *thread)
{
    signal_send(thread, THREAD_SIGNAL_KILL);
}

bool thread_is_killed(const struct thread *thread)
{
    return (atomic_load_explicit(&thread->signals, memory_order_acquire) & THREAD_SIGNAL_KILL) != 0;
}

void thread_safe_point(void)
{
    if (thread_is_killed(hal_current())) {
        thread_exit(THREAD_KILLED);
    }
}

exo_status_t sync_park(uint64_t deadline_ns)
{
    return thread_park(deadline_ns);
}

void sync_unpark(struct thread *thread)
{
    thread_unpark(thread);
}

void sync_sleep_ns(uint64_t duration_ns)
{
    thread_sleep_ns(duration_ns);
}

bool sync_is_running(const struct thread *thread)
{
    return atomic_load_explicit(&thread->on_cpu, memory_order_relaxed) &&
           atomic_load_explicit(&thread->state, memory_order_relaxed) == THREAD_RUNNING;
}

exo_status_t sync_park_interruptible(uint64_t deadline_ns)
{
    return thread_park_interruptible(deadline_ns);
}
