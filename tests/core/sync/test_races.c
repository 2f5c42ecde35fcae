/*
 * tests/core/sync/test_races.c - what may come between a thread's look at a lock and its queueing,
 * or between two that leave, made to come exactly then: the test holds the lock of the queue, its
 * spinlock, which is served in order of arrival.
 */
#include <stdatomic.h>

#include "exo/hal/test.h"
#include "exo/sched/sched.h"
#include "exo/sched/thread.h"
#include "exo/sync/condition.h"
#include "exo/sync/mutex.h"
#include "exo/sync/rwlock.h"
#include "exo/time/clock.h"
#include "exo_check.h"
#include "exo_test.h"

#include "workers.h"

static struct mutex g_mutex = MUTEX_INIT(g_mutex);
static struct rwlock g_rwlock = RWLOCK_INIT(g_rwlock);
static _Atomic uint32_t g_done;
static _Atomic uint32_t g_held;
static _Atomic uint32_t g_go;
static exo_status_t g_status;

/* Wait until `count` others wait for a spinlock that this CPU holds. */
static void wait_for_lockers(const struct spinlock *lock, uint32_t count)
{
    while ((uint16_t)(atomic_load(&lock->next) - atomic_load(&lock->serving)) != count + 1) {
        hal_spin_yield();
    }
}

static void start_on(struct thread **thread, void (*entry)(void *), uint32_t cpu)
{
    const struct thread_spec spec = { .name = "worker", .entry = entry, .cpu = cpu };

    ck_assert_int_eq(thread_create(&spec, thread), EXO_OK);
}

static void begin(void)
{
    atomic_store(&g_done, 0);
    atomic_store(&g_held, 0);
    atomic_store(&g_go, 0);
    ck_assert_int_eq(thread_affinity_set(thread_current(), 1), EXO_OK);
}

static void wait_for_go(void)
{
    while (atomic_load(&g_go) == 0) {
        hal_spin_yield();
    }
}

static void write_lock(void *arg)
{
    (void)arg;
    wait_for_go();
    rwlock_write_lock(&g_rwlock);
    rwlock_write_unlock(&g_rwlock);
    atomic_store(&g_done, 1);
}

/* The caller has a lock. `locker` on CPU 1 sees that, and before it queues, the caller leaves by
 * the short way, `unlock`, which does not know of it. */
static void leave_while_it_queues(void (*locker)(void *), struct spinlock *queue_lock,
                                  void (*unlock)(void))
{
    struct thread *thread = NULL;

    start_on(&thread, locker, 1);
    const hal_irq_t irq = spin_lock_irq(queue_lock);

    atomic_store(&g_go, 1);
    wait_for_lockers(queue_lock, 1);
    unlock();
    spin_unlock_irq(queue_lock, irq);
    ck_assert(test_wait_for(&g_done, 1, 5 * NS_PER_S));
    thread_join(thread, NULL);
}

static void read_unlock(void)
{
    rwlock_read_unlock(&g_rwlock);
}

/* The last reader leaves after the writer has seen it and before the writer queues: it does not
 * know of the writer, so the writer has to see that it is gone. */
START_TEST(rwlock_writer_sees_a_reader_leave_while_it_queues)
{
    if (sched_online_count() < 2) {
        return;
    }
    begin();
    rwlock_read_lock(&g_rwlock);
    leave_while_it_queues(write_lock, &g_rwlock.queue.lock, read_unlock);
    ck_assert_int_eq(thread_affinity_set(thread_current(), AFFINITY_ALL), EXO_OK);
}
END_TEST

static void lock_mutex(void *arg)
{
    (void)arg;
    wait_for_go();
    mutex_lock(&g_mutex);
    mutex_unlock(&g_mutex);
    atomic_store(&g_done, 1);
}

static void unlock_mutex(void)
{
    mutex_unlock(&g_mutex);
}

/* The same with a mutex: its owner leaves by the short way. */
START_TEST(mutex_locker_sees_the_owner_leave_while_it_queues)
{
    if (sched_online_count() < 2) {
        return;
    }
    begin();
    mutex_lock(&g_mutex);
    leave_while_it_queues(lock_mutex, &g_mutex.queue.lock, unlock_mutex);
    ck_assert_uint_eq(atomic_load(&g_mutex.word), 0);
    ck_assert_int_eq(thread_affinity_set(thread_current(), AFFINITY_ALL), EXO_OK);
}
END_TEST

static void hold_mutex(void *arg)
{
    (void)arg;
    mutex_lock(&g_mutex);
    atomic_store(&g_held, 1);
    wait_for_go();
    mutex_unlock(&g_mutex);
}

static void wait_an_hour(void *arg)
{
    (void)arg;
    g_status = mutex_lock_until(&g_mutex, clock_deadline_ns(3600 * NS_PER_S));
}

