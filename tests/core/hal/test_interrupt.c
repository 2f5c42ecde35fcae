/*
 * test_interrupt.c - the interrupt flag, timer deadlines, cross-CPU interrupts, idling, and
 * single-instruction access to per-CPU words while interrupts come in.
 *
 * The core owns the CPU's one deadline; bodies that set it themselves do so with preemption off and
 * give it back by deadline_restore().
 */
#include <stdatomic.h>

#include "exo/debug/panic.h"
#include "exo/hal.h"
#include "exo/hal/test.h"
#include "exo/sched/thread.h"
#include "exo/sync/preempt.h"
#include "exo/time/timer.h"
#include "exo_check.h"
#include "exo_test.h"

#define ERROR_MAX_NS                                                                               \
    200000000ull /* a loaded host or an emulator is late; never being early is the point */

static uint64_t interrupts_here(void)
{
    struct timer_stats stats;

    timer_stats(hal_cpu_id(), &stats);
    return stats.interrupts;
}

/* Wait, busy, until this CPU has taken more than `before` timer interrupts; false after a second.
 */
static bool interrupt_comes(uint64_t before)
{
    for (uint32_t i = 0; i < 1000; i++) {
        if (interrupts_here() > before) {
            return true;
        }
        test_spin_ns(1000000);
    }
    return false;
}

static _Atomic uint32_t g_fired;
static _Atomic uint64_t g_fired_at_ns;

static void fire(struct timer *timer)
{
    (void)timer;
    atomic_store_explicit(&g_fired_at_ns, hal_clock_ns(), memory_order_relaxed);
    atomic_fetch_add_explicit(&g_fired, 1, memory_order_release);
}

/* Let the core program the deadline again: a timer that fires makes it look at all it has. */
static void deadline_restore(void)
{
    struct timer timer;

    atomic_store_explicit(&g_fired, 0, memory_order_release);
    timer_init(&timer, fire);
    timer_arm(&timer, 0);
    hal_timer_set(0);
    ck_assert(test_wait_for(&g_fired, 1, NS_PER_S));
    (void)timer_cancel_sync(&timer);
}

/* Saving returns the former state, and pairs nest. */
START_TEST(irq_flag_nests)
{
    ck_assert(hal_irq_enabled());
    const hal_irq_t outer = hal_irq_save();
    const bool off = !hal_irq_enabled();
    const hal_irq_t inner = hal_irq_save();

    hal_irq_restore(inner);
    const bool still_off = !hal_irq_enabled();

    hal_irq_restore(outer);
    ck_assert(off);
    ck_assert(still_off);
    ck_assert(hal_irq_enabled());
    hal_irq_disable();
    const bool off_again = !hal_irq_enabled();

    hal_irq_enable();
    ck_assert(off_again);
    ck_assert(hal_irq_enabled());
}
END_TEST

/* Take the core's own deadline away, with preemption off, and wait until no interrupt of it is on
 * its way any more. */
static void deadline_take(void)
{
    uint64_t before;

    preempt_disable();
    do {
        const hal_irq_t irq = hal_irq_save();

        hal_timer_set(HAL_TIMER_NEVER);
        before = interrupts_here();
        hal_irq_restore(irq);
        test_spin_ns(2 * NS_PER_MS);
    } while (interrupts_here() != before);
}

/* An interrupt raised while they are off is kept, not taken, and taken once they are on. */
START_TEST(irq_off_keeps_the_timer_pending)
{
    deadline_take();
    const uint64_t before = interrupts_here();
    const hal_irq_t irq = hal_irq_save();

    hal_timer_set(hal_clock_ns());
    test_spin_ns(20000000);
    const uint64_t while_off = interrupts_here();

    hal_irq_restore(irq);
    const bool came = interrupt_comes(before);

    preempt_enable();
    deadline_restore();
    ck_assert_uint_eq(while_off, before);
    ck_assert(came);
}
END_TEST

