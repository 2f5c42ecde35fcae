/*
 * tests/core/time/test_wheel.c - the wheel itself beside the plain list, and 100 000 timers.
 */
#include <stdatomic.h>

#include "exo/hal/test.h"
#include "exo/lib/string.h"
#include "exo/mem/phys.h"
#include "exo/sync/preempt.h"
#include "exo/time/timer.h"
#include "exo_check.h"
#include "exo_test.h"

#include "wheel.h"

#define TIMERS 200u
#define STEPS  20000u

static struct wheel g_wheel;
static struct timer g_timer[TIMERS];
static uint64_t g_order[TIMERS]; /* when added; 0: not in the wheel */
static uint64_t g_random;

static uint64_t random(void)
{
    g_random = g_random * 6364136223846793005u + 1442695040888963407u;
    return g_random >> 20;
}

static void wheel_start(void)
{
    memset(&g_wheel, 0, sizeof(g_wheel));
    memset(g_timer, 0, sizeof(g_timer));
    memset(g_order, 0, sizeof(g_order));
    g_random = 1;
}

/* The timer that must come first: least deadline, of equal ones the first added. */
static uint32_t expected_first(void)
{
    uint32_t least = TIMERS;

    for (uint32_t i = 0; i < TIMERS; i++) {
        if (g_order[i] != 0 &&
            (least == TIMERS || g_timer[i].deadline_ns < g_timer[least].deadline_ns ||
             (g_timer[i].deadline_ns == g_timer[least].deadline_ns &&
              g_order[i] < g_order[least]))) {
            least = i;
        }
    }
    return least;
}

/* Every timer due at `now_ns` comes out, in order, and no other. */
static void drain(uint64_t now_ns)
{
    for (;;) {
        while (wheel_pour(&g_wheel, now_ns)) {
        }
        const uint32_t expected = expected_first();
        struct timer *const first = wheel_first(&g_wheel, now_ns);
        const bool due = expected < TIMERS && g_timer[expected].deadline_ns <= now_ns;

        if (!due) {
            ck_assert_ptr_null(first);
            return;
        }
        ck_assert_ptr_eq(first, &g_timer[expected]);
        wheel_remove(&g_wheel, first);
        g_order[expected] = 0;
    }
}

/* Times to come, from the very near, where many are equal, to years away. */
static uint64_t some_time(uint64_t now_ns)
{
    return now_ns + (random() & ((UINT64_C(1) << random() % 58) - 1));
}

/* Random adding, removing and passing of time: the wheel's first is always the list's, and the time
 * it wants to be asked at again is never after it. */
START_TEST(wheel_agrees_with_a_list)
{
    uint64_t now_ns = 1000;

    wheel_start();
    for (uint64_t step = 1; step <= STEPS; step++) {
        const uint32_t at = (uint32_t)(random() % TIMERS);

        if (g_order[at] != 0) {
            wheel_remove(&g_wheel, &g_timer[at]);
            g_order[at] = 0;
        } else {
            g_timer[at].deadline_ns = some_time(now_ns);
            g_order[at] = step;
            wheel_add(&g_wheel, &g_timer[at]);
        }
        const uint32_t first = expected_first();

        if (first == TIMERS) {
            ck_assert_uint_eq(wheel_next_ns(&g_wheel), CLOCK_NEVER);
        } else {
            ck_assert_uint_le(wheel_next_ns(&g_wheel), g_timer[first].deadline_ns);
        }
        if (step % 16 == 0) {
            now_ns += (some_time(now_ns) - now_ns) / 1024;
            drain(now_ns);
        }
    }
    drain(CLOCK_NEVER - 1);
    ck_assert_uint_eq(g_wheel.levels, 0);
}
END_TEST

/* A few timers, however far away: the next time is exact, so the CPU sleeps until then. */
START_TEST(wheel_of_few_timers_knows_the_least)
{
    wheel_start();
    for (uint32_t i = 0; i < WHEEL_SCAN_MAX; i++) {
        g_timer[i].deadline_ns = 3600 * NS_PER_S + 1000 - i * 7;
        wheel_add(&g_wheel, &g_timer[i]);
    }
    ck_assert_uint_eq(wheel_next_ns(&g_wheel), g_timer[WHEEL_SCAN_MAX - 1].deadline_ns);
    wheel_remove(&g_wheel, &g_timer[WHEEL_SCAN_MAX - 1]);
    ck_assert_uint_eq(wheel_next_ns(&g_wheel), g_timer[WHEEL_SCAN_MAX - 2].deadline_ns);
}
END_TEST

/* What was due long ago when it was added comes before what is due soon. */
START_TEST(wheel_does_not_hold_the_past_back)
{
    const uint64_t now_ns = UINT64_C(1) << 40;

    wheel_start();
    ck_assert(!wheel_pour(&g_wheel, now_ns)); /* the wheel knows that so much time has passed */
    g_timer[0].deadline_ns = now_ns + 10;
    g_timer[1].deadline_ns = 5;
    wheel_add(&g_wheel, &g_timer[0]);
    wheel_add(&g_wheel, &g_timer[1]);
    ck_assert_uint_le(wheel_next_ns(&g_wheel), now_ns);
    ck_assert_ptr_eq(wheel_first(&g_wheel, now_ns), &g_timer[1]);
    wheel_remove(&g_wheel, &g_timer[1]);
    ck_assert_ptr_null(wheel_first(&g_wheel, now_ns));
}
END_TEST

