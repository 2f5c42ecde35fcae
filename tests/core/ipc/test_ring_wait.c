/*
 * tests/core/ipc/test_ring_wait.c - sleeping on rings: no wake-up is lost, whoever sleeps, and the
 * end of a ring wakes everybody.
 *
 * Every wait in these tests has no deadline, so a lost wake-up is a test that does not end.
 */
#include <stdatomic.h>

#include "exo/ipc/ring.h"
#include "exo/sched/fence.h"
#include "exo/sched/thread.h"
#include "exo_check.h"
#include "exo_test.h"

#define SLOTS     2u
#define SIDES_MAX 3u
#define EACH      40u
#define MANY      (EXO_RING_MANY_PRODUCERS | EXO_RING_MANY_CONSUMERS)

static struct ring *g_ring;
static _Atomic uint32_t g_seen[SIDES_MAX * EACH];
static _Atomic uint32_t g_wrong;
static _Atomic uint32_t g_ended;

static void ring_new(uint32_t flags)
{
    const struct ring_spec spec = { .slots = SLOTS, .flags = flags };

    ck_assert_int_eq(ring_create(&spec, &g_ring), EXO_OK);
    atomic_store(&g_wrong, 0);
    atomic_store(&g_ended, 0);
    for (uint32_t i = 0; i < ARRAY_COUNT(g_seen); i++) {
        atomic_store(&g_seen[i], 0);
    }
}

static void expect(bool is_right)
{
    if (!is_right) {
        atomic_fetch_add(&g_wrong, 1);
    }
}

static void start(struct thread **thread, void (*entry)(void *), uint64_t number)
{
    const struct thread_spec spec = {
        .name = "ring", .entry = entry, .arg = (void *)number, .cpu = THREAD_ANY_CPU
    };

    ck_assert_int_eq(thread_create(&spec, thread), EXO_OK);
}

static void send(void *arg)
{
    const uint64_t first = (uintptr_t)arg * EACH;
    const bool is_alone = ring_attach(g_ring, RING_PRODUCER) == EXO_OK;

    for (uint64_t i = 0; i < EACH; i++) {
        const struct exo_ring_message message = { { first + i } };

        expect(ring_put(g_ring, &message, WAIT_FOREVER) == EXO_OK);
    }
    if (is_alone) {
        ring_detach(g_ring, RING_PRODUCER);
    }
}

/* Until the ring is closed and empty. */
static void receive(void *unused)
{
    const bool is_alone = ring_attach(g_ring, RING_CONSUMER) == EXO_OK;
    struct exo_ring_message message;
    exo_status_t status = EXO_OK;

    (void)unused;
    while ((status = ring_take(g_ring, &message, WAIT_FOREVER)) == EXO_OK) {
        expect(message.word[0] < ARRAY_COUNT(g_seen));
        atomic_fetch_add(&g_seen[message.word[0] % ARRAY_COUNT(g_seen)], 1);
    }
    expect(status == EXO_ERR_DEAD);
    if (is_alone) {
        ring_detach(g_ring, RING_CONSUMER);
    }
    atomic_fetch_add(&g_ended, 1);
}

/* Messages of `senders` reach `receivers` through two slots, each once; then the ring closes. */
static void pass(uint32_t flags, uint32_t senders, uint32_t receivers)
{
    struct thread *thread[2 * SIDES_MAX];

    ring_new(flags);
    for (uint32_t i = 0; i < senders + receivers; i++) {
        start(&thread[i], i < senders ? send : receive, i);
    }
    for (uint32_t i = 0; i < senders; i++) {
        thread_join(thread[i], NULL);
    }
    ring_close(g_ring);
    for (uint32_t i = senders; i < senders + receivers; i++) {
        thread_join(thread[i], NULL);
    }
    ck_assert_uint_eq(atomic_load(&g_wrong), 0);
    for (uint32_t i = 0; i < senders * EACH; i++) {
        ck_assert_uint_eq(atomic_load(&g_seen[i]), 1);
    }
    kobj_unref(ring_object(g_ring));
}

START_TEST(ring_loses_no_wake_up_between_two)
{
    pass(0, 1, 1);
}
END_TEST

START_TEST(ring_loses_no_wake_up_among_many)
{
    pass(MANY, SIDES_MAX, SIDES_MAX);
    pass(EXO_RING_MANY_PRODUCERS, SIDES_MAX, 1);
    pass(EXO_RING_MANY_CONSUMERS, 1, SIDES_MAX);
}
END_TEST

/* Wait until `count` consumers have announced themselves. */
static void await_sleepers(uint64_t count)
{
    struct ring_stats stats = { .lost = 0 };

    do {
        thread_yield();
        ring_stats(g_ring, &stats);
    } while (stats.sleeps[RING_CONSUMER] < count);
}

