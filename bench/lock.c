/*
 * lock.c - what guarding data costs when nobody else wants it.
 */
#include <stdatomic.h>

#include "exo/hal.h"
#include "exo/sched/sched.h"
#include "exo/sched/thread.h"
#include "exo/sync/mutex.h"
#include "exo/sync/rwlock.h"
#include "exo/sync/semaphore.h"
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

BENCH(mutex_lock_unlock,
      "mutex, uncontended: a compare-exchange each way; at most pthread's mutex, 15 cycles", true)
{
    static struct mutex mutex = MUTEX_INIT(mutex);

    bench_start(run);
    for (uint64_t i = 0; i < run->loops; i++) {
        mutex_lock(&mutex);
        mutex_unlock(&mutex);
    }
    bench_stop(run);
}

BENCH(rwlock_read_lock_unlock, "read-write lock, a lone reader: two atomic operations", true)
{
    static struct rwlock lock = RWLOCK_INIT(lock);

    bench_start(run);
    for (uint64_t i = 0; i < run->loops; i++) {
        rwlock_read_lock(&lock);
        rwlock_read_unlock(&lock);
    }
    bench_stop(run);
}

BENCH(semaphore_up_down, "semaphore, nobody waits: its queue's lock twice", true)
{
    static struct semaphore semaphore = SEMAPHORE_INIT(semaphore, 1);

    bench_start(run);
    for (uint64_t i = 0; i < run->loops; i++) {
        if (semaphore_up(&semaphore) != EXO_OK || !semaphore_try_down(&semaphore)) {
            run->skipped = true;
        }
    }
    bench_stop(run);
}

/* ---- block and wake: two threads that wake each other in turn ---- */

struct ping {
    struct bench_run *run;
    struct semaphore to[2];
};

static void ping_there(void *arg)
{
    struct ping *ping = arg;

    for (uint64_t i = 0; i < ping->run->loops; i++) {
        if (semaphore_down(&ping->to[1], WAIT_FOREVER) != EXO_OK ||
            semaphore_up(&ping->to[0]) != EXO_OK) {
            return;
        }
    }
}

static void ping_here(void *arg)
{
    struct ping *ping = arg;

    bench_start(ping->run);
    for (uint64_t i = 0; i < ping->run->loops; i++) {
        if (semaphore_up(&ping->to[1]) != EXO_OK ||
            semaphore_down(&ping->to[0], WAIT_FOREVER) != EXO_OK) {
            return;
        }
    }
    bench_stop(ping->run);
}

/* One operation is a round trip: two wake-ups, two times going to sleep. */
static void ping_run(struct bench_run *run, uint32_t cpu_here, uint32_t cpu_there)
{
    struct ping ping = { .run = run };
    const struct thread_spec there = {
        .name = "there", .entry = ping_there, .arg = &ping, .cpu = cpu_there
    };
    const struct thread_spec here = {
        .name = "here", .entry = ping_here, .arg = &ping, .cpu = cpu_here
    };
    struct thread *thread[2];

    semaphore_init(&ping.to[0], 0);
    semaphore_init(&ping.to[1], 0);
    if (thread_create(&there, &thread[0]) != EXO_OK) {
        run->skipped = true;
        return;
    }
    if (thread_create(&here, &thread[1]) != EXO_OK) {
        run->skipped = true;
        ping_here(&ping); /* the partner waits for its turns */
    } else {
        thread_join(thread[1], NULL);
    }
    thread_join(thread[0], NULL);
}

BENCH(block_wake_one_cpu,
      "semaphore round trip of two threads on one CPU; Linux's futex on one core takes 10 700",
      false)
{
    ping_run(run, 0, 0);
}

BENCH(block_wake_two_cpus,
      "the same across CPUs, each idle while the other runs; Linux's futex takes 53 000 and more",
      false)
{
    if (sched_online_count() < 2) {
        run->skipped = true;
        return;
    }
    ping_run(run, 0, 1);
}

/* ---- one cache line between two CPUs ---- */

static _Atomic uint64_t g_line EXO_ALIGNED(CACHE_LINE);

static void line_there(void *arg)
{
    const uint64_t rounds = *(const uint64_t *)arg;

    for (uint64_t i = 0; i < rounds; i++) {
        while (atomic_load_explicit(&g_line, memory_order_acquire) != 2 * i + 1) {
            hal_pause();
        }
        atomic_store_explicit(&g_line, 2 * i + 2, memory_order_release);
    }
}

struct line_run {
    struct bench_run *run;
    uint64_t rounds;
};

static void line_here(void *arg)
{
    struct line_run *line = arg;

    bench_start(line->run);
    for (uint64_t i = 0; i < line->rounds; i++) {
        atomic_store_explicit(&g_line, 2 * i + 1, memory_order_release);
        while (atomic_load_explicit(&g_line, memory_order_acquire) != 2 * i + 2) {
            hal_pause();
        }
    }
    bench_stop(line->run);
}

BENCH(cache_line_round_trip,
      "a line written here, seen and written there, seen here: the floor of waking across CPUs",
      false)
{
    struct line_run line = { .run = run, .rounds = run->loops };
    const struct thread_spec there = {
        .name = "there", .entry = line_there, .arg = &line.rounds, .cpu = 1
    };
    const struct thread_spec here = { .name = "here", .entry = line_here, .arg = &line, .cpu = 0 };
    struct thread *thread[2];

    atomic_store_explicit(&g_line, 0, memory_order_release);
    if (sched_online_count() < 2 || thread_create(&there, &thread[0]) != EXO_OK) {
        run->skipped = true;
        return;
    }
    if (thread_create(&here, &thread[1]) != EXO_OK) {
        run->skipped = true;
        line_here(&line); /* the partner waits for its turns */
    } else {
        thread_join(thread[1], NULL);
    }
    thread_join(thread[0], NULL);
}
