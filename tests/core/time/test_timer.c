/*
 * tests/core/time/test_timer.c - clock and timers.
 */
#include <stdatomic.h>

#include "exo/hal/test.h"
#include "exo/sched/sched.h"
#include "exo/sched/thread.h"
#include "exo/sync/preempt.h"
#include "exo/time/timer.h"
#include "exo_check.h"
#include "exo_test.h"

#define TIMERS 32u

struct probe {
    struct timer timer;
    uint32_t number;
    uint64_t fired_ns;
    _Atomic uint32_t count;
};

static struct probe g_probe[TIMERS];
static _Atomic uint32_t g_fired;
static uint32_t g_sequence[TIMERS]; /* numbers in the order of firing */

static void on_fire(struct timer *timer)
{
    struct probe *const probe = container_of(timer, struct probe, timer);
    const uint32_t at = atomic_fetch_add(&g_fired, 1);

    probe->fired_ns = clock_now_ns();
    if (at < TIMERS) {
        g_sequence[at] = probe->number;
    }
    atomic_fetch_add(&probe->count, 1);
}

static void probes_init(void (*fire)(struct timer *timer))
{
    atomic_store(&g_fired, 0);
    for (uint32_t i = 0; i < TIMERS; i++) {
        g_probe[i].number = i;
        atomic_store(&g_probe[i].count, 0);
        timer_init(&g_probe[i].timer, fire);
    }
}

START_TEST(clock_never_goes_back_on_any_cpu)
{
    uint64_t last = clock_now_ns();

    for (unsigned i = 0; i < 2000; i++) {
        const uint64_t now = clock_now_ns();

        ck_assert_uint_ge(now, last);
        last = now;
        if (i % 64 == 0) {
            thread_sleep_ns(1); /* and maybe wake up elsewhere */
        }
    }
    ck_assert_uint_eq(clock_deadline_ns(UINT64_MAX), CLOCK_NEVER);
    ck_assert_uint_gt(clock_wall_ns(), 0);
}
END_TEST

/* Armed in disorder on one CPU, two by two with equal deadlines: they fire by deadline, equal ones
 * in the order of arming, none early. */
START_TEST(timers_fire_in_order_and_never_early)
{
    uint64_t deadline_ns[TIMERS];

    probes_init(on_fire);
    preempt_disable();
    const uint64_t base_ns = clock_deadline_ns(5 * NS_PER_MS);

    for (uint32_t i = 0; i < TIMERS; i++) {
        const uint32_t place = i * 7 % TIMERS; /* 7 and 32 have no common factor */

        deadline_ns[place] = base_ns + place / 2 * 50000;
        timer_arm(&g_probe[place].timer, deadline_ns[place]);
    }
    preempt_enable();
    ck_assert(test_wait_for(&g_fired, TIMERS, 10 * NS_PER_S));
    for (uint32_t i = 0; i < TIMERS; i++) {
        ck_assert_uint_ge(g_probe[i].fired_ns, deadline_ns[i]);
        ck_assert_uint_eq(g_sequence[i] / 2, i / 2);
    }
    for (uint32_t i = 0; i < TIMERS; i += 2) {
        /* Of a pair the one with the earlier place in the order of arming: i * 7 % 32 is its
         * inverse permutation of 23. */
        const bool first_is_even = i * 23 % TIMERS < (i + 1) * 23 % TIMERS;

        ck_assert_uint_eq(g_sequence[i], first_is_even ? i : i + 1);
    }
}
END_TEST

START_TEST(timer_in_the_past_fires_at_once)
{
    probes_init(on_fire);
    timer_arm(&g_probe[0].timer, 0);
    timer_arm(&g_probe[1].timer, clock_now_ns());
    ck_assert(test_wait_for(&g_fired, 2, 5 * NS_PER_S));
}
END_TEST

START_TEST(timer_cancel_prevents_and_tells)
{
    probes_init(on_fire);
    ck_assert(!timer_cancel(&g_probe[0].timer)); /* never armed */
    timer_arm(&g_probe[0].timer, clock_deadline_ns(2 * NS_PER_MS));
    ck_assert(timer_cancel(&g_probe[0].timer));
    ck_assert(!timer_cancel_sync(&g_probe[0].timer));
    timer_arm(&g_probe[0].timer, clock_deadline_ns(2 * NS_PER_MS));
    timer_arm(&g_probe[0].timer, CLOCK_NEVER); /* the same by another name */
    ck_assert(!timer_cancel(&g_probe[0].timer));
    timer_arm(&g_probe[1].timer, clock_deadline_ns(NS_PER_S));
    timer_arm(&g_probe[1].timer, clock_deadline_ns(4 * NS_PER_MS)); /* replaced */
    ck_assert(test_wait_for(&g_probe[1].count, 1, 5 * NS_PER_S));
    ck_assert_uint_eq(atomic_load(&g_fired), 1);
    ck_assert_uint_eq(atomic_load(&g_probe[0].count), 0);
}
END_TEST

