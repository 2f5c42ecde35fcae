/*
 * core/sched/thread.c - the life of a thread: create, park, sleep, exit, join.
 *
 * A struct thread lies at the top of its own stack. References: one for whoever created it (given
 * back by join or detach), one for itself while it has not been left for ever.
 *
 * Invariants:
 *   (1) a thread never frees its own stack: the CPU that has left it for ever drops its reference
 *       (thread_bury), and the last reference frees through the epoch worker;
 *   (2) so a thread pointer that was valid when a section with preemption off began is valid to its
 *       end;
 *   (3) park word: see enum park_word. The thread itself turns EMPTY into PARKED and everything
 *       into EMPTY; wakers write PERMIT by exchange; the timer writes TIMEOUT over EMPTY or PARKED
 *       only. Who replaces PARKED makes the thread ready, once.
 */
#include "exo/sched/thread.h"

#include "exo/debug/panic.h"
#include "exo/lib/assert.h"
#include "exo/lib/string.h"
#include "exo/time/clock.h"

#include "sched_private.h"

#define COLORS      8u
#define COLOR_BYTES (4 * CACHE_LINE)
#define STACK_FILL  0x57ac57ac57ac57acull /* what no frame has touched */

static struct spinlock g_list_lock = SPINLOCK_INIT(RANK_THREAD);
static struct list_node g_list = LIST_INIT(g_list); /* [g_list_lock] all threads */
static _Atomic uint32_t g_next_id;
static _Atomic uint32_t g_colors; /* given out */

static void on_timeout(struct timer *timer);

void thread_setup(struct thread *thread, const struct thread_spec *spec)
{
    const uint64_t affinity = spec->cpu == THREAD_ANY_CPU ? AFFINITY_ALL : 1ull << spec->cpu;

    atomic_store_explicit(&thread->affinity, affinity, memory_order_relaxed);
    atomic_store_explicit(&thread->entity.level, LEVEL_NORMAL, memory_order_relaxed);
    thread->own_level = LEVEL_NORMAL;
    thread->entity.inverse = sched_inverse_weight(0);
    list_init(&thread->entity.node);
    list_init(&thread->held);
    list_init(&thread->donor_node);
    timer_init(&thread->budget.refill, sched_refill);
    thread->entry = spec->entry;
    thread->arg = spec->arg;
    thread->id = atomic_fetch_add_explicit(&g_next_id, 1, memory_order_relaxed);
    str_copy(thread->name, sizeof(thread->name), spec->name);
    atomic_store_explicit(&thread->cpu, hal_cpu_id(), memory_order_relaxed);
    atomic_store_explicit(&thread->refs, 2, memory_order_relaxed);
    timer_init(&thread->sleep_timer, on_timeout);
    const hal_irq_t irq = spin_lock_irq(&g_list_lock);

    list_add_tail(&g_list, &thread->all_node);
    spin_unlock_irq(&g_list_lock, irq);
}

/* Where every thread begins: interrupts off, just switched to. */
static void thread_begin(void *arg)
{
    struct thread *const self = arg;

    sched_arrive();
    hal_irq_enable();
    preempt_check();
    self->entry(self->arg);
    thread_exit(0);
}

