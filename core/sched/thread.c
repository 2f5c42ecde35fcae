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

#define STACK_FILL 0x57ac57ac57ac57acull /* what no frame has touched */

static struct spinlock g_list_lock = SPINLOCK_INIT(RANK_THREAD);
static struct list_node g_list = LIST_INIT(g_list); /* [g_list_lock] all threads */
static _Atomic uint32_t g_next_id;

static void on_timeout(struct timer *timer);

void thread_setup(struct thread *thread, const struct thread_spec *spec)
{
    thread->pinned = spec->cpu;
    thread->entry = spec->entry;
    thread->arg = spec->arg;
    thread->id = atomic_fetch_add_explicit(&g_next_id, 1, memory_order_relaxed);
    str_copy(thread->name, sizeof(thread->name), spec->name);
    atomic_store_explicit(&thread->cpu, hal_cpu_id(), memory_order_relaxed);
    atomic_store_explicit(&thread->refs, 2, memory_order_relaxed);
    list_init(&thread->run_node);
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
    const size_t room = stack.size_bytes - align_up(sizeof(struct thread), CACHE_LINE);
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
    self->exit_status = status;
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

exo_status_t thread_park(uint64_t deadline_ns)
{
    struct thread *const self = hal_current();
    const bool is_timed = deadline_ns != CLOCK_NEVER;

    assert_may_block("thread_park");
    if (atomic_exchange_explicit(&self->park, PARK_EMPTY, memory_order_acquire) == PARK_PERMIT) {
        return EXO_OK;
    }
    if (is_timed) {
        if (deadline_ns <= clock_now_ns()) {
            return EXO_ERR_TIMED_OUT;
        }
        timer_arm(&self->sleep_timer, deadline_ns);
    }
    block(self);
    if (is_timed) {
        /* Its callback must not strike a later park. */
        (void)timer_cancel_sync(&self->sleep_timer);
    }
    const uint32_t word = atomic_exchange_explicit(&self->park, PARK_EMPTY, memory_order_acq_rel);

    return word == PARK_TIMEOUT ? EXO_ERR_TIMED_OUT : EXO_OK;
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
        .idle_ns =
            clock_cycles_to_ns(atomic_load_explicit(&self->idle.run_cycles, memory_order_relaxed)),
    };
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
