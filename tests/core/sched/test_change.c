/*
 * tests/core/sched/test_change.c - a thread's class changes on one CPU while another one wakes it.
 */
#include <stdatomic.h>

#include "exo/hal/test.h"
#include "exo/sched/sched.h"
#include "exo/time/clock.h"
#include "exo_check.h"
#include "exo_test.h"
#include "sched_private.h"

#define ROUNDS     60u
#define CPU_BEFORE 1u /* where the thread blocked, and where its waker runs */
#define CPU_AFTER  2u /* where it may run when it is woken */

static struct {
    struct thread *sleeper;
    _Atomic uint32_t wakes; /* rounds that the sleeper has run */
    _Atomic uint32_t asked; /* rounds in which the waker is to wake it */
    _Atomic uint32_t woken; /* rounds in which it has */
    _Atomic bool stop;
} g_change;

static struct thread *start_on(uint32_t cpu, void (*entry)(void *))
{
    const struct thread_spec spec = { .name = "change", .entry = entry, .cpu = cpu };
    struct thread *thread = NULL;

    ck_assert_int_eq(thread_create(&spec, &thread), EXO_OK);
    return thread;
}

static void sleep_again(void *unused)
{
    (void)unused;
    while (!atomic_load(&g_change.stop)) {
        if (thread_park(CLOCK_NEVER) == EXO_OK) {
            atomic_fetch_add(&g_change.wakes, 1);
        }
    }
}

/* Keeps CPU_AFTER from the sleeper, so that it is seen in the queue. */
static void hog(void *unused)
{
    (void)unused;
    while (!atomic_load(&g_change.stop)) {
        hal_pause();
    }
}

static void wake_again(void *unused)
{
    uint32_t done = 0;

    (void)unused;
    while (!atomic_load(&g_change.stop)) {
        if (atomic_load(&g_change.asked) != done) {
            done++;
            thread_unpark(g_change.sleeper);
            atomic_store(&g_change.woken, done);
        } else {
            hal_pause();
        }
    }
}

static void wait_for(const _Atomic uint32_t *count, uint32_t value)
{
    while (atomic_load(count) < value) {
        thread_sleep_ns(NS_PER_MS / 10);
    }
}

static void wait_until_blocked(const struct thread *thread)
{
    while (atomic_load(&thread->state) != THREAD_BLOCKED || atomic_load(&thread->on_cpu)) {
        thread_sleep_ns(NS_PER_MS / 10);
    }
}

/* In the queue of CPU_AFTER by another level than its own? It may also have run meanwhile. */
static bool is_queued_wrongly(struct thread *thread)
{
    struct run_queue *const queue = &sched_cpu(CPU_AFTER)->queue;
    const hal_irq_t irq = spin_lock_irq(&queue->lock);
    const bool wrong = entity_is_in(&thread->entity, queue) &&
                       thread->entity.queued_level != atomic_load(&thread->entity.level);

    spin_unlock_irq(&queue->lock, irq);
    return wrong;
}

/* One wake-up of a thread that blocked on CPU_BEFORE and goes to CPU_AFTER, and its new class. */
static void round_of(uint32_t number)
{
    struct thread *const sleeper = g_change.sleeper;

    ck_assert_int_eq(thread_affinity_set(sleeper, 1ull << CPU_AFTER), EXO_OK);
    ck_assert_int_eq(thread_class_set(sleeper, THREAD_CLASS_NORMAL, 0), EXO_OK);
    atomic_store(&g_change.asked, number);
    ck_assert_int_eq(thread_class_set(sleeper, THREAD_CLASS_FIFO, 10), EXO_OK);
    wait_for(&g_change.woken, number);
    ck_assert(!is_queued_wrongly(sleeper));
    ck_assert_int_eq(thread_affinity_set(sleeper, 1ull << CPU_BEFORE), EXO_OK);
    wait_for(&g_change.wakes, number);
    wait_until_blocked(sleeper);
}

/* Goal: whatever comes first, the thread stands in its new queue by its new class. Method: the
 * queue is looked into; a busy thread above it keeps it there. */
START_TEST(class_changes_while_the_thread_is_woken)
{
    if (!sched_is_online(CPU_AFTER) || !sched_heeds_classes()) {
        return;
    }
    atomic_store(&g_change.wakes, 0);
    atomic_store(&g_change.asked, 0);
    atomic_store(&g_change.woken, 0);
    atomic_store(&g_change.stop, false);
    g_change.sleeper = start_on(CPU_BEFORE, sleep_again);
    wait_until_blocked(g_change.sleeper);
    struct thread *const busy = start_on(CPU_AFTER, hog);
    struct thread *const waker = start_on(CPU_BEFORE, wake_again);

    ck_assert_int_eq(thread_class_set(busy, THREAD_CLASS_FIFO, 90), EXO_OK);
    for (uint32_t i = 1; i <= ROUNDS; i++) {
        round_of(i);
    }
    atomic_store(&g_change.stop, true);
    thread_unpark(g_change.sleeper);
    thread_join(g_change.sleeper, NULL);
    thread_join(busy, NULL);
    thread_join(waker, NULL);
}
END_TEST

EXO_SUITE(sched_change, EXO_TEST_TIMED(class_changes_while_the_thread_is_woken, 60))
