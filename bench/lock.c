/*
 * lock.c - what guarding data costs when nobody else wants it.
 */
#include "exo/hal.h"
#include "exo/sync/spinlock.h"
#include "exo_bench.h"

BENCH(spin_lock_unlock,
      "thread-kind spinlock, uncontended, preemption off and on included; pthread's spin lock 13",
      true)
{
    static struct spinlock lock = SPINLOCK_INIT(RANK_TEST_LOW);

    bench_start(run);
    for (uint64_t i = 0; i < run->loops; i++) {
        spin_lock(&lock);
        spin_unlock(&lock);
    }
    bench_stop(run);
}

BENCH(spin_lock_irq_unlock, "the interrupt-saving kind, interrupts off and on included", true)
{
    static struct spinlock lock = SPINLOCK_INIT(RANK_TEST_IRQ);

    bench_start(run);
    for (uint64_t i = 0; i < run->loops; i++) {
        const hal_irq_t irq = spin_lock_irq(&lock);

        spin_unlock_irq(&lock, irq);
    }
    bench_stop(run);
}

BENCH(irq_save_restore, "interrupts off and back; hosted a flag, no system call", true)
{
    bench_start(run);
    for (uint64_t i = 0; i < run->loops; i++) {
        hal_irq_restore(hal_irq_save());
        __asm__ volatile("" ::: "memory");
    }
    bench_stop(run);
}

BENCH(preempt_disable_enable, "preemption off and back: one increment, one decrement and a branch",
      true)
{
    bench_start(run);
    for (uint64_t i = 0; i < run->loops; i++) {
        preempt_disable();
        preempt_enable();
    }
    bench_stop(run);
}