/* A timer fires at its deadline or later, and once. Prints the error it found. */
START_TEST(timer_is_never_early)
{
    uint64_t worst = 0;
    struct timer timer;

    timer_init(&timer, fire);
    for (uint64_t i = 0; i < 20; i++) {
        atomic_store_explicit(&g_fired, 0, memory_order_release);
        const uint64_t deadline = hal_clock_ns() + 100000 + i * 150000;

        timer_arm(&timer, deadline);
        ck_assert(test_wait_for(&g_fired, 1, NS_PER_S));
        const uint64_t at = atomic_load_explicit(&g_fired_at_ns, memory_order_relaxed);

        ck_assert_uint_ge(at, deadline);
        worst = max_u64(worst, at - deadline);
    }
    ck_assert_uint_eq(atomic_load_explicit(&g_fired, memory_order_acquire), 1);
    kprintf("# timer: at most %llu us late\n", (unsigned long long)(worst / NS_PER_US));
    ck_assert_uint_lt(worst, ERROR_MAX_NS);
}
END_TEST

/* A deadline that has passed raises the interrupt at once. */
START_TEST(timer_in_the_past_fires_at_once)
{
    deadline_take();
    const uint64_t before = interrupts_here();
    const hal_irq_t irq = hal_irq_save();

    hal_timer_set(0);
    hal_irq_restore(irq);
    const bool came = interrupt_comes(before);

    preempt_enable();
    deadline_restore();
    ck_assert(came);
}
END_TEST

/* A second deadline takes the place of the first: the far one does not keep the near one from
 * coming. */
START_TEST(timer_deadline_is_replaced)
{
    deadline_take();
    const uint64_t before = interrupts_here();
    const hal_irq_t irq = hal_irq_save();
    const uint64_t now = hal_clock_ns();

    hal_timer_set(now + 60 * NS_PER_S);
    hal_timer_set(now + NS_PER_MS);
    hal_irq_restore(irq);
    const bool came = interrupt_comes(before);

    preempt_enable();
    deadline_restore();
    ck_assert(came);
}
END_TEST

/* HAL_TIMER_NEVER takes the deadline back, as does a far one in place of a near one. */
START_TEST(timer_disarmed_does_not_fire)
{
    deadline_take();
    hal_irq_t irq = hal_irq_save();

    hal_timer_set(hal_clock_ns() + 10 * NS_PER_MS);
    hal_timer_set(HAL_TIMER_NEVER);
    uint64_t before = interrupts_here();

    hal_irq_restore(irq);
    test_spin_ns(30 * NS_PER_MS);
    const uint64_t after_never = interrupts_here() - before;

    irq = hal_irq_save();
    hal_timer_set(hal_clock_ns() + 10 * NS_PER_MS);
    hal_timer_set(hal_clock_ns() + 60 * NS_PER_S);
    before = interrupts_here();
    hal_irq_restore(irq);
    test_spin_ns(30 * NS_PER_MS);
    const uint64_t after_far = interrupts_here() - before;

    preempt_enable();
    deadline_restore();
    ck_assert_uint_eq(after_never, 0);
    ck_assert_uint_eq(after_far, 0);
}
END_TEST

/* Moving the clock makes timers due: no body has to sleep. */
START_TEST(clock_advance_fires_timers)
{
    struct timer timer;
    const uint64_t start = hal_clock_ns();

    atomic_store_explicit(&g_fired, 0, memory_order_release);
    timer_init(&timer, fire);
    timer_arm(&timer, start + 3600 * NS_PER_S);
    hal_test_clock_advance(3601 * NS_PER_S);
    ck_assert(test_wait_for(&g_fired, 1, NS_PER_S));
    ck_assert_uint_ge(hal_clock_ns(), start + 3601 * NS_PER_S);
    (void)timer_cancel_sync(&timer);
}
END_TEST

/* Each CPU's own timer works: armed there, fired there. */
static _Atomic uint32_t g_fired_cpu;

static void fire_where(struct timer *timer)
{
    (void)timer;
    atomic_store_explicit(&g_fired_cpu, hal_cpu_id(), memory_order_relaxed);
    atomic_fetch_add_explicit(&g_fired, 1, memory_order_release);
}