/* CPU 1 has the mutex and waits to be let go, CPU 2 waits for it. */
static void start_owner_and_waiter(struct thread **owner, struct thread **waiter)
{
    begin();
    start_on(owner, hold_mutex, 1);
    ck_assert(test_wait_for(&g_held, 1, 5 * NS_PER_S));
    start_on(waiter, wait_an_hour, 2);
    while (queued(&g_mutex.queue) == 0) {
        thread_yield();
    }
}

/* The only waiter gives up right before the owner, who has seen that somebody waits, looks whom to
 * give the mutex to: there is nobody, and the mutex is free. */
START_TEST(mutex_owner_sees_the_last_waiter_give_up)
{
    struct thread *owner = NULL;
    struct thread *waiter = NULL;

    if (sched_online_count() < 3) {
        return;
    }
    start_owner_and_waiter(&owner, &waiter);
    const hal_irq_t irq = spin_lock_irq(&g_mutex.queue.lock);

    thread_interrupt(waiter);
    wait_for_lockers(&g_mutex.queue.lock, 1); /* it is before the owner */
    atomic_store(&g_go, 1);
    wait_for_lockers(&g_mutex.queue.lock, 2);
    spin_unlock_irq(&g_mutex.queue.lock, irq);
    thread_join(waiter, NULL);
    thread_join(owner, NULL);
    ck_assert_int_eq(g_status, EXO_ERR_INTERRUPTED);
    ck_assert_uint_eq(atomic_load(&g_mutex.word), 0);
    ck_assert_int_eq(thread_affinity_set(thread_current(), AFFINITY_ALL), EXO_OK);
}
END_TEST

/* The other way round: the owner comes first, so the waiter owns the mutex though it is
 * interrupted. */
START_TEST(mutex_waiter_takes_what_it_is_given_though_interrupted)
{
    struct thread *owner = NULL;
    struct thread *waiter = NULL;

    if (sched_online_count() < 3) {
        return;
    }
    start_owner_and_waiter(&owner, &waiter);
    const hal_irq_t irq = spin_lock_irq(&g_mutex.queue.lock);

    atomic_store(&g_go, 1);
    wait_for_lockers(&g_mutex.queue.lock, 1);
    thread_interrupt(waiter);
    wait_for_lockers(&g_mutex.queue.lock, 2);
    spin_unlock_irq(&g_mutex.queue.lock, irq);
    thread_join(owner, NULL);
    thread_join(waiter, NULL);
    ck_assert_int_eq(g_status, EXO_OK);
    ck_assert_uint_eq(atomic_load(&g_mutex.word), (uintptr_t)waiter);
    mutex_init(&g_mutex); /* it ended as the owner */
    ck_assert_int_eq(thread_affinity_set(thread_current(), AFFINITY_ALL), EXO_OK);
}
END_TEST

/* ---- on one CPU: giving the mutex back lets a more urgent thread run at once ---- */

static struct condition g_condition = CONDITION_INIT(g_condition);

static void wait_for_signal(void *arg)
{
    (void)arg;
    mutex_lock(&g_mutex);
    atomic_store(&g_held, 1);
    while (atomic_load(&g_go) == 0) {
        thread_yield(); /* until the other queues for the mutex */
    }
    g_status = condition_wait(&g_condition, &g_mutex, clock_deadline_ns(3600 * NS_PER_S));
    mutex_unlock(&g_mutex);
    atomic_store(&g_done, 1);
}

static void signal_at_once(void *arg)
{
    (void)arg;
    mutex_lock(&g_mutex);
    condition_signal(&g_condition);
    mutex_unlock(&g_mutex);
}

/* A signal sent between the moment that the mutex is given back and the sleep is not lost. */
START_TEST(condition_sees_a_signal_sent_as_it_gives_the_mutex_back)
{
    struct thread *waiter = NULL;
    struct thread *signaller = NULL;

    if (!sched_heeds_classes()) {
        return; /* who runs when is decided by priorities here */
    }
    begin();
    one_cpu(90);
    start_on_one_cpu(&waiter, wait_for_signal, NULL, 50);
    while (atomic_load(&g_held) == 0) {
        thread_sleep_ns(NS_PER_MS / 4);
    }
    start_on_one_cpu(&signaller, signal_at_once, NULL, 60);
    while (queued(&g_mutex.queue) == 0) {
        thread_sleep_ns(NS_PER_MS / 4);
    }
    atomic_store(&g_go, 1);
    all_cpus(); /* less urgent than both */
    ck_assert(test_wait_for(&g_done, 1, 5 * NS_PER_S));
    ck_assert_int_eq(g_status, EXO_OK);
    thread_join(waiter, NULL);
    thread_join(signaller, NULL);
}
END_TEST

EXO_SUITE(sync_races, EXO_TEST(condition_sees_a_signal_sent_as_it_gives_the_mutex_back),
          EXO_TEST(rwlock_writer_sees_a_reader_leave_while_it_queues),
          EXO_TEST(mutex_locker_sees_the_owner_leave_while_it_queues),
          EXO_TEST(mutex_owner_sees_the_last_waiter_give_up),
          EXO_TEST(mutex_waiter_takes_what_it_is_given_though_interrupted))