/* Wake-ups without a reason send sleepers back to sleep, not to be forgotten there. */
START_TEST(ring_wake_for_nothing_loses_nothing)
{
    struct thread *thread[SIDES_MAX];

    ring_new(MANY);
    for (uint32_t i = 0; i < SIDES_MAX; i++) {
        start(&thread[i], receive, i);
    }
    for (uint32_t i = 0; i < EACH; i++) {
        const struct exo_ring_message message = { { i } };

        ring_wake(g_ring, RING_CONSUMER, 1 + i % SIDES_MAX);
        ring_wake(g_ring, RING_PRODUCER, UINT32_MAX);
        ck_assert_int_eq(ring_put(g_ring, &message, WAIT_FOREVER), EXO_OK);
    }
    ring_close(g_ring);
    for (uint32_t i = 0; i < SIDES_MAX; i++) {
        thread_join(thread[i], NULL);
    }
    for (uint32_t i = 0; i < EACH; i++) {
        ck_assert_uint_eq(atomic_load(&g_seen[i]), 1);
    }
    kobj_unref(ring_object(g_ring));
}
END_TEST

/* One message wakes one of the sleepers, not all. */
START_TEST(ring_message_wakes_one)
{
    struct thread *thread[SIDES_MAX];
    const struct exo_ring_message message = { { 0 } };
    struct ring_stats stats;

    ring_new(MANY);
    for (uint32_t i = 0; i < SIDES_MAX; i++) {
        start(&thread[i], receive, i);
    }
    await_sleepers(SIDES_MAX);
    ck_assert_int_eq(ring_try_put(g_ring, &message), EXO_OK);
    await_sleepers(SIDES_MAX + 1); /* the one that was woken is back */
    ring_stats(g_ring, &stats);
    ck_assert_uint_eq(stats.wakes[RING_CONSUMER], 1);
    ring_close(g_ring);
    for (uint32_t i = 0; i < SIDES_MAX; i++) {
        thread_join(thread[i], NULL);
    }
    kobj_unref(ring_object(g_ring));
}
END_TEST

/* Nobody sleeps: nobody calls the wake-up. */
START_TEST(ring_wakes_only_where_somebody_sleeps)
{
    struct exo_ring_message message = { { 0 } };
    struct ring_stats stats;

    ring_new(MANY);
    for (uint32_t i = 0; i < EACH; i++) {
        ck_assert_int_eq(ring_put(g_ring, &message, 0), EXO_OK);
        ck_assert_int_eq(ring_take(g_ring, &message, 0), EXO_OK);
    }
    ring_stats(g_ring, &stats);
    ck_assert_uint_eq(stats.wakes[RING_CONSUMER] + stats.wakes[RING_PRODUCER], 0);
    ck_assert_uint_eq(stats.sleeps[RING_CONSUMER] + stats.sleeps[RING_PRODUCER], 0);
    kobj_unref(ring_object(g_ring));
}
END_TEST

/* Producers of a full ring wake when it closes. */
static void send_until_dead(void *unused)
{
    const struct exo_ring_message message = { { 0 } };
    exo_status_t status = EXO_OK;

    (void)unused;
    while (status == EXO_OK) {
        status = ring_put(g_ring, &message, WAIT_FOREVER);
    }
    expect(status == EXO_ERR_DEAD);
    atomic_fetch_add(&g_ended, 1);
}

START_TEST(ring_close_wakes_everybody)
{
    struct thread *thread[2 * SIDES_MAX];

    for (uint32_t round = 0; round < 4; round++) {
        ring_new(MANY);
        for (uint32_t i = 0; i < SIDES_MAX; i++) {
            start(&thread[i], round % 2 == 0 ? send_until_dead : receive, i);
        }
        if (round >= 2) {
            thread_yield();
        }
        ring_close(g_ring);
        for (uint32_t i = 0; i < SIDES_MAX; i++) {
            thread_join(thread[i], NULL);
        }
        ck_assert_uint_eq(atomic_load(&g_ended), SIDES_MAX);
        ck_assert_uint_eq(atomic_load(&g_wrong), 0);
        kobj_unref(ring_object(g_ring));
    }
}
END_TEST

/* What was put and not seen closed is taken, however the closing falls in between. The producer
 * does nothing that would be a fence, so that its last message may be late. */
static _Atomic uint32_t g_put;

static void send_and_count(void *unused)
{
    uint32_t count = 0;

    (void)unused;
    while (count < EACH) {
        const struct exo_ring_message message = { { count } };
        const exo_status_t status = ring_try_put(g_ring, &message);

        if (status == EXO_ERR_DEAD) {
            break;
        }
        if (status == EXO_OK) {
            count++;
            atomic_store_explicit(&g_put, count, memory_order_relaxed);
        } else {
            thread_yield();
        }
    }
    expect(atomic_load(&g_put) == count);
}

/* Take what there is; returns the status that ended it. */
static exo_status_t take_all(uint32_t *taken)
{
    struct exo_ring_message message;
    exo_status_t status = EXO_OK;

    while ((status = ring_take(g_ring, &message, 0)) == EXO_OK) {
        ck_assert_uint_eq(message.word[0], *taken);
        (*taken)++;
    }
    return status;
}

