/*
 * test_retry.c - interrupts that find a bad moment: they are tried again, more and more rarely.
 */
#include <sys/syscall.h>
#include <time.h>

#include "exo/hal.h"
#include "exo/time/clock.h"
#include "exo_check.h"
#include "exo_test.h"
#include "platform/hosted/host.h"

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
        first_ns = i == 0 ? in_ns(now.it_value) : first_ns;
        last_ns = in_ns(now.it_value);
        period_ns = in_ns(now.it_interval);
    }
    hosted_irq_raise(cpu, HOSTED_IRQ_TIMER);
    hal_irq_restore(irq);
    hal_irq_disable();
    host_syscall(SYS_timer_gettime, hosted_cpu(hal_cpu_id())->timer, (long)&served, 0, 0);
    hal_irq_enable();
    ck_assert_uint_le(first_ns, 50 * NS_PER_US);
    ck_assert_uint_ge(last_ns, 5 * NS_PER_MS);
    ck_assert_uint_ge(period_ns, 5 * NS_PER_MS);
    ck_assert_uint_eq(in_ns(served.it_interval), 0);
}
END_TEST

EXO_SUITE(hosted_retry, EXO_TEST(retries_grow_rarer_until_served))
