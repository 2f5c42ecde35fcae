/*
 * tests/core/sync/test_address_many.c - more waiters on addresses than are handled at a time.
 *
 * Waiters are real-time threads of CPU 0, as this test's thread is, which is less urgent: each runs
 * as soon as it is started or woken and the lock under which that happened is free again. So they
 * wait in the order of their start, and the first that is woken sees how far its waker has come.
 */
#include <stdatomic.h>

#include "exo/hal/test.h"
#include "exo/mem/phys.h"
#include "exo/sched/sched.h"
#include "exo/sched/thread.h"
#include "exo/sync/address.h"
#include "exo/time/clock.h"
#include "exo_check.h"
#include "exo_test.h"

#include "grant.h"
#include "workers.h"

#define MANY        2000u
#define STACK_BYTES ((size_t)64 << 20) /* for all of them */
#define STEP_MAX    64u /* places that a walk passes while it holds a lock, at most */

/* Distances of offsets whose hashes differ by less than a hundredth of a bucket. */
#define SAME_BUCKET (17711u * 4u)

static struct thread *g_thread[MANY];
static uint32_t g_count; /* of waiters in this run */
static uint64_t g_word;
static const struct address_key g_key = { .object = &g_word, .offset = 64 };
static const struct address_key g_same = { .object = &g_word, .offset = 64 + SAME_BUCKET };
static const struct address_key g_other = { .object = &g_word, .offset = 68 };
static _Atomic uint32_t g_arrived;
static _Atomic uint32_t g_woken;
static _Atomic uint32_t g_disorder;
static const struct address_key *g_wait_at;
static const struct address_key *g_wake_at; /* the first that wakes up wakes all of this key */
static uint32_t g_first_woke;               /* so many */
static const struct address_check g_no_check = { .fn = NULL };

/* As many as half of the memory has room for, and not more than MANY. */
static uint32_t count_choose(void)
{
    static struct thread_info facts[256];
    struct phys_stats stats;
    size_t room = MANY;

    phys_stats(&stats);
    (void)thread_list(facts, ARRAY_COUNT(facts));
    for (size_t i = 0; i < ARRAY_COUNT(facts); i++) {
        if (facts[i].stack_size_bytes > 0) {
            room = STACK_BYTES / facts[i].stack_size_bytes;
            room = min_u64(room, stats.frames_free / 3 * PAGE_SIZE / facts[i].stack_size_bytes);
        }
    }
    return (uint32_t)min_u64(room, MANY);
}

static void wait_in_order(void *arg)
{
    atomic_fetch_add(&g_arrived, 1);
    if (address_wait(g_wait_at, &g_no_check, WAIT_FOREVER) != EXO_OK) {
        return;
    }
    const uint32_t before = atomic_fetch_add(&g_woken, 1);

    if (before == 0 && g_wake_at != NULL) {
        g_first_woke = address_wake(g_wake_at, ADDRESS_ALL);
    } else if (before != (uint32_t)(uintptr_t)arg && g_wake_at == NULL) {
        atomic_fetch_add(&g_disorder, 1);
    }
}

/* Start `count` waiters at `key`; they all wait at return. */
static void waiters_start(uint32_t count, const struct address_key *key)
{
    g_count = count;
    g_wait_at = key;
    g_wake_at = NULL;
    g_first_woke = 0;
    atomic_store(&g_arrived, 0);
    atomic_store(&g_woken, 0);
    atomic_store(&g_disorder, 0);
    for (uint32_t i = 0; i < count; i++) {
        start_on_one_cpu(&g_thread[i], wait_in_order, (void *)(uintptr_t)i, 50);
    }
    ck_assert_uint_eq(atomic_load(&g_arrived), count);
}

static size_t g_threads; /* before the test began */

static void main_begin(void)
{
    g_threads = thread_list(NULL, 0);
    one_cpu(10);
}

static void main_end(void)
{
    ck_assert_uint_eq(address_wake(&g_key, ADDRESS_ALL), 0);
    ck_assert_uint_eq(address_wake(&g_other, ADDRESS_ALL), 0);
    ck_assert_uint_eq(address_wake(&g_same, ADDRESS_ALL), 0);
    all_cpus();
    while (thread_list(NULL, 0) > g_threads) {
        thread_sleep_ns(10 * NS_PER_MS); /* giving back so many stacks takes its time */
    }
}

