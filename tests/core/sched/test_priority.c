/*
 * tests/core/sched/test_priority.c - levels, weights, CPUs, deadlines, inheritance, being told to
 * stop.
 */
#include <stdatomic.h>

#include "exo/sched/sched.h"
#include "exo/sync/inherit.h"
#include "exo/time/clock.h"
#include "exo_check.h"
#include "exo_test.h"
#include "limit.h"
#include "sched_private.h"

static _Atomic uint32_t g_step;
static _Atomic uint32_t g_stop;
static int g_status;

static struct thread *start_on(uint32_t cpu, void (*entry)(void *), void *arg)
{
    const struct thread_spec spec = { .name = "ranked", .entry = entry, .arg = arg, .cpu = cpu };
    struct thread *thread = NULL;

    ck_assert_int_eq(thread_create(&spec, &thread), EXO_OK);
    return thread;
}

static uint8_t level_of(const struct thread *thread)
{
    return atomic_load(&thread->entity.level);
}

static void spin_until_stopped(void *arg)
{
    (void)arg;
    atomic_fetch_add(&g_step, 1);
    while (atomic_load_explicit(&g_stop, memory_order_relaxed) == 0) {
        hal_pause();
    }
}

START_TEST(classes_and_weights_are_checked)
{
    struct thread *const self = thread_current();

    ck_assert_int_eq(thread_class_set(self, THREAD_CLASS_FIFO, 100), EXO_ERR_INVALID);
    ck_assert_int_eq(thread_class_set(self, (enum thread_class)9, 0), EXO_ERR_INVALID);
    ck_assert_int_eq(thread_nice_set(self, -21), EXO_ERR_INVALID);
    ck_assert_int_eq(thread_nice_set(self, 20), EXO_ERR_INVALID);
    ck_assert_int_eq(thread_affinity_set(self, 0), EXO_ERR_INVALID);
    ck_assert_int_eq(thread_class_set(self, THREAD_CLASS_FIFO, 99), EXO_OK);
    ck_assert_uint_eq(level_of(self), LEVEL_REALTIME);
    ck_assert_int_eq(thread_class_set(self, THREAD_CLASS_ROUND_ROBIN, 0), EXO_OK);
    ck_assert_uint_eq(level_of(self), LEVEL_NORMAL - 1);
    ck_assert_int_eq(thread_class_set(self, THREAD_CLASS_IDLE, 0), EXO_OK);
    ck_assert_uint_eq(level_of(self), LEVEL_IDLE);
    ck_assert_int_eq(thread_class_set(self, THREAD_CLASS_NORMAL, 0), EXO_OK);
    ck_assert_int_eq(thread_nice_set(self, 19), EXO_OK);
    ck_assert_uint_eq(self->entity.inverse, sched_inverse_weight(19));
    ck_assert_int_eq(thread_nice_set(self, 0), EXO_OK);
}
END_TEST

static void mark(void *arg)
{
    atomic_store((_Atomic uint32_t *)arg, 1);
}

/* A real-time thread keeps its CPU from a normal one, however often it yields, and a normal one has
 * it as soon as that is over. */
START_TEST(real_time_goes_first)
{
    static _Atomic uint32_t ran;
    struct thread *const self = thread_current();
    const uint32_t percent = sched_limit_get();

    sched_limit_set(LIMIT_OFF);
    ck_assert_int_eq(thread_affinity_set(self, 1), EXO_OK);
    ck_assert_int_eq(thread_class_set(self, THREAD_CLASS_FIFO, 50), EXO_OK);
    atomic_store(&ran, 0);
    struct thread *const normal = start_on(0, mark, &ran);

    for (uint32_t i = 0; i < 1000; i++) {
        thread_yield();
    }
    if (sched_heeds_classes()) {
        ck_assert_uint_eq(atomic_load(&ran), 0);
    }
    ck_assert_int_eq(thread_class_set(self, THREAD_CLASS_NORMAL, 0), EXO_OK);
    thread_join(normal, NULL);
    ck_assert_uint_eq(atomic_load(&ran), 1);
    ck_assert_int_eq(thread_affinity_set(self, AFFINITY_ALL), EXO_OK);
    sched_limit_set(percent);
}
END_TEST

