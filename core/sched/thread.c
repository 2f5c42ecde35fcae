/*
 * core/sched/thread.c - the life of a thread: create, exit, join, and its names and locals.
 *
 * A struct thread lies at the top of its own stack. References: one for whoever created it (given
 * back by join or detach), one for itself while it has not been left for ever.
 *
 * Invariants:
 *   (1) a thread never frees its own stack: the CPU that has left it for ever drops its reference
 *       (thread_bury), and the last reference frees through the epoch worker;
 *   (2) so a thread pointer that was valid when a section with preemption off began is valid to its
 *       end.
 */
#include "exo/sched/thread.h"

#include "exo/debug/panic.h"
#include "exo/debug/trace.h"
#include "exo/lib/assert.h"
#include "exo/lib/string.h"
#include "exo/time/clock.h"

#include "sched_private.h"

#define COLORS      8u
#define COLOR_BYTES (4 * CACHE_LINE)

static struct spinlock g_list_lock = SPINLOCK_INIT(RANK_THREAD);
static struct list_node g_list = LIST_INIT(g_list); /* [g_list_lock] all threads */
static _Atomic uint32_t g_next_id;
static _Atomic uint32_t g_colors; /* given out */

void thread_setup(struct thread *thread, const struct thread_spec *spec)
{
    const uint64_t affinity = spec->cpu == THREAD_ANY_CPU ? AFFINITY_ALL : 1ull << spec->cpu;

    thread_affinity_store(thread, affinity);
    atomic_store_explicit(&thread->entity.level, LEVEL_NORMAL, memory_order_relaxed);
    atomic_store_explicit(&thread->own_level, LEVEL_NORMAL, memory_order_relaxed);
    thread->entity.inverse = sched_inverse_weight(0);
    list_init(&thread->entity.node);
    list_init(&thread->held);
    timer_init(&thread->budget.refill, sched_refill);
    thread->entry = spec->entry;
    thread->arg = spec->arg;
    thread->id = atomic_fetch_add_explicit(&g_next_id, 1, memory_order_relaxed);
    str_copy(thread->name, sizeof(thread->name), spec->name);
    trace_thread_name(thread->id, thread->name);
    atomic_store_explicit(&thread->cpu, hal_cpu_id(), memory_order_relaxed);
    atomic_store_explicit(&thread->refs, 2, memory_order_relaxed);
    timer_init(&thread->sleep_timer, thread_on_timeout);
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
    self->aftermath = AFTER_BURY;
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

size_t thread_list(struct thread_info *out, size_t max)
{
    size_t count = 0;
    const hal_irq_t irq = spin_lock_irq(&g_list_lock);

    LIST_FOR_EACH(node, &g_list)
    {
        if (count < max) {
            thread_info_fill(container_of(node, struct thread, all_node), &out[count]);
        }
        count++;
    }
    spin_unlock_irq(&g_list_lock, irq);
    return count;
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

const char *debug_thread_name(void)
{
    const struct thread *const self = hal_current();

    return self == NULL ? "-" : self->name;
}