START_TEST(ring_close_loses_no_message)
{
    for (uint32_t round = 0; round < 2 * EACH; round++) {
        struct thread *thread = NULL;
        uint32_t taken = 0;

        ring_new(MANY);
        atomic_store(&g_put, 0);
        start(&thread, send_and_count, 0);
        while (atomic_load_explicit(&g_put, memory_order_relaxed) < round / 2) {
            ck_assert_int_eq(take_all(&taken), EXO_ERR_TIMED_OUT);
            thread_yield();
        }
        ring_close(g_ring);
        /* A producer that has drawn its position before is waited for. */
        exo_status_t status = take_all(&taken);

        while (status == EXO_ERR_TIMED_OUT) {
            thread_yield();
            status = take_all(&taken);
        }
        ck_assert_int_eq(status, EXO_ERR_DEAD);
        thread_join(thread, NULL);
        /* One more, if the last put met the closing. */
        ck_assert_uint_ge(taken, atomic_load(&g_put));
        ck_assert_uint_le(taken, atomic_load(&g_put) + 1);
        ck_assert_uint_eq(atomic_load(&g_wrong), 0);
        kobj_unref(ring_object(g_ring));
    }
}
END_TEST

/* A killed or interrupted thread leaves its wait. */
static void receive_once(void *status)
{
    struct exo_ring_message message;

    *(exo_status_t *)status = ring_take(g_ring, &message, WAIT_FOREVER);
}

START_TEST(ring_wait_can_be_interrupted)
{
    for (uint32_t round = 0; round < 2; round++) {
        exo_status_t status = EXO_OK;
        struct thread *thread = NULL;
        struct exo_ring_message message = { { 0 } };

        ring_new(MANY);
        start(&thread, receive_once, (uintptr_t)&status);
        if (round == 0) {
            await_sleepers(1);
            thread_interrupt(thread);
        } else {
            thread_kill(thread);
        }
        thread_join(thread, NULL);
        ck_assert_int_eq(status, EXO_ERR_INTERRUPTED);
        /* And is not counted among the sleepers any more. */
        ck_assert_int_eq(ring_put(g_ring, &message, 0), EXO_OK);
        struct ring_stats stats;

        ring_stats(g_ring, &stats);
        ck_assert_uint_eq(stats.wakes[RING_CONSUMER], 0);
        kobj_unref(ring_object(g_ring));
    }
}
END_TEST

/* ---- the fence ---- */

static _Atomic uint32_t g_hot;  /* stored by the hot side, without a fence */
static _Atomic uint32_t g_rare; /* stored by the rare side */
static _Atomic uint32_t g_round;
static _Atomic uint32_t g_hot_saw;

static void be_hot(void *unused)
{
    (void)unused;
    for (uint32_t round = 1; round <= EACH; round++) {
        while (atomic_load_explicit(&g_round, memory_order_acquire) < round) {
            thread_yield();
        }
        atomic_store_explicit(&g_hot, round, memory_order_release);
        atomic_signal_fence(memory_order_seq_cst);
        atomic_store_explicit(&g_hot_saw,
                              atomic_load_explicit(&g_rare, memory_order_relaxed) == round,
                              memory_order_relaxed);
        atomic_fetch_add(&g_ended, 1);
    }
}

/* Each side stores and looks at what the other stores; at least one of them sees the other. */
START_TEST(fence_on_all_cpus_orders_store_and_load)
{
    struct thread *thread = NULL;

    atomic_store(&g_hot, 0);
    atomic_store(&g_rare, 0);
    atomic_store(&g_round, 0);
    atomic_store(&g_ended, 0);
    start(&thread, be_hot, 0);
    for (uint32_t round = 1; round <= EACH; round++) {
        atomic_store_explicit(&g_round, round, memory_order_release);
        atomic_store_explicit(&g_rare, round, memory_order_relaxed);
        sched_fence_all();
        const bool rare_saw = atomic_load_explicit(&g_hot, memory_order_acquire) == round;

        while (atomic_load(&g_ended) < round) {
            thread_yield();
        }
        ck_assert(rare_saw || atomic_load(&g_hot_saw) != 0);
    }
    thread_join(thread, NULL);
}
END_TEST

EXO_SUITE(ring_wait, EXO_TEST(ring_loses_no_wake_up_between_two),
          EXO_TEST(ring_loses_no_wake_up_among_many), EXO_TEST(ring_wake_for_nothing_loses_nothing),
          EXO_TEST(ring_message_wakes_one), EXO_TEST(ring_wakes_only_where_somebody_sleeps),
          EXO_TEST(ring_close_wakes_everybody), EXO_TEST(ring_close_loses_no_message),
          EXO_TEST(ring_wait_can_be_interrupted), EXO_TEST(fence_on_all_cpus_orders_store_and_load))