static void become_urgent_and_spin(void *arg)
{
    g_status = thread_class_set(thread_current(), THREAD_CLASS_FIFO, 99);
    spin_until_stopped(arg);
}

/* This normal thread goes on although a real-time thread of its CPU never lets go: nobody else is
 * there to end the test. */
START_TEST(real_time_does_not_lock_up_its_cpu)
{
    ck_assert_int_eq(thread_affinity_set(thread_current(), 1), EXO_OK);
    atomic_store(&g_stop, 0);
    atomic_store(&g_step, 0);
    struct thread *const hog = start_on(0, become_urgent_and_spin, NULL);

    while (atomic_load(&g_step) == 0) {
        thread_yield();
    }
    for (uint32_t i = 0; i < 3; i++) {
        thread_yield(); /* away and back, three times */
    }
    atomic_store(&g_stop, 1);
    thread_join(hog, NULL);
    ck_assert_int_eq(g_status, EXO_OK);
    ck_assert_int_eq(thread_affinity_set(thread_current(), AFFINITY_ALL), EXO_OK);
}
END_TEST

/* The calling thread is where it asked to be, on every CPU in turn; so is a busy one that others
 * move. */
START_TEST(affinity_moves_threads)
{
    struct thread *const self = thread_current();

    for (uint32_t cpu = 0; cpu < CPUS_MAX; cpu++) {
        if (sched_is_online(cpu)) {
            ck_assert_int_eq(thread_affinity_set(self, 1ull << cpu), EXO_OK);
            ck_assert_uint_eq(atomic_load(&self->cpu), cpu);
        }
    }
    ck_assert_int_eq(thread_affinity_set(self, AFFINITY_ALL), EXO_OK);
    if (sched_online_count() < 2) {
        return;
    }
    atomic_store(&g_stop, 0);
    atomic_store(&g_step, 0);
    struct thread *const busy = start_on(THREAD_ANY_CPU, spin_until_stopped, NULL);

    ck_assert(test_wait_for(&g_step, 1, 5 * NS_PER_S));
    for (uint32_t cpu = 0; cpu < 2; cpu++) {
        const uint64_t give_up_ns = clock_deadline_ns(5 * NS_PER_S);

        ck_assert_int_eq(thread_affinity_set(busy, 1ull << cpu), EXO_OK);
        while (atomic_load(&busy->cpu) != cpu && clock_now_ns() < give_up_ns) {
            thread_sleep_ns(NS_PER_MS);
        }
        ck_assert_uint_eq(atomic_load(&busy->cpu), cpu);
    }
    atomic_store(&g_stop, 1);
    thread_join(busy, NULL);
}
END_TEST

struct chain {
    struct inherit first;  /* held by the test's thread */
    struct inherit second; /* held by the middle one */
    struct thread *bottom;
    struct thread *middle;
};

static void chain_middle(void *arg)
{
    struct chain *const chain = arg;
    struct inherit_donor donor;

    sched_inherit(&chain->first, &donor, chain->bottom);
    atomic_store(&g_step, 1);
    while (atomic_load(&g_stop) < 2) {
        thread_sleep_ns(NS_PER_MS);
    }
    sched_inherit_end(&donor);
}

static void chain_top(void *arg)
{
    struct chain *const chain = arg;
    struct inherit_donor donor;

    g_status = thread_class_set(thread_current(), THREAD_CLASS_FIFO, 70);
    sched_inherit(&chain->second, &donor, chain->middle);
    atomic_store(&g_step, 2);
    while (atomic_load(&g_stop) < 1) {
        thread_sleep_ns(NS_PER_MS);
    }
    sched_inherit_end(&donor);
}

/* top waits for middle, which waits for us: both run at top's level until we give
 * back. */