static void arm_thread(void *arg)
{
    timer_arm(arg, hal_clock_ns() + 2 * NS_PER_MS);
    (void)test_wait_for(&g_fired, 1, NS_PER_S);
}

START_TEST(timer_fires_on_every_cpu)
{
    for (uint32_t cpu = 0; cpu < hal_caps()->cpus; cpu++) {
        struct timer timer;
        struct thread *thread = NULL;
        const struct thread_spec spec = {
            .name = "arm", .entry = arm_thread, .arg = &timer, .cpu = cpu
        };

        timer_init(&timer, fire_where);
        atomic_store_explicit(&g_fired, 0, memory_order_release);
        ck_assert_int_eq(thread_create(&spec, &thread), EXO_OK);
        thread_join(thread, NULL);
        ck_assert_uint_eq(atomic_load_explicit(&g_fired, memory_order_acquire), 1);
        ck_assert_uint_eq(atomic_load_explicit(&g_fired_cpu, memory_order_relaxed), cpu);
        (void)timer_cancel_sync(&timer);
    }
}
END_TEST

/* hal_test_irq_raise() reaches each CPU, this one included, busy as it is. */
static void spin_thread(void *arg)
{
    const _Atomic uint32_t *stop = arg;

    while (atomic_load_explicit(stop, memory_order_acquire) == 0) {
        hal_pause();
    }
}

START_TEST(cross_cpu_interrupts_arrive)
{
    static _Atomic uint32_t stop;
    struct timer_stats before;
    struct timer_stats after;
    uint32_t missed = 0;

    for (uint32_t cpu = 0; cpu < hal_caps()->cpus; cpu++) {
        struct thread *thread = NULL;
        const struct thread_spec spec = {
            .name = "spin", .entry = spin_thread, .arg = &stop, .cpu = cpu
        };

        atomic_store_explicit(&stop, 0, memory_order_release);
        ck_assert_int_eq(thread_create(&spec, &thread), EXO_OK);
        timer_stats(cpu, &before);
        hal_test_irq_raise(cpu);
        for (uint32_t i = 0; i < 1000; i++) {
            timer_stats(cpu, &after);
            if (after.interrupts != before.interrupts) {
                break;
            }
            test_spin_ns(NS_PER_MS);
        }
        missed += after.interrupts == before.interrupts ? 1 : 0;
        atomic_store_explicit(&stop, 1, memory_order_release);
        thread_join(thread, NULL);
    }
    ck_assert_uint_eq(missed, 0);
}
END_TEST

/* A CPU with nothing to run wakes for a thread that another gives it, every time. */
static void count_thread(void *arg)
{
    atomic_fetch_add_explicit((_Atomic uint32_t *)arg, 1, memory_order_release);
}

START_TEST(idle_cpu_wakes_for_work)
{
    static _Atomic uint32_t ran;
    const uint32_t cpus = hal_caps()->cpus;

    atomic_store_explicit(&ran, 0, memory_order_release);
    for (uint32_t round = 0; round < 8 * cpus; round++) {
        struct thread *thread = NULL;
        const struct thread_spec spec = {
            .name = "wake", .entry = count_thread, .arg = &ran, .cpu = round % cpus
        };

        thread_sleep_ns(round % 3 * 300000); /* time to fall idle, or not */
        ck_assert_int_eq(thread_create(&spec, &thread), EXO_OK);
        thread_join(thread, NULL);
        ck_assert_uint_eq(atomic_load_explicit(&ran, memory_order_acquire), round + 1);
    }
}
END_TEST

/* A loop without any call: no instrumented memory access, no place where a tool could step in. */
static void callless_thread(void *arg)
{
    __asm__ volatile("1: pause\n\tcmpl $0, %0\n\tje 1b" : : "m"(*(const uint32_t *)arg) : "cc");
}