static void on_fire_again(struct timer *timer)
{
    struct probe *const probe = container_of(timer, struct probe, timer);

    if (atomic_fetch_add(&probe->count, 1) < 4) {
        timer_arm(timer, clock_deadline_ns(NS_PER_MS / 10));
    }
}

START_TEST(timer_callback_may_arm_itself)
{
    probes_init(on_fire_again);
    timer_arm(&g_probe[0].timer, 0);
    ck_assert(test_wait_for(&g_probe[0].count, 5, 5 * NS_PER_S));
    ck_assert(!timer_cancel_sync(&g_probe[0].timer));
}
END_TEST

static _Atomic uint32_t g_in_callback;
static _Atomic uint32_t g_callback_done;

static void on_fire_slowly(struct timer *timer)
{
    (void)timer;
    atomic_store(&g_in_callback, 1);
    test_spin_ns(20 * NS_PER_MS);
    atomic_store(&g_callback_done, 1);
}

static void arm_slow(void *arg)
{
    (void)arg;
    timer_arm(&g_probe[0].timer, 0);
}

START_TEST(timer_cancel_sync_waits_for_the_callback)
{
    if (sched_online_count() < 2) {
        return;
    }
    /* The main thread stays off CPU 1 as long as it spins there. */
    const struct thread_spec spec = { .name = "arm", .entry = arm_slow, .cpu = 1 };
    struct thread *thread = NULL;

    probes_init(on_fire_slowly);
    atomic_store(&g_in_callback, 0);
    atomic_store(&g_callback_done, 0);
    ck_assert_int_eq(thread_create(&spec, &thread), EXO_OK);
    ck_assert(test_wait_for(&g_in_callback, 1, 5 * NS_PER_S));
    ck_assert(!timer_cancel_sync(&g_probe[0].timer));
    ck_assert_uint_eq(atomic_load(&g_callback_done), 1);
    thread_join(thread, NULL);
}
END_TEST

static void storm(void *arg)
{
    const uint32_t seed = (uint32_t)(uintptr_t)arg;

    for (uint32_t i = 0; i < 1500; i++) {
        struct timer *const timer = &g_probe[(i * 13 + seed * 5) % TIMERS].timer;

        switch ((i + seed) % 3) {
        case 0:
            timer_arm(timer, clock_deadline_ns(i % 7 * 20000));
            break;
        case 1:
            (void)timer_cancel(timer);
            break;
        default:
            (void)timer_cancel_sync(timer);
            break;
        }
    }
}

/* All CPUs arm and cancel the same timers: afterwards none is pending and every heap is whole. */
START_TEST(timers_survive_arming_from_all_cpus)
{
    struct thread *thread[4];

    probes_init(on_fire);
    for (uint32_t i = 0; i < ARRAY_COUNT(thread); i++) {
        const struct thread_spec spec = { .name = "storm",
                                          .entry = storm,
                                          .arg = (void *)(uintptr_t)i,
                                          .cpu = i < sched_online_count() ? i : 0 };

        ck_assert_int_eq(thread_create(&spec, &thread[i]), EXO_OK);
    }
    for (uint32_t i = 0; i < ARRAY_COUNT(thread); i++) {
        thread_join(thread[i], NULL);
    }
    for (uint32_t i = 0; i < TIMERS; i++) {
        (void)timer_cancel_sync(&g_probe[i].timer);
        ck_assert(!timer_cancel(&g_probe[i].timer));
    }
    atomic_store(&g_fired, 0);
    timer_arm(&g_probe[3].timer, clock_deadline_ns(NS_PER_MS));
    ck_assert(test_wait_for(&g_fired, 1, 5 * NS_PER_S));
}
END_TEST

/* ---- many at once ---- */

#define CROWD (TIMER_STEPS_MAX * 3 + 5)

static struct timer g_crowd[CROWD];
static _Atomic uint32_t g_crowd_fired;
static uint64_t g_interrupt; /* the number of the interrupt that fired last, on its CPU */
static uint32_t g_in_interrupt;
static uint32_t g_in_interrupt_max;

