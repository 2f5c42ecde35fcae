/*
 * tests/core/sync/test_epoch.c - deferred free.
 */
#include <stdatomic.h>

#include "exo/sched/sched.h"
#include "exo/sched/thread.h"
#include "exo/sync/epoch.h"
#include "exo/time/clock.h"
#include "exo_check.h"
#include "exo_test.h"

static _Atomic uint32_t g_freed;
static _Atomic uint32_t g_inside;
static _Atomic uint32_t g_leave;
static _Atomic uint32_t g_left;

static void on_free(struct epoch_node *node)
{
    (void)node;
    atomic_fetch_add(&g_freed, 1);
}

/* Stay in a section, on a CPU of its own, until told. */
static void reader(void *arg)
{
    (void)arg;
    epoch_enter();
    atomic_store(&g_inside, 1);
    while (atomic_load(&g_leave) == 0) {
        hal_pause();
    }
    atomic_store(&g_left, 1);
    epoch_exit();
}

static struct thread *reader_start(void)
{
    const struct thread_spec spec = { .name = "reader", .entry = reader, .cpu = 1 };
    struct thread *thread = NULL;

    atomic_store(&g_inside, 0);
    atomic_store(&g_leave, 0);
    atomic_store(&g_left, 0);
    atomic_store(&g_freed, 0);
    ck_assert_int_eq(thread_create(&spec, &thread), EXO_OK);
    ck_assert(test_wait_for(&g_inside, 1, 5 * NS_PER_S));
    return thread;
}

START_TEST(epoch_defer_waits_for_a_reader_on_another_cpu)
{
    static struct epoch_node node;

    if (sched_online_count() < 2) {
        return;
    }
    struct thread *const thread = reader_start();

    epoch_defer(&node, on_free);
    ck_assert(!test_wait_for(&g_freed, 1, 30 * NS_PER_MS));
    atomic_store(&g_leave, 1);
    ck_assert(test_wait_for(&g_freed, 1, 5 * NS_PER_S));
    thread_join(thread, NULL);
}
END_TEST

static void leave_later(void *arg)
{
    (void)arg;
    thread_sleep_ns(10 * NS_PER_MS);
    atomic_store(&g_leave, 1);
}

START_TEST(epoch_synchronize_returns_after_the_reader_left)
{
    if (sched_online_count() < 3) {
        return;
    }
    struct thread *const thread = reader_start();
    struct thread *other = NULL;
    const struct thread_spec spec = { .name = "later", .entry = leave_later, .cpu = 2 };

    ck_assert_int_eq(thread_create(&spec, &other), EXO_OK);
    epoch_synchronize();
    ck_assert_uint_eq(atomic_load(&g_left), 1);
    thread_join(thread, NULL);
    thread_join(other, NULL);
}
END_TEST

/* Idle CPUs and a CPU in a loop without any call hold nothing up. */
static void spinner(void *arg)
{
    (void)arg;
    atomic_store(&g_inside, 1);
    while (atomic_load(&g_leave) == 0) {
        hal_pause();
    }
}

START_TEST(epoch_passes_idle_and_busy_cpus)
{
    static struct epoch_node node[50];
    const struct thread_spec spec = { .name = "spinner",
                                      .entry = spinner,
                                      .cpu = sched_online_count() > 1 ? 1 : 0 };
    struct thread *thread = NULL;

    atomic_store(&g_inside, 0);
    atomic_store(&g_leave, 0);
    atomic_store(&g_freed, 0);
    ck_assert_int_eq(thread_create(&spec, &thread), EXO_OK);
    ck_assert(test_wait_for(&g_inside, 1, 5 * NS_PER_S));
    for (size_t i = 0; i < ARRAY_COUNT(node); i++) {
        epoch_defer(&node[i], on_free);
    }
    epoch_synchronize();
    ck_assert(test_wait_for(&g_freed, ARRAY_COUNT(node), 10 * NS_PER_S));
    atomic_store(&g_leave, 1);
    thread_join(thread, NULL);
    ck_assert_uint_eq(atomic_load(&g_freed), ARRAY_COUNT(node));
}
END_TEST

/* Readers follow a pointer whose target writers replace and free: a freed target is marked before
 * the memory would go, so a reader that sees the mark was let down. */
#define TARGETS 64u

struct target {
    struct epoch_node node;
    _Atomic uint32_t freed;
};

static struct target g_target[TARGETS];
static _Atomic(struct target *) g_pointer;
static _Atomic uint32_t g_failures;
static _Atomic uint32_t g_stop;

static void target_free(struct epoch_node *node)
{
    atomic_store_explicit(&container_of(node, struct target, node)->freed, 1, memory_order_relaxed);
    atomic_fetch_add(&g_freed, 1);
}

static void target_reader(void *arg)
{
    (void)arg;
    while (atomic_load_explicit(&g_stop, memory_order_relaxed) == 0) {
        epoch_enter();
        struct target *const target = atomic_load_explicit(&g_pointer, memory_order_acquire);

        for (unsigned i = 0; i < 50; i++) {
            if (atomic_load_explicit(&target->freed, memory_order_relaxed) != 0) {
                atomic_fetch_add(&g_failures, 1);
            }
            hal_pause();
        }
        epoch_exit();
    }
}

START_TEST(epoch_readers_never_see_freed_objects)
{
    struct thread *thread[3];
    const struct thread_spec spec = { .name = "reader",
                                      .entry = target_reader,
                                      .cpu = THREAD_ANY_CPU };

    atomic_store(&g_freed, 0);
    atomic_store(&g_failures, 0);
    atomic_store(&g_stop, 0);
    for (size_t i = 0; i < TARGETS; i++) {
        atomic_store(&g_target[i].freed, 0);
    }
    atomic_store(&g_pointer, &g_target[0]);
    for (size_t i = 0; i < ARRAY_COUNT(thread); i++) {
        ck_assert_int_eq(thread_create(&spec, &thread[i]), EXO_OK);
    }
    for (size_t i = 1; i < TARGETS; i++) {
        struct target *const old = &g_target[i - 1];

        atomic_store_explicit(&g_pointer, &g_target[i], memory_order_release);
        epoch_defer(&old->node, target_free);
        thread_sleep_ns(NS_PER_MS / 4);
    }
    ck_assert(test_wait_for(&g_freed, TARGETS - 1, 10 * NS_PER_S));
    atomic_store(&g_stop, 1);
    for (size_t i = 0; i < ARRAY_COUNT(thread); i++) {
        thread_join(thread[i], NULL);
    }
    ck_assert_uint_eq(atomic_load(&g_failures), 0);
}
END_TEST

EXO_SUITE(sync_epoch, EXO_TEST_TIMED(epoch_defer_waits_for_a_reader_on_another_cpu, 60),
          EXO_TEST_TIMED(epoch_synchronize_returns_after_the_reader_left, 60),
          EXO_TEST_TIMED(epoch_passes_idle_and_busy_cpus, 60),
          EXO_TEST_TIMED(epoch_readers_never_see_freed_objects, 60))