/* Such a loop is preempted: the other thread of the same CPU runs and ends it. In every build,
 * TSan's too, which would put off a signal for ever in code that makes no calls. */
static void stopper_thread(void *arg)
{
    __asm__ volatile("movl $1, %0" : "=m"(*(uint32_t *)arg));
}

START_TEST(loop_without_calls_is_preempted)
{
    static uint32_t stop;
    struct thread *loop = NULL;
    struct thread *stopper = NULL;
    const uint32_t cpu = hal_caps()->cpus - 1;
    const struct thread_spec loop_spec = {
        .name = "loop", .entry = callless_thread, .arg = &stop, .cpu = cpu
    };
    const struct thread_spec stopper_spec = {
        .name = "stopper", .entry = stopper_thread, .arg = &stop, .cpu = cpu
    };

    __asm__ volatile("movl $0, %0" : "=m"(stop));
    ck_assert_int_eq(thread_create(&loop_spec, &loop), EXO_OK);
    thread_sleep_ns(5 * NS_PER_MS); /* it is running by now */
    ck_assert_int_eq(thread_create(&stopper_spec, &stopper), EXO_OK);
    thread_join(stopper, NULL);
    thread_join(loop, NULL);
}
END_TEST

/* The preemption word is changed by single instructions: with interrupts and migrations all the
 * time, no increment is lost or done to another CPU's word. */
struct churn {
    _Atomic uint32_t stop;
    _Atomic uint32_t bad;
};

static void churn_thread(void *arg)
{
    struct churn *churn = arg;

    while (atomic_load_explicit(&churn->stop, memory_order_acquire) == 0) {
        for (uint32_t i = 0; i < 1000; i++) {
            preempt_disable();
            const uint32_t cpu = hal_cpu_id();

            preempt_disable();
            const bool torn =
                preempt_count() != 2 || hal_cpu_id() != cpu || hal_percpu()->cpu != cpu;

            preempt_enable();
            preempt_enable();
            if (torn) {
                atomic_fetch_add_explicit(&churn->bad, 1, memory_order_relaxed);
            }
        }
        thread_yield();
    }
}

START_TEST(percpu_words_survive_interrupts)
{
    static struct churn churn;
    static struct thread *thread[2 * CPUS_MAX];
    const uint32_t cpus = hal_caps()->cpus;
    const struct thread_spec spec = {
        .name = "churn", .entry = churn_thread, .arg = &churn, .cpu = THREAD_ANY_CPU
    };

    atomic_store_explicit(&churn.stop, 0, memory_order_release);
    atomic_store_explicit(&churn.bad, 0, memory_order_release);
    for (uint32_t i = 0; i < 2 * cpus; i++) {
        ck_assert_int_eq(thread_create(&spec, &thread[i]), EXO_OK);
    }
    for (uint32_t i = 0; i < 400; i++) {
        for (uint32_t cpu = 0; cpu < cpus; cpu++) {
            hal_test_irq_raise(cpu);
        }
        test_spin_ns(100000);
    }
    atomic_store_explicit(&churn.stop, 1, memory_order_release);
    for (uint32_t i = 0; i < 2 * cpus; i++) {
        thread_join(thread[i], NULL);
    }
    ck_assert_uint_eq(atomic_load_explicit(&churn.bad, memory_order_acquire), 0);
}
END_TEST

EXO_SUITE(hal_interrupt, EXO_TEST(irq_flag_nests), EXO_TEST(irq_off_keeps_the_timer_pending),
          EXO_TEST(timer_is_never_early), EXO_TEST(timer_in_the_past_fires_at_once),
          EXO_TEST(timer_deadline_is_replaced), EXO_TEST(timer_disarmed_does_not_fire),
          EXO_TEST(clock_advance_fires_timers), EXO_TEST(timer_fires_on_every_cpu),
          EXO_TEST(cross_cpu_interrupts_arrive), EXO_TEST(idle_cpu_wakes_for_work),
          EXO_TEST(loop_without_calls_is_preempted), EXO_TEST(percpu_words_survive_interrupts))