static void on_fire_in_crowd(struct timer *timer)
{
    struct timer_stats stats;

    (void)timer;
    timer_stats(hal_cpu_id(), &stats);
    g_in_interrupt = stats.interrupts == g_interrupt ? g_in_interrupt + 1 : 1;
    g_interrupt = stats.interrupts;
    g_in_interrupt_max = (uint32_t)max_u64(g_in_interrupt_max, g_in_interrupt);
    atomic_fetch_add(&g_crowd_fired, 1);
}

/* More are due at the same time than one interrupt may fire: the rest comes in later ones, by
 * itself. */
START_TEST(timers_due_at_once_are_fired_in_bounded_pieces)
{
    atomic_store(&g_crowd_fired, 0);
    g_interrupt = 0;
    g_in_interrupt_max = 0;
    const hal_irq_t irq = hal_irq_save();

    for (uint32_t i = 0; i < CROWD; i++) {
        timer_init(&g_crowd[i], on_fire_in_crowd);
        timer_arm(&g_crowd[i], i % 2 == 0 ? 0 : clock_now_ns());
    }
    ck_assert_uint_eq(atomic_load(&g_crowd_fired), 0);
    hal_irq_restore(irq);
    preempt_check();
    ck_assert(test_wait_for(&g_crowd_fired, CROWD, 10 * NS_PER_S));
    for (uint32_t i = 0; i < CROWD; i++) {
        ck_assert(!timer_cancel_sync(&g_crowd[i]));
    }
    ck_assert_uint_eq(atomic_load(&g_crowd_fired), CROWD);
    ck_assert_uint_le(g_in_interrupt_max, TIMER_STEPS_MAX);
    ck_assert_uint_gt(g_in_interrupt_max, 1);
}
END_TEST

/* A callback that is always due again does not keep its CPU in one interrupt for ever: the thread
 * that was interrupted goes on, and takes the timer back. */
static void on_fire_for_ever(struct timer *timer)
{
    atomic_fetch_add(&g_crowd_fired, 1);
    timer_arm(timer, 0);
}

START_TEST(timer_always_due_leaves_room_for_threads)
{
    probes_init(on_fire_for_ever);
    atomic_store(&g_crowd_fired, 0);
    preempt_disable();
    timer_arm(&g_probe[0].timer, 0);
    while (atomic_load(&g_crowd_fired) < 4 * TIMER_STEPS_MAX) {
        hal_pause();
    }
    ck_assert(timer_cancel_sync(&g_probe[0].timer));
    preempt_enable();
    ck_assert(!timer_cancel(&g_probe[0].timer));
}
END_TEST

/* ---- arming what runs on another CPU ---- */

static _Atomic uint32_t g_inside;   /* callbacks that run now */
static _Atomic uint32_t g_together; /* times that two did */
static _Atomic uint32_t g_release;  /* how many callbacks may end */

static void on_fire_held(struct timer *timer)
{
    (void)timer;
    if (atomic_fetch_add(&g_inside, 1) != 0) {
        atomic_fetch_add(&g_together, 1);
    }
    const uint32_t number = atomic_fetch_add(&g_fired, 1) + 1;

    while (atomic_load(&g_release) < number) {
        hal_spin_yield();
    }
    atomic_fetch_sub(&g_inside, 1);
}

/* A timer armed while its callback runs on another CPU fires there, again and after the callback
 * has ended: never twice at a time. */
START_TEST(timer_armed_while_it_runs_elsewhere_fires_there_afterwards)
{
    if (sched_online_count() < 2) {
        return;
    }
    const struct thread_spec spec = { .name = "arm", .entry = arm_slow, .cpu = 1 };
    struct thread *thread = NULL;

    probes_init(on_fire_held);
    atomic_store(&g_inside, 0);
    atomic_store(&g_together, 0);
    atomic_store(&g_release, 0);
    ck_assert_int_eq(thread_affinity_set(thread_current(), 1), EXO_OK);
    ck_assert_int_eq(thread_create(&spec, &thread), EXO_OK);
    ck_assert(test_wait_for(&g_fired, 1, 5 * NS_PER_S));
    preempt_disable();
    timer_arm(&g_probe[0].timer, clock_deadline_ns(NS_PER_MS)); /* here it would be held as well */
    atomic_store(&g_release, 1);
    preempt_enable();
    while (atomic_load(&g_fired) < 2) {
        thread_yield();
    }
    atomic_store(&g_release, 2);
    ck_assert(!timer_cancel_sync(&g_probe[0].timer));
    ck_assert_uint_eq(atomic_load(&g_together), 0);
    thread_join(thread, NULL);
    ck_assert_int_eq(thread_affinity_set(thread_current(), AFFINITY_ALL), EXO_OK);
}
END_TEST

