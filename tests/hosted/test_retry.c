/*
 * test_retry.c - host signals at bad moments: an interrupt put off is tried again, more and more
 * rarely, and a stopped CPU takes none.
 */
#include <signal.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "exo/hal.h"
#include "exo/sync/preempt.h"
#include "exo/time/clock.h"
#include "exo_check.h"
#include "exo_test.h"
#include "platform/hosted/host.h"

#define SIGNALS 200u /* each with a frame of 3 KiB or more: far beyond a kernel stack */

static uint64_t in_ns(struct timespec time)
{
    return (uint64_t)time.tv_sec * NS_PER_S + (uint64_t)time.tv_nsec;
}

/* A host that delivers signals slowly must not be sent them faster than it can: each would lay its
 * frame on the one before, until the stack is full. */
START_TEST(retries_grow_rarer_until_served)
{
    struct itimerspec now;
    struct itimerspec served;
    uint64_t first_ns = 0;
    uint64_t last_ns = 0;
    uint64_t period_ns = 0;
    const hal_irq_t irq = hal_irq_save();
    const uint32_t cpu = hal_cpu_id();
    const int timer = hosted_cpu(cpu)->timer;

    for (uint32_t i = 0; i < 20; i++) {
        hosted_timer_retry(cpu);
        host_syscall(SYS_timer_gettime, timer, (long)&now, 0, 0);
        first_ns = i == 0 ? hosted_cpu(cpu)->retry_ns : first_ns;
        last_ns = hosted_cpu(cpu)->retry_ns;
        period_ns = in_ns(now.it_interval);
    }
    hosted_irq_raise(cpu, HOSTED_IRQ_TIMER);
    hal_irq_restore(irq);
    hal_irq_disable();
    host_syscall(SYS_timer_gettime, hosted_cpu(hal_cpu_id())->timer, (long)&served, 0, 0);
    hal_irq_enable();
    ck_assert_uint_le(first_ns, 100 * NS_PER_US);
    ck_assert_uint_ge(last_ns, NS_PER_MS / 2);
    ck_assert_uint_ge(period_ns, 5 * NS_PER_MS);
    ck_assert_uint_eq(in_ns(served.it_interval), 0);
}
END_TEST

/* Signals to a CPU that is stopped for good do not lay frame on frame either. */
START_TEST(stopped_cpus_take_no_more_signals)
{
    preempt_disable();
    const uint32_t self = hal_cpu_id();

    hal_cpu_stop_others();
    for (uint32_t i = 0; i < SIGNALS; i++) {
        for (uint32_t cpu = 0; cpu < hosted_cpu_count(); cpu++) {
            if (cpu != self) {
                host_syscall(SYS_tgkill, getpid(), hosted_cpu(cpu)->tid, HOSTED_SIGNAL_IPI, 0);
            }
        }
        test_spin_ns(NS_PER_MS / 4);
    }
    for (uint32_t cpu = 0; cpu < hosted_cpu_count(); cpu++) {
        if (cpu != self) {
            ck_assert_uint_eq(atomic_load(&hosted_cpu(cpu)->state), HOSTED_CPU_STOPPED);
        }
    }
    hal_shutdown(0); /* whoever waits for this thread may have been on a stopped CPU */
}
END_TEST

EXO_SUITE(hosted_retry, EXO_TEST(retries_grow_rarer_until_served),
          EXO_TEST(stopped_cpus_take_no_more_signals))
