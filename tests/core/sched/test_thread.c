/*
 * tests/core/sched/test_thread.c - the life of threads.
 */
#include "exo/sched/thread.h"

#include <stdatomic.h>

#include "exo/lib/string.h"
#include "exo/sched/sched.h"
#include "exo/sync/preempt.h"
#include "exo/time/clock.h"
#include "exo_check.h"
#include "exo_panic.h"
#include "exo_test.h"
#include "sched_private.h"

static _Atomic uint32_t g_step;

static void exit_with(void *arg)
{
    thread_exit((int)(intptr_t)arg);
}

static void return_at_once(void *arg)
{
    (void)arg;
}

static exo_status_t start(const char *name, void (*entry)(void *), void *arg, struct thread **out)
{
    const struct thread_spec spec = {
        .name = name, .entry = entry, .arg = arg, .cpu = THREAD_ANY_CPU
    };

    return thread_create(&spec, out);
}

START_TEST(thread_join_gives_the_exit_status)
{
    struct thread *thread = NULL;
    int status = -1;

    ck_assert_int_eq(start("exits", exit_with, (void *)(intptr_t)-42, &thread), EXO_OK);
    thread_join(thread, &status);
    ck_assert_int_eq(status, -42);
    ck_assert_int_eq(start("returns", return_at_once, NULL, &thread), EXO_OK);
    thread_sleep_ns(NS_PER_MS); /* most likely dead before it is joined */
    thread_join(thread, &status);
    ck_assert_int_eq(status, 0);
}
END_TEST

/* Detached and joined threads in masses: the runner's leak check sees every stack come back. */
START_TEST(threads_give_everything_back)
{
    struct thread *thread[40];

    for (size_t i = 0; i < ARRAY_COUNT(thread); i++) {
        ck_assert_int_eq(start("mass", return_at_once, NULL, &thread[i]), EXO_OK);
        if (i % 2 == 0) {
            thread_detach(thread[i]);
        }
    }
    for (size_t i = 1; i < ARRAY_COUNT(thread); i += 2) {
        thread_join(thread[i], NULL);
    }
}
END_TEST

static exo_status_t create_and_join(void *arg)
{
    struct thread *thread = NULL;
    const exo_status_t status = start("sweep", return_at_once, arg, &thread);

    if (status == EXO_OK) {
        thread_join(thread, NULL);
        /* Its stack comes back a little later. */
        while (thread_list(NULL, 0) > *(const size_t *)arg) {
            thread_sleep_ns(NS_PER_MS);
        }
    }
    return status;
}

START_TEST(thread_create_survives_every_failure)
{
    size_t count = thread_list(NULL, 0);

    ck_assert_uint_gt(fault_sweep(create_and_join, &count), 0);
}
END_TEST

START_TEST(thread_create_refuses_a_cpu_that_is_off)
{
    const struct thread_spec spec = { .name = "x", .entry = return_at_once, .cpu = CPUS_MAX - 1 };
    const struct thread_spec beyond = { .name = "x", .entry = return_at_once, .cpu = CPUS_MAX };
    struct thread *thread = NULL;

    if (!sched_is_online(CPUS_MAX - 1)) {
        ck_assert_int_eq(thread_create(&spec, &thread), EXO_ERR_INVALID);
    }
    ck_assert_int_eq(thread_create(&beyond, &thread), EXO_ERR_INVALID);
    ck_assert_ptr_null(thread);
}
END_TEST

START_TEST(park_keeps_one_permit)
{
    thread_unpark(thread_current());
    thread_unpark(thread_current());
    ck_assert_int_eq(thread_park(CLOCK_NEVER), EXO_OK);
    ck_assert_int_eq(thread_park(clock_deadline_ns(NS_PER_MS)), EXO_ERR_TIMED_OUT);
    ck_assert_int_eq(thread_park(0), EXO_ERR_TIMED_OUT); /* a deadline in the past */
    thread_unpark(thread_current());
    ck_assert_int_eq(thread_park(0), EXO_OK); /* the permit wins */
}
END_TEST

START_TEST(sleep_lasts_and_keeps_a_permit)
{
    const uint64_t start_ns = clock_now_ns();

    thread_unpark(thread_current());
    thread_sleep_ns(3 * NS_PER_MS);
    ck_assert_uint_ge(clock_now_ns() - start_ns, 3 * NS_PER_MS);
    ck_assert_int_eq(thread_park(0), EXO_OK);
}
END_TEST

static void parker(void *arg)
{
    (void)arg;
    for (uint32_t i = 0; i < 300; i++) {
        while (atomic_load(&g_step) != 2 * i + 1) {
            if (thread_park(CLOCK_NEVER) != EXO_OK) {
                return;
            }
        }
        atomic_store(&g_step, 2 * i + 2);
    }
}

/* Hand over and back: a single lost wake-up would hang this. The partner answers by the step alone,
 * so both the sleeping and the awake side of unpark are met, and the deadline of our own park. */
START_TEST(unpark_never_gets_lost)
{
    struct thread *thread = NULL;

    atomic_store(&g_step, 0);
    ck_assert_int_eq(start("parker", parker, NULL, &thread), EXO_OK);
    for (uint32_t i = 0; i < 300; i++) {
        atomic_store(&g_step, 2 * i + 1);
        thread_unpark(thread);
        while (atomic_load(&g_step) != 2 * i + 2) {
            if (i % 2 == 0) {
                const exo_status_t status = thread_park(clock_deadline_ns(50000));

                ck_assert_int_eq(status, EXO_ERR_TIMED_OUT);
            } else {
                thread_yield();
            }
        }
    }
    thread_join(thread, NULL);
}
END_TEST

