/*
 * tests/core/ipc/test_source.c - signals: who waits for which, taking, the end; timers.
 */
#include <stdatomic.h>

#include "exo/cap/cap.h"
#include "exo/ipc/event.h"
#include "exo/sched/thread.h"
#include "exo/time/clock.h"
#include "exo_check.h"
#include "threads.h"

#define WAITERS 3u
#define ROUNDS  50u
#define MS      1000000ull

static struct kobj *event_new(void)
{
    struct kobj *event = NULL;

    ck_assert_int_eq(event_create(&event), EXO_OK);
    return event;
}

static struct kobj *alarm_new(void)
{
    struct kobj *alarm = NULL;

    ck_assert_int_eq(alarm_create(&alarm), EXO_OK);
    return alarm;
}

START_TEST(event_signals_stay_until_taken)
{
    struct kobj *const event = event_new();
    struct source *const source = event_source(event);
    uint64_t got = 99;

    ck_assert_int_eq(source_wait(source, 7, 0, &got), EXO_ERR_TIMED_OUT);
    ck_assert_uint_eq(got, 0);
    source_set(source, 5);
    source_set(source, EXO_SIGNALS_ALL & ~7ull);
    ck_assert_int_eq(source_wait(source, 2, hal_clock_ns() + MS, &got), EXO_ERR_TIMED_OUT);
    ck_assert_int_eq(source_wait(source, 6, 0, &got), EXO_OK);
    ck_assert_uint_eq(got, 4);
    ck_assert_int_eq(source_wait(source, 6, 0, &got), EXO_ERR_TIMED_OUT);
    ck_assert_int_eq(source_wait(source, EXO_SIGNALS_ALL, CLOCK_NEVER, &got), EXO_OK);
    ck_assert_uint_eq(got, EXO_SIGNALS_ALL & ~6ull);
    source_set(source, 8);
    source_clear(source, 8);
    ck_assert_int_eq(source_wait(source, 8, 0, &got), EXO_ERR_TIMED_OUT);
    kobj_unref(event);
}
END_TEST

START_TEST(source_keeps_what_stays)
{
    struct source source;
    uint64_t got = 0;

    source_init(&source, 1);
    source_set(&source, 3);
    for (uint32_t i = 0; i < 2; i++) {
        ck_assert_int_eq(source_wait(&source, 1, 0, &got), EXO_OK);
        ck_assert_uint_eq(got, 1);
    }
    ck_assert_int_eq(source_wait(&source, 3, 0, &got), EXO_OK);
    ck_assert_uint_eq(got, 3);
    ck_assert_int_eq(source_wait(&source, 2, 0, &got), EXO_ERR_TIMED_OUT);
    source_close(&source);
    ck_assert_int_eq(source_wait(&source, 1, 0, &got), EXO_OK); /* what is set can be had */
    ck_assert_int_eq(source_wait(&source, 2, CLOCK_NEVER, &got), EXO_ERR_DEAD);
    source_fini(&source);
}
END_TEST

struct waiter {
    struct source *source;
    uint64_t want;
    _Atomic uint64_t turns;
    exo_status_t status;
};

static void wait_often(void *arg)
{
    struct waiter *const waiter = arg;
    uint64_t got = 0;

    do {
        waiter->status = source_wait(waiter->source, waiter->want, CLOCK_NEVER, &got);
        ck_assert_uint_eq(got & ~waiter->want, 0);
        atomic_fetch_add(&waiter->turns, got != 0 ? 1 : 0);
    } while (waiter->status == EXO_OK);
}

/* Each waiter is woken for its own signal, every time: the next round begins when all have had
 * theirs. */
START_TEST(event_loses_no_signal)
{
    struct kobj *const event = event_new();
    struct waiter waiter[WAITERS];
    struct thread *thread[WAITERS];

    for (uint32_t i = 0; i < WAITERS; i++) {
        waiter[i] = (struct waiter){ .source = event_source(event), .want = 1ull << i };
        thread[i] = test_thread("waiter", wait_often, &waiter[i]);
    }
    for (uint64_t round = 1; round <= ROUNDS; round++) {
        for (uint32_t i = 0; i < WAITERS; i++) {
            source_set(event_source(event), 1ull << i);
        }
        for (uint32_t i = 0; i < WAITERS; i++) {
            while (atomic_load(&waiter[i].turns) < round) {
                thread_sleep_ns(1000);
            }
        }
    }
    source_close(event_source(event));
    for (uint32_t i = 0; i < WAITERS; i++) {
        thread_join(thread[i], NULL);
        ck_assert_uint_eq(atomic_load(&waiter[i].turns), ROUNDS);
        ck_assert_int_eq(waiter[i].status, EXO_ERR_DEAD);
    }
    kobj_unref(event);
}
END_TEST