/* The first batch is let run before the next is woken: who is woken first finds the others, and
 * passes the waker's markers by, whatever the key. */
START_TEST(address_wake_lets_go_between_batches)
{
    static const struct address_key zero = { .object = NULL, .offset = 0 };

    if (!sched_heeds_classes()) {
        return; /* who runs when is decided by priorities here */
    }
    main_begin();
    waiters_start(150, &zero);
    g_wake_at = &zero;
    const uint32_t woken = address_wake(&zero, ADDRESS_ALL);

    join_all(g_thread, g_count);
    ck_assert_uint_eq(woken, WAKE_BATCH);
    ck_assert_uint_eq(g_first_woke, g_count - WAKE_BATCH);
    ck_assert_uint_eq(atomic_load(&g_woken), g_count);
    main_end();
}
END_TEST

/* The same for moving: who is woken by the first batch finds those moved by then and no more. */
START_TEST(address_requeue_lets_go_between_batches)
{
    const struct address_requeue what = {
        .from = g_key, .to = g_other, .wake_max = 1, .move_max = ADDRESS_ALL
    };
    struct address_moved moved = { 0, 0 };

    if (!sched_heeds_classes()) {
        return; /* who runs when is decided by priorities here */
    }
    main_begin();
    waiters_start(150, &g_key);
    g_wake_at = &g_other;
    ck_assert_int_eq(address_requeue(&what, &moved), EXO_OK);
    ck_assert_uint_eq(moved.woken, 1);
    ck_assert_uint_eq(moved.moved, g_count - 1);
    ck_assert_uint_gt(g_first_woke, 0);
    ck_assert_uint_lt(g_first_woke, STEP_MAX);
    ck_assert_uint_eq(address_wake(&g_key, ADDRESS_ALL), 0);
    ck_assert_uint_eq(address_wake(&g_other, ADDRESS_ALL), g_count - 1 - g_first_woke);
    join_all(g_thread, g_count);
    main_end();
}
END_TEST

/* As many as there is room for, moved to another bucket, within one, and woken one by one and all
 * at once: in the order of their coming, nobody twice, nobody left. */
START_TEST(address_requeue_of_thousands_keeps_order)
{
    const struct address_requeue away = { .from = g_key, .to = g_other, .move_max = ADDRESS_ALL };
    const struct address_requeue near = { .from = g_other, .to = g_key, .move_max = ADDRESS_ALL };
    const struct address_requeue beside = { .from = g_key, .to = g_same, .move_max = ADDRESS_ALL };
    struct address_moved moved = { 0, 0 };

    if (!sched_heeds_classes()) {
        return; /* who runs when is decided by priorities here */
    }
    main_begin();
    waiters_start(count_choose(), &g_key);
    ck_assert_uint_gt(g_count, 3 * STEP_MAX);
    ck_assert_int_eq(address_requeue(&away, &moved), EXO_OK);
    ck_assert_uint_eq(moved.moved, g_count);
    ck_assert_int_eq(address_requeue(&near, &moved), EXO_OK);
    ck_assert_uint_eq(moved.moved, g_count);
    ck_assert_int_eq(address_requeue(&beside, &moved), EXO_OK);
    ck_assert_uint_eq(moved.moved, g_count);
    ck_assert_uint_eq(moved.woken, 0);
    ck_assert_uint_eq(atomic_load(&g_woken), 0);
    ck_assert_uint_eq(address_wake(&g_same, 1), 1);
    ck_assert_uint_eq(address_wake(&g_same, 20), 20);
    ck_assert_uint_eq(address_wake(&g_same, ADDRESS_ALL), g_count - 21);
    join_all(g_thread, g_count);
    ck_assert_uint_eq(atomic_load(&g_disorder), 0);
    main_end();
}
END_TEST

/* One that waits behind hundreds of others of the same bucket is found. */
START_TEST(address_wake_finds_its_own_behind_others)
{
    struct thread *last = NULL;

    if (!sched_heeds_classes()) {
        return; /* who runs when is decided by priorities here */
    }
    main_begin();
    waiters_start(150, &g_same);
    g_wait_at = &g_key;
    start_on_one_cpu(&last, wait_in_order, NULL, 50);
    ck_assert_uint_eq(address_wake(&g_key, ADDRESS_ALL), 1);
    ck_assert_uint_eq(address_wake(&g_same, ADDRESS_ALL), g_count);
    thread_join(last, NULL);
    join_all(g_thread, g_count);
    main_end();
}
END_TEST