static struct thread *_Atomic g_storm_target;
static _Atomic uint32_t g_storm_wakes;
static _Atomic uint32_t g_storm_stop;

static void storm_waker(void *arg)
{
    (void)arg;
    while (atomic_load(&g_storm_stop) == 0) {
        thread_unpark(atomic_load(&g_storm_target));
        atomic_fetch_add(&g_storm_wakes, 1);
        if (atomic_load(&g_storm_wakes) % 16 == 0) {
            thread_yield();
        }
    }
}

/* Wakers on other CPUs race with timeouts and with the parking itself. */
START_TEST(park_survives_a_storm_of_wakers_and_timeouts)
{
    struct thread *thread[3];
    uint32_t timed_out = 0;

    atomic_store(&g_storm_target, thread_current());
    atomic_store(&g_storm_stop, 0);
    atomic_store(&g_storm_wakes, 0);
    for (size_t i = 0; i < ARRAY_COUNT(thread); i++) {
        ck_assert_int_eq(start("waker", storm_waker, NULL, &thread[i]), EXO_OK);
    }
    for (uint32_t i = 0; i < 2000; i++) {
        const exo_status_t status = thread_park(clock_deadline_ns(i % 20 * 1000));

        ck_assert(status == EXO_OK || status == EXO_ERR_TIMED_OUT);
        timed_out += status == EXO_OK ? 0 : 1;
    }
    atomic_store(&g_storm_stop, 1);
    for (size_t i = 0; i < ARRAY_COUNT(thread); i++) {
        thread_join(thread[i], NULL);
    }
    ck_assert_uint_lt(timed_out, 2000);
}
END_TEST

static void touch_deep_stack(void *arg)
{
    volatile char room[6000];

    (void)arg;
    for (size_t i = 0; i < sizeof(room); i++) {
        room[i] = (char)i;
    }
    atomic_store(&g_step, 1);
    while (atomic_load(&g_step) != 2) {
        thread_yield();
    }
}

START_TEST(thread_list_tells_names_states_and_stacks)
{
    static struct thread_info info[CPUS_MAX + 64]; /* an idle thread per CPU, and ours */
    struct thread *thread = NULL;
    bool found = false;
    bool self = false;

    atomic_store(&g_step, 0);
    ck_assert_int_eq(start("a-name-that-is-longer-than-its-room", touch_deep_stack, NULL, &thread),
                     EXO_OK);
    ck_assert_str_eq(thread_name(thread), "a-name-that-is-longer-t");
    ck_assert(test_wait_for(&g_step, 1, 5 * NS_PER_S));
    const size_t count = thread_list(info, ARRAY_COUNT(info));

    ck_assert_uint_eq(thread_list(info, 0), count);
    for (size_t i = 0; i < count && i < ARRAY_COUNT(info); i++) {
        self = self || (info[i].id == thread_id(thread_current()) && info[i].state == 'R');
        if (info[i].id != thread_id(thread)) {
            continue;
        }
        found = true;
        ck_assert_str_eq(info[i].name, "a-name-that-is-longer-t");
        ck_assert_uint_ge(info[i].stack_used_bytes, 6000);
        ck_assert_uint_lt(info[i].stack_used_bytes, info[i].stack_size_bytes);
        ck_assert_uint_ge(info[i].switches, 1);
    }
    ck_assert(found);
    ck_assert(self);
    atomic_store(&g_step, 2);
    thread_join(thread, NULL);
}
END_TEST

START_TEST(thread_user_data_is_its_own)
{
    int mark;

    ck_assert_ptr_null(thread_user_data(thread_current()));
    thread_user_data_set(thread_current(), &mark);
    thread_sleep_ns(NS_PER_MS);
    ck_assert_ptr_eq(thread_user_data(thread_current()), &mark);
    thread_user_data_set(thread_current(), NULL);
}
END_TEST

static void join_self(void *arg)
{
    (void)arg;
    thread_join(thread_current(), NULL);
}

START_TEST(thread_join_of_itself_panics)
{
    ck_assert(panic_is_caught(join_self, NULL, "assertion failed"));
}
END_TEST

static void wait_for_step(void *arg)
{
    (void)arg;
    while (atomic_load(&g_step) == 0) {
        thread_sleep_ns(NS_PER_MS);
    }
}

static void join_it(void *arg)
{
    thread_join(arg, NULL);
}

START_TEST(thread_join_by_two_panics)
{
    struct thread *thread = NULL;
    struct thread *joiner = NULL;

    atomic_store(&g_step, 0);
    ck_assert_int_eq(start("joined", wait_for_step, NULL, &thread), EXO_OK);
    ck_assert_int_eq(start("joins", join_it, thread, &joiner), EXO_OK);
    while (atomic_load(&thread->join) == JOIN_NOBODY) {
        thread_yield();
    }
    ck_assert(panic_is_caught(join_it, thread, "assertion failed"));
    atomic_store(&g_step, 1);
    thread_join(joiner, NULL);
}
END_TEST

EXO_SUITE(sched_thread, EXO_TEST(thread_join_gives_the_exit_status),
          EXO_TEST(threads_give_everything_back), EXO_TEST(thread_create_survives_every_failure),
          EXO_TEST(thread_create_refuses_a_cpu_that_is_off), EXO_TEST(park_keeps_one_permit),
          EXO_TEST(sleep_lasts_and_keeps_a_permit), EXO_TEST_TIMED(unpark_never_gets_lost, 60),
          EXO_TEST_TIMED(park_survives_a_storm_of_wakers_and_timeouts, 60),
          EXO_TEST(thread_list_tells_names_states_and_stacks),
          EXO_TEST(thread_user_data_is_its_own), EXO_TEST(thread_join_of_itself_panics),
          EXO_TEST(thread_join_by_two_panics))