/* ---- cancelling and firing at the same time ---- */

#define RACES 3000u

static struct timer g_raced;
static _Atomic uint32_t g_raced_fired;
static _Atomic uint32_t g_armed;     /* times armed; the other side takes back each once */
static _Atomic uint32_t g_settled;   /* of those, how many are over */
static _Atomic uint32_t g_cancelled; /* of those, how many were taken back */

static void on_fire_raced(struct timer *timer)
{
    (void)timer;
    atomic_fetch_add(&g_raced_fired, 1);
}

static void cancel_each(void *arg)
{
    (void)arg;
    for (uint32_t i = 1; i <= RACES; i++) {
        while (atomic_load(&g_armed) < i) {
            thread_yield();
        }
        const bool was_pending = i % 2 == 0 ? timer_cancel(&g_raced) : timer_cancel_sync(&g_raced);

        if (was_pending) {
            atomic_fetch_add(&g_cancelled, 1);
        } else if (i % 2 == 1) {
            /* The callback has ended, so its count is there. */
            ck_assert_uint_eq(atomic_load(&g_raced_fired) + atomic_load(&g_cancelled), i);
        }
        atomic_store(&g_settled, i);
    }
}

/* One CPU arms, another takes back while the timer fires: each arming ends by exactly one of the
 * two, and who takes it back is told which. */
START_TEST(timer_is_either_cancelled_or_fired)
{
    const struct thread_spec spec = { .name = "cancel",
                                      .entry = cancel_each,
                                      .cpu = sched_online_count() - 1 };
    struct thread *thread = NULL;

    timer_init(&g_raced, on_fire_raced);
    atomic_store(&g_raced_fired, 0);
    atomic_store(&g_armed, 0);
    atomic_store(&g_settled, 0);
    atomic_store(&g_cancelled, 0);
    ck_assert_int_eq(thread_affinity_set(thread_current(), 1), EXO_OK);
    ck_assert_int_eq(thread_create(&spec, &thread), EXO_OK);
    for (uint32_t i = 1; i <= RACES; i++) {
        timer_arm(&g_raced, i % 3 == 0 ? 0 : clock_deadline_ns(i % 97 * 100));
        atomic_store(&g_armed, i);
        while (atomic_load(&g_settled) < i) {
            thread_yield();
        }
        while (atomic_load(&g_raced_fired) + atomic_load(&g_cancelled) < i) {
            hal_pause(); /* the callback still runs: timer_cancel() does not wait for it */
        }
    }
    thread_join(thread, NULL);
    ck_assert_uint_eq(atomic_load(&g_raced_fired) + atomic_load(&g_cancelled), RACES);
    ck_assert_int_eq(thread_affinity_set(thread_current(), AFFINITY_ALL), EXO_OK);
}
END_TEST

/* The clock moves for everybody, and what is due by then fires. */
START_TEST(clock_advance_fires_what_is_due)
{
    probes_init(on_fire);
    const uint64_t before_ns = clock_now_ns();

    timer_arm(&g_probe[0].timer, clock_deadline_ns(3600 * NS_PER_S));
    hal_test_clock_advance(3601 * NS_PER_S);
    ck_assert_uint_ge(clock_now_ns(), before_ns + 3601 * NS_PER_S);
    ck_assert(test_wait_for(&g_fired, 1, 5 * NS_PER_S));
}
END_TEST

EXO_SUITE(time_timer, EXO_TEST(clock_never_goes_back_on_any_cpu),
          EXO_TEST_TIMED(timers_fire_in_order_and_never_early, 60),
          EXO_TEST(timer_in_the_past_fires_at_once), EXO_TEST(timer_cancel_prevents_and_tells),
          EXO_TEST(timer_callback_may_arm_itself),
          EXO_TEST_TIMED(timer_cancel_sync_waits_for_the_callback, 60),
          EXO_TEST_TIMED(timers_survive_arming_from_all_cpus, 60),
          EXO_TEST(timers_due_at_once_are_fired_in_bounded_pieces),
          EXO_TEST(timer_always_due_leaves_room_for_threads),
          EXO_TEST(timer_armed_while_it_runs_elsewhere_fires_there_afterwards),
          EXO_TEST_TIMED(timer_is_either_cancelled_or_fired, 60),
          EXO_TEST(clock_advance_fires_what_is_due))
