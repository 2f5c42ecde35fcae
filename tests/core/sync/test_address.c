/*
 * tests/core/sync/test_address.c - waiting on addresses.
 */
#include <stdatomic.h>

#include "exo/hal/test.h"
#include "exo/sched/thread.h"
#include "exo/sync/address.h"
#include "exo/time/clock.h"
#include "exo_check.h"
#include "exo_test.h"

#include "workers.h"

#define WAITERS 20u /* more than a batch */

static _Atomic uint32_t g_word;
static _Atomic uint32_t g_waiting;
static _Atomic uint32_t g_woken;
static const struct address_key g_key = { .object = &g_word, .offset = 64 };
static const struct address_key g_other = { .object = &g_word, .offset = 68 };
/* Another object, whose key mostly hashes to the same bucket as g_key. */
static const struct address_key g_twin = { .object = (const char *)&g_word + (size_t)17711 * 16,
                                           .offset = 64 };

/* EXO_OK while the word is what `arg` points to. */
static exo_status_t is_value(void *arg)
{
    return atomic_load(&g_word) == *(const uint32_t *)arg ? EXO_OK : EXO_ERR_BUSY;
}

static void wait_at_key(void *arg)
{
    uint32_t value = 0;
    const struct address_check check = { .fn = is_value, .arg = &value };

    (void)arg;
    atomic_fetch_add(&g_waiting, 1);
    if (address_wait(&g_key, &check, WAIT_FOREVER) == EXO_OK) {
        atomic_fetch_add(&g_woken, 1);
    }
}

/* Start `count` waiters and return when all of them sleep at g_key. */
static void start_waiters(struct thread *thread[], uint32_t count)
{
    atomic_store(&g_word, 0);
    atomic_store(&g_waiting, 0);
    atomic_store(&g_woken, 0);
    start_all(thread, count, wait_at_key, NULL);
    ck_assert(test_wait_for(&g_waiting, count, 5 * NS_PER_S));
    thread_sleep_ns(5 * NS_PER_MS);
}

START_TEST(address_wait_compares_and_times_out)
{
    uint32_t value = 1;
    const struct address_check check = { .fn = is_value, .arg = &value };
    const struct address_check none = { .fn = NULL };

    atomic_store(&g_word, 0);
    ck_assert_int_eq(address_wait(&g_key, &check, WAIT_FOREVER), EXO_ERR_BUSY);
    ck_assert_int_eq(address_wait(&g_key, &none, clock_deadline_ns(NS_PER_MS)), EXO_ERR_TIMED_OUT);
    ck_assert_uint_eq(address_wake(&g_key, ADDRESS_ALL), 0); /* it left nothing behind */
}
END_TEST

START_TEST(address_wake_counts_and_keeps_keys_apart)
{
    struct thread *thread[WAITERS];

    start_waiters(thread, WAITERS);
    ck_assert_uint_eq(address_wake(&g_other, ADDRESS_ALL), 0);
    ck_assert_uint_eq(address_wake(&g_twin, ADDRESS_ALL), 0);
    ck_assert_uint_eq(address_wake(&g_key, 0), 0);
    ck_assert_uint_eq(address_wake(&g_key, 3), 3);
    ck_assert(test_wait_for(&g_woken, 3, 5 * NS_PER_S));
    thread_sleep_ns(NS_PER_MS);
    ck_assert_uint_eq(atomic_load(&g_woken), 3);
    ck_assert_uint_eq(address_wake(&g_key, ADDRESS_ALL), WAITERS - 3);
    join_all(thread, WAITERS);
    ck_assert_uint_eq(atomic_load(&g_woken), WAITERS);
}
END_TEST

