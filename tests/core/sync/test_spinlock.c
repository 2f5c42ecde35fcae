/*
 * tests/core/sync/test_spinlock.c - spinlocks, their checks, and the preemption count.
 */
#include <stdatomic.h>

#include "exo/sched/sched.h"
#include "exo/sched/thread.h"
#include "exo/sync/spinlock.h"
#include "exo_check.h"
#include "exo_panic.h"

#define WORKERS 4u
#define ROUNDS  1000u /* each may wait for a host that runs other CPUs first */

static struct spinlock g_low = SPINLOCK_INIT(RANK_TEST_LOW);
static struct spinlock g_high = SPINLOCK_INIT(RANK_TEST_HIGH);
static struct spinlock g_irq = SPINLOCK_INIT(RANK_TEST_IRQ);
static uint64_t g_count;     /* [g_high] */
static uint64_t g_irq_count; /* [g_irq] */

static void count_worker(void *arg)
{
    (void)arg;
    for (unsigned i = 0; i < ROUNDS; i++) {
        spin_lock(&g_high);
        const uint64_t was = g_count;

        const hal_irq_t irq = spin_lock_irq(&g_irq);
        g_irq_count++;
        spin_unlock_irq(&g_irq, irq);
        g_count = was + 1;
        spin_unlock(&g_high);
    }
}

/* Threads on all CPUs, preempted as it comes, add to counters that only the locks protect. */
START_TEST(spin_lock_excludes_other_cpus)
{
    struct thread *thread[WORKERS];

    g_count = 0;
    g_irq_count = 0;
    for (uint32_t i = 0; i < WORKERS; i++) {
        const struct thread_spec spec = { .name = "count",
                                          .entry = count_worker,
                                          .cpu = i < sched_online_count() ? i : 0 };

        ck_assert_int_eq(thread_create(&spec, &thread[i]), EXO_OK);
    }
    for (uint32_t i = 0; i < WORKERS; i++) {
        thread_join(thread[i], NULL);
    }
    ck_assert_uint_eq(g_count, WORKERS * ROUNDS);
    ck_assert_uint_eq(g_irq_count, WORKERS * ROUNDS);
}
END_TEST

START_TEST(spin_lock_counts_preemption_and_irqs)
{
    ck_assert_uint_eq(preempt_count(), 0);
    spin_lock(&g_low);
    ck_assert_uint_eq(preempt_count(), 1);
    ck_assert(hal_irq_enabled());
    spin_lock(&g_high);
    ck_assert_uint_eq(preempt_count(), 2);
    const hal_irq_t irq = spin_lock_irq(&g_irq);

    ck_assert(!hal_irq_enabled());
    spin_assert_held(&g_irq);
    spin_unlock_irq(&g_irq, irq);
    spin_unlock(&g_low); /* not the last one taken */
    spin_unlock(&g_high);
    ck_assert(hal_irq_enabled());
    ck_assert_uint_eq(preempt_count(), 0);
}
END_TEST

static void take_downwards(void *arg)
{
    (void)arg;
    spin_lock(&g_high);
    spin_lock(&g_low);
}

static void take_twice(void *arg)
{
    (void)arg;
    spin_lock(&g_low);
    spin_lock(&g_low);
}

static struct spinlock g_bucket[20] = { [0 ... 19] = SPINLOCK_INIT(RANK_WAIT_BUCKET) };

static void take_buckets_downwards(void *arg)
{
    (void)arg;
    (void)spin_lock_irq(&g_bucket[1]);
    (void)spin_lock_irq(&g_bucket[0]);
}

static void take_too_many(void *arg)
{
    (void)arg;
    for (uint32_t i = 0; i < ARRAY_COUNT(g_bucket); i++) {
        (void)spin_lock_irq(&g_bucket[i]);
    }
}

static void take_below_what_is_still_held(void *arg)
{
    static struct spinlock between = SPINLOCK_INIT(RANK_MONITOR);

    (void)arg;
    spin_lock(&g_low);
    spin_lock(&g_high);
    spin_unlock(&g_low); /* not the last one taken */
    spin_lock(&between);
}

static void take_in_interrupt(void *arg)
{
    (void)arg;
    hal_irq_disable();
    hal_percpu()->irq_depth++;
    spin_lock(&g_low);
}

static void leave_with_lock(void *arg)
{
    (void)arg;
    (void)spin_lock_irq(&g_irq);
    spin_assert_none_held();
}

static void take_irq_kind_plainly(void *arg)
{
    (void)arg;
    spin_lock(&g_irq);
}

static void take_thread_kind_with_irqs(void *arg)
{
    (void)arg;
    (void)spin_lock_irq(&g_low);
}