/* While a slot is poured, a bounded piece per call, its timers can be removed and others added;
 * equal deadlines keep their order all the same. */
START_TEST(wheel_changes_while_it_is_poured)
{
    const uint64_t deadline_ns = (UINT64_C(1) << 40) + 5;

    wheel_start();
    for (uint32_t i = 0; i < TIMERS - 1; i++) {
        g_timer[i].deadline_ns = deadline_ns;
        g_order[i] = i + 1;
        wheel_add(&g_wheel, &g_timer[i]);
    }
    ck_assert_uint_lt(wheel_next_ns(&g_wheel), deadline_ns); /* too many to compare: early */
    ck_assert(wheel_pour(&g_wheel, deadline_ns));
    ck_assert_ptr_nonnull(g_wheel.pouring);
    ck_assert_uint_le(wheel_next_ns(&g_wheel), deadline_ns);
    wheel_remove(&g_wheel, &g_timer[TIMERS - 2]); /* one that waits to be poured */
    g_order[TIMERS - 2] = 0;
    wheel_remove(&g_wheel, g_wheel.pouring); /* the very next */
    g_order[WHEEL_POUR_BATCH] = 0;
    for (uint32_t i = 0; i < WHEEL_POUR_BATCH; i++) {
        wheel_remove(&g_wheel, &g_timer[i]); /* all that have been */
        g_order[i] = 0;
    }
    ck_assert_uint_le(wheel_next_ns(&g_wheel), deadline_ns); /* there are more */
    g_timer[TIMERS - 1].deadline_ns = deadline_ns;
    g_order[TIMERS - 1] = TIMERS;
    wheel_add(&g_wheel, &g_timer[TIMERS - 1]);
    drain(deadline_ns);
    ck_assert_uint_eq(expected_first(), TIMERS);
}
END_TEST

/* ---- many, through the timer interface ---- */

#define MANY      100000u
#define PER_FRAME (PAGE_SIZE / sizeof(struct timer))
#define FRAMES    ((MANY + PER_FRAME - 1) / PER_FRAME)
#define SPREAD_NS (100 * NS_PER_S)

static paddr_t g_frame[FRAMES];
static _Atomic uint32_t g_fired;
static _Atomic uint32_t g_early;

static void on_fire(struct timer *timer)
{
    if (clock_now_ns() < timer->deadline_ns) {
        atomic_fetch_add(&g_early, 1);
    }
    atomic_fetch_add(&g_fired, 1);
}

static struct timer *many(uint32_t i)
{
    return (struct timer *)hal_phys_to_virt(g_frame[i / PER_FRAME]) + i % PER_FRAME;
}

static void many_arm(uint64_t base_ns)
{
    for (uint32_t i = 0; i < MANY; i++) {
        timer_init(many(i), on_fire);
        timer_arm(many(i), base_ns + random() % SPREAD_NS);
    }
}

/* A hundred thousand are armed at once; every third is taken back, the clock moves half the way and
 * then all of it: each of the rest fires, once, none early, and no more interrupts than timers. */
START_TEST(timers_by_the_hundred_thousand)
{
    uint32_t cancelled = 0;

    atomic_store(&g_fired, 0);
    atomic_store(&g_early, 0);
    for (uint32_t i = 0; i < FRAMES; i++) {
        ck_assert_int_eq(phys_alloc(1, 1, &g_frame[i]), EXO_OK);
    }
    const uint64_t base_ns = clock_deadline_ns(3600 * NS_PER_S);

    many_arm(base_ns);
    ck_assert_uint_eq(atomic_load(&g_fired), 0);
    for (uint32_t i = 0; i < MANY; i += 3) {
        cancelled += timer_cancel(many(i)) ? 1 : 0;
    }
    ck_assert_uint_eq(cancelled, (MANY + 2) / 3);
    hal_test_clock_advance(base_ns + SPREAD_NS / 2 - clock_now_ns());
    ck_assert(test_wait_for(&g_fired, MANY / 4, 30 * NS_PER_S));
    hal_test_clock_advance(SPREAD_NS);
    ck_assert(test_wait_for(&g_fired, MANY - cancelled, 30 * NS_PER_S));
    for (uint32_t i = 0; i < MANY; i++) {
        ck_assert(!timer_cancel_sync(many(i)));
    }
    ck_assert_uint_eq(atomic_load(&g_fired), MANY - cancelled);
    ck_assert_uint_eq(atomic_load(&g_early), 0);
    for (uint32_t i = 0; i < FRAMES; i++) {
        phys_free(g_frame[i], 1);
    }
}
END_TEST

EXO_SUITE(time_wheel, EXO_TEST_TIMED(wheel_agrees_with_a_list, 60),
          EXO_TEST(wheel_of_few_timers_knows_the_least),
          EXO_TEST(wheel_does_not_hold_the_past_back), EXO_TEST(wheel_changes_while_it_is_poured),
          EXO_TEST_TIMED(timers_by_the_hundred_thousand, 120))