/* One is woken, five move, the rest stays; a check that says no changes nothing. */
START_TEST(address_requeue_moves_waiters)
{
    struct thread *thread[WAITERS];
    uint32_t value = 1;
    struct address_requeue what = { .from = g_key,
                                    .to = g_other,
                                    .check = { .fn = is_value, .arg = &value },
                                    .wake_max = 1,
                                    .move_max = 5 };
    struct address_moved moved = { 0, 0 };

    start_waiters(thread, WAITERS);
    ck_assert_int_eq(address_requeue(&what, &moved), EXO_ERR_BUSY);
    value = 0;
    ck_assert_int_eq(address_requeue(&what, &moved), EXO_OK);
    ck_assert_uint_eq(moved.woken, 1);
    ck_assert_uint_eq(moved.moved, 5);
    ck_assert_uint_eq(address_wake(&g_other, ADDRESS_ALL), 5);
    what.wake_max = 2;
    what.move_max = 0;
    ck_assert_int_eq(address_requeue(&what, &moved), EXO_OK);
    ck_assert_uint_eq(moved.woken, 2);
    ck_assert_uint_eq(moved.moved, 0);
    ck_assert_uint_eq(address_wake(&g_key, ADDRESS_ALL), WAITERS - 8);
    join_all(thread, WAITERS);
    what.to = g_key;
    ck_assert_int_eq(address_requeue(&what, &moved), EXO_ERR_INVALID);
}
END_TEST

/* A lock whose waiters sleep on its word, 0 free, 1 held, 2 held and maybe waited for: with a
 * wake-up lost it would stop. */
static uint64_t g_sum; /* guarded by that lock */

static void address_lock(void)
{
    uint32_t value = 2;
    const struct address_check check = { .fn = is_value, .arg = &value };
    uint32_t was = 0;

    if (atomic_compare_exchange_strong(&g_word, &was, 1)) {
        return;
    }
    while (atomic_exchange(&g_word, 2) != 0) {
        (void)!address_wait(&g_key, &check, clock_deadline_ns(NS_PER_S * 3600));
    }
}

static void address_unlock(void)
{
    if (atomic_exchange(&g_word, 0) == 2) {
        (void)address_wake(&g_key, 1);
    }
}

static void address_worker(void *arg)
{
    (void)arg;
    for (unsigned i = 0; i < 300; i++) {
        address_lock();
        g_sum++;
        if (i % 16 == 0) {
            thread_yield();
        }
        address_unlock();
    }
}

START_TEST(address_wait_loses_no_wake_up)
{
    struct thread *thread[6];

    atomic_store(&g_word, 0);
    g_sum = 0;
    start_all(thread, ARRAY_COUNT(thread), address_worker, NULL);
    join_all(thread, ARRAY_COUNT(thread));
    ck_assert_uint_eq(g_sum, 300 * ARRAY_COUNT(thread));
}
END_TEST

static void move_back_and_forth(void *arg)
{
    const uint32_t count = (uint32_t)(uintptr_t)arg;

    for (uint32_t i = 0; i < 2000 && atomic_load(&g_woken) < count; i++) {
        struct address_moved moved;
        const struct address_requeue what = { .from = i % 2 == 0 ? g_key : g_other,
                                              .to = i % 2 == 0 ? g_other : g_key,
                                              .move_max = 3 };

        ck_assert_int_eq(address_requeue(&what, &moved), EXO_OK);
    }
}

/* Two movers and a waker at once: everybody wakes up, once. */
START_TEST(address_requeue_and_wake_race)
{
    struct thread *thread[WAITERS];
    struct thread *mover[2];
    uint32_t total = 0;

    start_waiters(thread, WAITERS);
    start_all(mover, ARRAY_COUNT(mover), move_back_and_forth, (void *)(uintptr_t)WAITERS);
    while (total < WAITERS) {
        total += address_wake(&g_key, 1);
        total += address_wake(&g_other, 1);
    }
    join_all(mover, ARRAY_COUNT(mover));
    join_all(thread, WAITERS);
    ck_assert_uint_eq(total, WAITERS);
    ck_assert_uint_eq(atomic_load(&g_woken), WAITERS);
}
END_TEST

EXO_SUITE(sync_address, EXO_TEST(address_wait_compares_and_times_out),
          EXO_TEST(address_wake_counts_and_keeps_keys_apart),
          EXO_TEST(address_requeue_moves_waiters),
          EXO_TEST_TIMED(address_wait_loses_no_wake_up, 60),
          EXO_TEST_TIMED(address_requeue_and_wake_race, 60))