static void release_not_held(void *arg)
{
    (void)arg;
    preempt_disable();
    spin_unlock(&g_low);
}

static void assert_not_held(void *arg)
{
    (void)arg;
    spin_assert_held(&g_low);
}

static void block_under_lock(void *arg)
{
    (void)arg;
    spin_lock(&g_low);
    thread_yield();
}

static void block_without_irqs(void *arg)
{
    (void)arg;
    hal_irq_disable();
    thread_yield();
}

START_TEST(spin_checks_panic_on_misuse)
{
    if (!EXO_CONFIG_DEBUG_LOCKS) {
        return;
    }
    if (!EXO_CONFIG_DEBUG) {
        return;
    }
    ck_assert(panic_is_caught(take_downwards, NULL, "lock: order broken"));
    ck_assert(panic_is_caught(take_twice, NULL, "lock: order broken"));
    ck_assert(panic_is_caught(take_irq_kind_plainly, NULL, "lock: wrong kind"));
    ck_assert(panic_is_caught(take_thread_kind_with_irqs, NULL, "lock: wrong kind"));
    ck_assert(panic_is_caught(take_buckets_downwards, NULL, "lock: order broken"));
    ck_assert(panic_is_caught(take_too_many, NULL, "lock: more than 16 locks held"));
    ck_assert(panic_is_caught(take_below_what_is_still_held, NULL, "lock: order broken"));
    ck_assert(panic_is_caught(take_in_interrupt, NULL, "lock: thread-kind lock in an interrupt"));
    ck_assert(panic_is_caught(leave_with_lock, NULL, "held where none may be"));
    ck_assert(panic_is_caught(release_not_held, NULL, "lock: released by cpu="));
    ck_assert(panic_is_caught(assert_not_held, NULL, "lock: not held"));
    ck_assert(panic_is_caught(block_under_lock, NULL, "thread_yield: may block"));
    ck_assert(panic_is_caught(block_without_irqs, NULL, "interrupts are off"));
    /* The catcher released what they held. */
    spin_lock(&g_low);
    spin_lock(&g_high);
    spin_unlock(&g_high);
    spin_unlock(&g_low);
}
END_TEST

static _Atomic uint32_t g_ran;

static void note_run(void *arg)
{
    (void)arg;
    atomic_store(&g_ran, 1);
}

static _Atomic uint32_t g_wrong;

/* Pinned to the CPU that the other thread waits for, so that nobody else runs either of them. */
static void ask_and_unlock(void *arg)
{
    const bool by_enable = arg != NULL;
    const struct thread_spec spec = { .name = "note", .entry = note_run, .cpu = 0 };
    struct thread *thread = NULL;

    if (thread_create(&spec, &thread) != EXO_OK) {
        atomic_store(&g_wrong, 1);
        return;
    }
    preempt_disable();
    const uint32_t ran_before = atomic_load(&g_ran);
    const hal_irq_t irq = spin_lock_irq(&g_irq);

    hal_resched_set();
    spin_unlock_irq(&g_irq, irq);
    if (atomic_load(&g_ran) != ran_before) {
        atomic_store(&g_wrong, 2); /* inside the section */
    }
    if (by_enable) {
        preempt_enable();
    } else {
        (void)hal_preempt_dec();
        const hal_irq_t again = spin_lock_irq(&g_irq);

        spin_unlock_irq(&g_irq, again);
    }
    if (atomic_load(&g_ran) != 1) {
        atomic_store(&g_wrong, 3);
    }
    thread_join(thread, NULL);
}

/* With a reschedule asked for, the end of the outermost section of either kind lets the thread that
 * waits for this CPU run; the end of an inner one does not. */
START_TEST(unlock_is_a_preemption_point)
{
    for (uintptr_t by_enable = 0; by_enable < 2; by_enable++) {
        const struct thread_spec spec = {
            .name = "ask", .entry = ask_and_unlock, .arg = (void *)by_enable, .cpu = 0
        };
        struct thread *thread = NULL;

        atomic_store(&g_ran, 0);
        atomic_store(&g_wrong, 0);
        ck_assert_int_eq(thread_create(&spec, &thread), EXO_OK);
        thread_join(thread, NULL);
        ck_assert_uint_eq(atomic_load(&g_wrong), 0);
    }
}
END_TEST

EXO_SUITE(sync_spinlock, EXO_TEST_TIMED(spin_lock_excludes_other_cpus, 60),
          EXO_TEST(spin_lock_counts_preemption_and_irqs), EXO_TEST(spin_checks_panic_on_misuse),
          EXO_TEST(unlock_is_a_preemption_point))
