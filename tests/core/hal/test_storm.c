/*
 * test_storm.c - timer interrupts at arbitrary points on every CPU, with a canary in every
 * register.
 *
 * Two threads on each CPU run hal_test_canary() (canary.S), each with canaries of its own, while a
 * timer fires at pseudo-random distances and asks for a switch between them each time. A register
 * that an interrupt, a preemption or a switch loses, or that arrives in another thread, is seen at
 * once. 20 000 interrupts in check, 1 000 000 in check-long.
 */
#include <stdatomic.h>

#include "exo/debug/panic.h"
#include "exo/hal.h"
#include "exo/sched/thread.h"
#include "exo/time/timer.h"
#include "exo_check.h"
#include "exo_test.h"

#define STORM_SHORT     20000u
#define STORM_LONG      1000000u
#define STORM_NEAR_NS   4000u /* least distance of two interrupts on a CPU */
#define STORM_SPREAD    16384u
#define CANARY_ROUNDS   2000u
#define STACK_WORDS     64u
#define THREADS_PER_CPU 2u

uint64_t hal_test_canary(const uint64_t expected[15], uint64_t rounds, uint64_t tear);

struct storm {
    struct timer timer;
    uint64_t random;
    _Atomic uint64_t fired;
    uint64_t wanted;
};

struct victim {
    uint32_t id;
    struct storm *storm; /* of its CPU; the first victim of a CPU starts it */
    bool starts;
};

static struct storm g_storm[CPUS_MAX];
static _Atomic uint32_t g_torn;

static uint64_t next_random(uint64_t *state)
{
    uint64_t x = *state;

    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    *state = x;
    return x;
}

static void storm_fire(struct timer *timer)
{
    struct storm *storm = container_of(timer, struct storm, timer);
    const uint64_t fired = atomic_load_explicit(&storm->fired, memory_order_relaxed) + 1;

    atomic_store_explicit(&storm->fired, fired, memory_order_release);
    hal_resched_set(); /* the other victim of this CPU goes on */
    if (fired < storm->wanted) {
        timer_arm(timer,
                  hal_clock_ns() + STORM_NEAR_NS + next_random(&storm->random) % STORM_SPREAD);
    }
}

static bool storm_is_over(struct storm *storm)
{
    return atomic_load_explicit(&storm->fired, memory_order_acquire) >= storm->wanted;
}

static void victim_thread(void *arg)
{
    const struct victim *victim = arg;
    volatile uint64_t pattern[STACK_WORDS];
    uint64_t expected[15];
    uint64_t random = 0x9e3779b97f4a7c15ull * (victim->id + 1);
    bool torn = false;

    for (uint32_t i = 0; i < STACK_WORDS; i++) {
        pattern[i] = (uint64_t)victim->id << 32 | i;
    }
    if (victim->starts) {
        timer_arm(&victim->storm->timer, 0);
    }
    while (!storm_is_over(victim->storm)) {
        for (uint32_t i = 0; i < ARRAY_COUNT(expected); i++) {
            expected[i] = next_random(&random);
        }
        torn |= hal_test_canary(expected, CANARY_ROUNDS, 0) != 0;
        for (uint32_t i = 0; i < STACK_WORDS; i++) {
            torn |= pattern[i] != ((uint64_t)victim->id << 32 | i);
        }
    }
    if (torn) {
        atomic_fetch_add_explicit(&g_torn, 1, memory_order_release);
    }
}

START_TEST(interrupts_keep_every_register)
{
    static struct victim victim[THREADS_PER_CPU * CPUS_MAX];
    static struct thread *thread[THREADS_PER_CPU * CPUS_MAX];
    const uint32_t cpus = hal_caps()->cpus;
    const uint32_t wanted = test_is_long() ? STORM_LONG : STORM_SHORT;
    uint64_t fired = 0;

    atomic_store_explicit(&g_torn, 0, memory_order_release);
    for (uint32_t cpu = 0; cpu < cpus; cpu++) {
        g_storm[cpu].random = 0x2545f4914f6cdd1dull + cpu;
        g_storm[cpu].wanted = wanted / cpus;
        atomic_store_explicit(&g_storm[cpu].fired, 0, memory_order_release);
        timer_init(&g_storm[cpu].timer, storm_fire);
    }
    for (uint32_t i = 0; i < THREADS_PER_CPU * cpus; i++) {
        const struct thread_spec spec = {
            .name = "victim", .entry = victim_thread, .arg = &victim[i], .cpu = i % cpus
        };

        victim[i] = (struct victim){ .id = i, .storm = &g_storm[i % cpus], .starts = i < cpus };
        ck_assert_int_eq(thread_create(&spec, &thread[i]), EXO_OK);
    }
    for (uint32_t i = 0; i < THREADS_PER_CPU * cpus; i++) {
        thread_join(thread[i], NULL);
    }
    for (uint32_t cpu = 0; cpu < cpus; cpu++) {
        (void)timer_cancel_sync(&g_storm[cpu].timer);
        fired += atomic_load_explicit(&g_storm[cpu].fired, memory_order_acquire);
    }
    kprintf("# storm: %llu timer interrupts on %u CPUs\n", (unsigned long long)fired, cpus);
    ck_assert_uint_ge(fired, wanted / cpus * cpus);
    ck_assert_uint_eq(atomic_load_explicit(&g_torn, memory_order_acquire), 0);
}
END_TEST

/* The detector detects: one bit torn in one register is seen, none is not. */
START_TEST(canary_loop_sees_a_torn_register)
{
    const uint64_t expected[15] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 };

    ck_assert_uint_eq(hal_test_canary(expected, 100, 0), 0);
    ck_assert_uint_eq(hal_test_canary(expected, 100, 1ull << 63), 1);
}
END_TEST

EXO_SUITE(hal_storm, EXO_TEST_TIMED(interrupts_keep_every_register, 600),
          EXO_TEST(canary_loop_sees_a_torn_register))