static void wait_again(void *arg)
{
    (void)arg;
    if (address_wait(&g_key, &g_no_check, WAIT_FOREVER) == EXO_OK) {
        atomic_fetch_add(&g_woken, 1);
    }
    if (address_wait(&g_key, &g_no_check, WAIT_FOREVER) == EXO_OK) {
        atomic_fetch_add(&g_woken, 1);
    }
}

/* Who comes back while the walk goes on is not of those that it began with: each is woken once. */
START_TEST(address_wake_leaves_newcomers_alone)
{
    if (!sched_heeds_classes()) {
        return; /* who runs when is decided by priorities here */
    }
    main_begin();
    for (uint32_t i = 0; i < 100; i++) {
        start_on_one_cpu(&g_thread[i], wait_again, NULL, 50);
    }
    atomic_store(&g_woken, 0);
    ck_assert_uint_eq(address_wake(&g_key, ADDRESS_ALL), 100);
    ck_assert_uint_eq(atomic_load(&g_woken), 100);
    ck_assert_uint_eq(address_wake(&g_key, ADDRESS_ALL), 100);
    ck_assert_uint_eq(atomic_load(&g_woken), 200);
    join_all(g_thread, 100);
    main_end();
}
END_TEST

/* ---- everything at once, on all CPUs ---- */

static _Atomic uint32_t g_granted; /* waits that ended by a wake-up */
static _Atomic uint32_t g_ended;   /* workers that are through */

static void wait_and_give_up(void *arg)
{
    const uint32_t seed = (uint32_t)(uintptr_t)arg;

    for (uint32_t i = 0; i < 20; i++) {
        const struct address_key *const key = (i + seed) % 2 == 0 ? &g_key : &g_other;

        if (address_wait(key, &g_no_check, clock_deadline_ns((i + seed) % 7 * 100000)) == EXO_OK) {
            atomic_fetch_add(&g_granted, 1);
        }
    }
    atomic_fetch_add(&g_ended, 1);
}

static void move_to_and_fro(void *arg)
{
    uint32_t i = (uint32_t)(uintptr_t)arg;

    for (; atomic_load(&g_ended) < g_count; i++) {
        const struct address_requeue what = { .from = i % 2 == 0 ? g_key : g_other,
                                              .to = i % 2 == 0 ? g_other : g_same,
                                              .wake_max = i % 3,
                                              .move_max = ADDRESS_ALL };
        struct address_moved moved;

        ck_assert_int_eq(address_requeue(&what, &moved), EXO_OK);
        atomic_fetch_add(&g_woken, moved.woken);
        atomic_fetch_add(&g_woken, address_wake(&g_same, i % 5));
        thread_interrupt(g_thread[i % g_count]);
        thread_yield();
    }
}

/* Waiters with short deadlines, interrupted too, two movers that also wake: every wake-up that was
 * counted by a waker ended a wait, and no other wait ended by one. */
START_TEST(address_wakers_and_waiters_agree_on_every_wake_up)
{
    struct thread *mover[2];

    g_count = 60;
    atomic_store(&g_woken, 0);
    atomic_store(&g_granted, 0);
    atomic_store(&g_ended, 0);
    for (uint32_t i = 0; i < g_count; i++) {
        start(&g_thread[i], wait_and_give_up, (void *)(uintptr_t)i);
    }
    start(&mover[0], move_to_and_fro, (void *)0);
    start(&mover[1], move_to_and_fro, (void *)1);
    join_all(mover, ARRAY_COUNT(mover));
    join_all(g_thread, g_count);
    ck_assert_uint_eq(atomic_load(&g_woken), atomic_load(&g_granted));
    ck_assert_uint_eq(address_wake(&g_same, ADDRESS_ALL), 0);
}
END_TEST

EXO_SUITE(sync_address_many, EXO_TEST_TIMED(address_wake_lets_go_between_batches, 60),
          EXO_TEST_TIMED(address_requeue_lets_go_between_batches, 60),
          EXO_TEST_TIMED(address_requeue_of_thousands_keeps_order, 120),
          EXO_TEST_TIMED(address_wake_finds_its_own_behind_others, 60),
          EXO_TEST_TIMED(address_wake_leaves_newcomers_alone, 60),
          EXO_TEST_TIMED(address_wakers_and_waiters_agree_on_every_wake_up, 60))