static void stack_fill(const struct hal_stack *stack)
{
    uint64_t *const words = stack->base;

    for (size_t i = 0; i < stack->size_bytes / sizeof(uint64_t); i++) {
        words[i] = STACK_FILL;
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

exo_status_t thread_create(const struct thread_spec *spec, struct thread **out)
{
    struct hal_stack stack;

    if (spec->cpu != THREAD_ANY_CPU && !sched_is_online(spec->cpu)) {
        return EXO_ERR_INVALID;
    }
    if (hal_current()->stack.base !=
        NULL) { /* the boot order makes the first thread before any runs */
        assert_may_block("thread_create");
    }
    const exo_status_t status = hal_stack_create(&stack);

    if (status != EXO_OK) {
        return status;
    }
    stack_fill(&stack);
    /* Threads whose records had the same place in their pages would fight for the same sets of the
     * caches, and a store to one would delay loads from another. */
    const uint32_t color = atomic_fetch_add_explicit(&g_colors, 1, memory_order_relaxed) % COLORS;
    const size_t room =
        stack.size_bytes - color * COLOR_BYTES - align_up(sizeof(struct thread), CACHE_LINE);
    struct thread *const thread = (struct thread *)((char *)stack.base + room);
    const struct hal_stack below = { .base = stack.base, .size_bytes = room };

    *thread = (struct thread){ .stack = stack };
    thread_setup(thread, spec);
    hal_context_init(&thread->context, &below, thread_begin, thread);
    *out = thread; /* before it runs: it may look at where its creator keeps it */
    sched_make_ready(thread);
    return EXO_OK;
}

/* ---- the end ---- */

static void thread_free(struct epoch_node *node)
{
    struct thread *const thread = container_of(node, struct thread, free_node);
    struct hal_stack stack = thread->stack;
    const hal_irq_t irq = spin_lock_irq(&g_list_lock);

    list_remove(&thread->all_node);
    spin_unlock_irq(&g_list_lock, irq);
    hal_context_fini(&thread->context);
    hal_stack_destroy(&stack);
}

static void thread_unref(struct thread *thread)
{
    if (atomic_fetch_sub_explicit(&thread->refs, 1, memory_order_acq_rel) == 1) {
        epoch_defer(&thread->free_node, thread_free);
    }
}

_Noreturn void thread_exit(int status)
{
    struct thread *const self = hal_current();

    assert_may_block("thread_exit");
    heap_thread_exit(&self->heap);
    self->exit_status = status;
    sched_deadline_end(self);
    hal_irq_disable();
    atomic_store_explicit(&self->state, THREAD_DEAD, memory_order_relaxed);
    sched_switch();
    panic("thread: a dead thread runs again name=%s", self->name);
}

void thread_bury(struct thread *dead)
{
    const uintptr_t waiter =
        atomic_exchange_explicit(&dead->join, JOIN_EXITED, memory_order_acq_rel);

    if (waiter != JOIN_NOBODY) {
        /* It may have seen JOIN_EXITED and be gone already, but not its memory: interrupts are off
         * (2). */
        thread_unpark((struct thread *)waiter);
    }
    thread_unref(dead);
}

void thread_join(struct thread *thread, int *status)
{
    uintptr_t expected = JOIN_NOBODY;

    assert_may_block("thread_join");
    KASSERT(thread != hal_current());
    if (atomic_compare_exchange_strong_explicit(&thread->join, &expected, (uintptr_t)hal_current(),
                                                memory_order_acq_rel, memory_order_acquire)) {
        while (atomic_load_explicit(&thread->join, memory_order_acquire) != JOIN_EXITED) {
            const exo_status_t parked = thread_park(CLOCK_NEVER);

            KASSERT(parked == EXO_OK);
        }
    } else {
        KASSERT(expected == JOIN_EXITED); /* one joiner only */
    }
    if (status != NULL) {
        *status = thread->exit_status;
    }
    thread_unref(thread);
}

void thread_detach(struct thread *thread)
{
    thread_unref(thread);
}

/* ---- waiting ---- */

void thread_yield(void)
{
    assert_may_block("thread_yield");
    hal_irq_disable();
    thread_current()->entity.goes_last = true;
    sched_switch();
    hal_irq_enable();
    preempt_check();
}

/* The sleep timer, in its interrupt. */
static void on_timeout(struct timer *timer)
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

/* ---- facts ---- */

const char *thread_name(const struct thread *thread)
{
    return thread->name;
}

uint32_t thread_id(const struct thread *thread)
{
    return thread->id;
}

void *thread_user_data(const struct thread *thread)
{
    return thread->user_data;
}

void thread_user_data_set(struct thread *thread, void *data)
{
    thread->user_data = data;
}

static _Atomic uint32_t g_locals; /* slots given out */

exo_status_t thread_local_create(uint32_t *slot)
{
    uint32_t next = atomic_load_explicit(&g_locals, memory_order_relaxed);

    do {
        if (next == THREAD_LOCALS_MAX) {
            return EXO_ERR_NO_RESOURCES;
        }
    } while (!atomic_compare_exchange_weak_explicit(&g_locals, &next, next + 1,
                                                    memory_order_relaxed, memory_order_relaxed));
    *slot = next;
    return EXO_OK;
}

void *thread_local_get(uint32_t slot)
{
    KASSERT(slot < THREAD_LOCALS_MAX);
    return hal_current()->local[slot];
}

void thread_local_set(uint32_t slot, void *value)
{
    KASSERT(slot < THREAD_LOCALS_MAX);
    hal_current()->local[slot] = value;
}

static void info_fill(const struct thread *thread, struct thread_info *out)
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

size_t thread_list(struct thread_info *out, size_t max)
{
    size_t count = 0;
    const hal_irq_t irq = spin_lock_irq(&g_list_lock);

    LIST_FOR_EACH(node, &g_list)
    {
        if (count < max) {
            info_fill(container_of(node, struct thread, all_node), &out[count]);
        }
        count++;
    }
    spin_unlock_irq(&g_list_lock, irq);
    return count;
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
    spin_unlock_irq(&self->queue.lock, irq);
    return true;
}

bool debug_stack_bounds(uintptr_t address, uintptr_t *low, uintptr_t *high)
{
    const struct thread *const self = hal_current();

    if (self == NULL || self->stack.base == NULL) {
        return false;
    }
    *low = (uintptr_t)self->stack.base;
    *high = *low + self->stack.size_bytes;
    return address >= *low && address < *high;
}