START_TEST(event_waiter_can_be_killed)
{
    struct kobj *const event = event_new();
    struct waiter waiter = { .source = event_source(event), .want = 1 };
    struct thread *const thread = test_thread("waiter", wait_often, &waiter);

    thread_sleep_ns(MS);
    thread_kill(thread);
    thread_join(thread, NULL);
    ck_assert_int_eq(waiter.status, EXO_ERR_INTERRUPTED);
    kobj_unref(event);
}
END_TEST

/* The last capability's end is the end of those who wait. */
START_TEST(event_ends_with_its_capabilities)
{
    struct cap_quota quota;
    struct cap_space *caps = NULL;
    struct kobj *const event = event_new();
    struct waiter waiter = { .source = event_source(event), .want = 1 };
    exo_cap_t cap = EXO_CAP_NONE;

    cap_quota_init(&quota, 4, 4 * PAGE_SIZE);
    ck_assert_int_eq(cap_space_create(&quota, &caps), EXO_OK);
    ck_assert_int_eq(cap_insert(caps, event, EVENT_RIGHTS, 0, &cap), EXO_OK);
    struct thread *const thread = test_thread("waiter", wait_often, &waiter);

    thread_sleep_ns(MS);
    ck_assert_int_eq(cap_close(caps, cap), EXO_OK);
    thread_join(thread, NULL);
    ck_assert_int_eq(waiter.status, EXO_ERR_DEAD);
    cap_space_destroy(caps);
    kobj_unref(event);
}
END_TEST

START_TEST(alarm_expires_once_and_not_early)
{
    struct kobj *const alarm = alarm_new();
    struct source *const source = alarm->ops->source(alarm);
    const uint64_t at_ns = hal_clock_ns() + 2 * MS;
    uint64_t got = 0;

    ck_assert_int_eq(alarm_set(alarm, at_ns, 0), EXO_OK);
    ck_assert_int_eq(source_wait(source, 1, CLOCK_NEVER, &got), EXO_OK);
    ck_assert_uint_ge(hal_clock_ns(), at_ns);
    ck_assert_uint_eq(got, EXO_SIGNAL_TIMER_EXPIRED);
    ck_assert_int_eq(source_wait(source, 1, hal_clock_ns() + 3 * MS, &got), EXO_ERR_TIMED_OUT);

    /* The past is now; a new time clears what had expired; never is never. */
    ck_assert_int_eq(alarm_set(alarm, 1, 0), EXO_OK);
    ck_assert_int_eq(source_wait(source, 1, CLOCK_NEVER, &got), EXO_OK);
    ck_assert_int_eq(alarm_set(alarm, 1, 0), EXO_OK);
    thread_sleep_ns(MS);
    ck_assert_int_eq(alarm_set(alarm, hal_clock_ns() + 1000 * MS, 0), EXO_OK);
    ck_assert_int_eq(source_wait(source, 1, 0, &got), EXO_ERR_TIMED_OUT);
    ck_assert_int_eq(alarm_set(alarm, CLOCK_NEVER, MS), EXO_OK);
    ck_assert_int_eq(source_wait(source, 1, hal_clock_ns() + 3 * MS, &got), EXO_ERR_TIMED_OUT);
    kobj_unref(alarm);
}
END_TEST

/* Periods count from the first time, however late they are taken. */
START_TEST(alarm_repeats)
{
    struct kobj *const alarm = alarm_new();
    struct source *const source = alarm->ops->source(alarm);
    const uint64_t first_ns = hal_clock_ns() + MS;
    uint64_t got = 0;

    ck_assert_int_eq(alarm_set(alarm, first_ns, 9999), EXO_ERR_INVALID);
    ck_assert_int_eq(alarm_set(alarm, first_ns, MS), EXO_OK);
    for (uint64_t i = 0; i < 3; i++) {
        ck_assert_int_eq(source_wait(source, 1, CLOCK_NEVER, &got), EXO_OK);
        ck_assert_uint_ge(hal_clock_ns(), first_ns + i * MS);
    }
    thread_sleep_ns(5 * MS); /* several pass: one signal */
    ck_assert_int_eq(source_wait(source, 1, 0, &got), EXO_OK);
    kobj_unref(alarm); /* while it repeats */
}
END_TEST

EXO_SUITE(source, EXO_TEST(event_signals_stay_until_taken), EXO_TEST(source_keeps_what_stays),
          EXO_TEST(event_loses_no_signal), EXO_TEST(event_waiter_can_be_killed),
          EXO_TEST(event_ends_with_its_capabilities), EXO_TEST(alarm_expires_once_and_not_early),
          EXO_TEST(alarm_repeats))