START_TEST(inheritance_follows_chains)
{
    struct chain chain = { .bottom = thread_current() };

    sched_inherit_init(&chain.first);
    sched_inherit_init(&chain.second);
    atomic_store(&g_stop, 0);
    atomic_store(&g_step, 0);
    chain.middle = start_on(THREAD_ANY_CPU, chain_middle, &chain);
    ck_assert(test_wait_for(&g_step, 1, 5 * NS_PER_S));
    ck_assert_uint_eq(level_of(thread_current()), LEVEL_NORMAL);
    struct thread *const top = start_on(THREAD_ANY_CPU, chain_top, &chain);

    ck_assert(test_wait_for(&g_step, 2, 5 * NS_PER_S));
    ck_assert_uint_eq(level_of(chain.middle), LEVEL_REALTIME + 29);
    ck_assert_uint_eq(level_of(thread_current()), LEVEL_REALTIME + 29);
    /* We give ours back: what was lent goes with it, but not from middle. */
    ck_assert_ptr_nonnull(sched_inherit_pass(&chain.first));
    ck_assert_uint_eq(level_of(thread_current()), LEVEL_NORMAL);
    ck_assert_uint_eq(level_of(chain.middle), LEVEL_REALTIME + 29);
    ck_assert_ptr_null(sched_inherit_pass(&chain.first));
    atomic_store(&g_stop, 1);
    thread_join(top, NULL);
    ck_assert_uint_eq(level_of(chain.middle), LEVEL_NORMAL);
    atomic_store(&g_stop, 2);
    thread_join(chain.middle, NULL);
}
END_TEST

static void sleeper(void *arg)
{
    (void)arg;
    g_status = thread_sleep_interruptible(60 * NS_PER_S);
    atomic_store(&g_step, 1);
    for (;;) {
        if (thread_sleep_interruptible(NS_PER_S) == EXO_ERR_INTERRUPTED) {
            thread_safe_point();
        }
    }
}

START_TEST(threads_are_interrupted_and_killed)
{
    struct thread *const thread = start_on(THREAD_ANY_CPU, sleeper, NULL);
    int status = 0;

    atomic_store(&g_step, 0);
    thread_sleep_ns(2 * NS_PER_MS);
    thread_interrupt(thread);
    ck_assert(test_wait_for(&g_step, 1, 5 * NS_PER_S));
    ck_assert_int_eq(g_status, EXO_ERR_INTERRUPTED);
    ck_assert(!thread_is_killed(thread));
    thread_kill(thread);
    thread_join(thread, &status);
    ck_assert_int_eq(status, THREAD_KILLED);
    /* A request that comes before the wait counts, once. */
    thread_interrupt(thread_current());
    ck_assert_int_eq(thread_sleep_interruptible(NS_PER_S), EXO_ERR_INTERRUPTED);
    ck_assert_int_eq(thread_sleep_interruptible(NS_PER_MS), EXO_OK);
}
END_TEST

static void local_user(void *arg)
{
    const uint32_t slot = *(const uint32_t *)arg;

    g_status = thread_local_get(slot) == NULL ? 0 : 1;
    thread_local_set(slot, &g_status);
}

START_TEST(thread_locals_are_each_threads_own)
{
    uint32_t slot = 0;
    uint32_t more = 0;

    ck_assert_int_eq(thread_local_create(&slot), EXO_OK);
    thread_local_set(slot, &slot);
    thread_join(start_on(THREAD_ANY_CPU, local_user, &slot), NULL);
    ck_assert_int_eq(g_status, 0);
    ck_assert_ptr_eq(thread_local_get(slot), &slot);
    thread_local_set(slot, NULL);
    for (uint32_t i = 0; i < THREAD_LOCALS_MAX; i++) {
        g_status = thread_local_create(&more);
    }
    ck_assert_int_eq(g_status, EXO_ERR_NO_RESOURCES);
}
END_TEST

EXO_SUITE(sched_priority, EXO_TEST(classes_and_weights_are_checked), EXO_TEST(real_time_goes_first),
          EXO_TEST_TIMED(real_time_does_not_lock_up_its_cpu, 60),
          EXO_TEST_TIMED(affinity_moves_threads, 60), EXO_TEST(inheritance_follows_chains),
          EXO_TEST(threads_are_interrupted_and_killed),
          EXO_TEST(thread_locals_are_each_threads_own))
