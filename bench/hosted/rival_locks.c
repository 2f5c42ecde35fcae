/*
 * rival_locks.c - the host's locks and wake-ups: pthread's mutex, round trips of two host threads
 * by futex and by pipe, on one core and across two; and the claims against them.
 *
 * Host threads of a rival block every signal: the kernel's interrupts are none of theirs.
 */
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "exo/hal.h"
#include "exo_bench.h"

BENCH(rival_pthread_mutex, "pthread_mutex_lock and unlock, 15 cycles", false)
{
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

    bench_start(run);
    for (uint64_t i = 0; i < run->loops; i++) {
        (void)pthread_mutex_lock(&mutex);
        (void)pthread_mutex_unlock(&mutex);
    }
    bench_stop(run);
    (void)pthread_mutex_destroy(&mutex);
}

/* Two host threads; one operation is a round trip. */
struct pair {
    struct bench_run *run;
    int core[2];
    bool by_pipe;
    int pipe_to[2][2];      /* [whom]: read end, write end */
    _Atomic uint32_t to[2]; /* futex words: a message for [whom] */
};

struct side {
    struct pair *pair;
    uint32_t self; /* 0 begins and measures */
};

static void futex_send(struct pair *pair, uint32_t whom)
{
    atomic_store_explicit(&pair->to[whom], 1, memory_order_release);
    (void)syscall(SYS_futex, &pair->to[whom], FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void futex_receive(struct pair *pair, uint32_t self)
{
    while (atomic_exchange_explicit(&pair->to[self], 0, memory_order_acquire) == 0) {
        (void)syscall(SYS_futex, &pair->to[self], FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
    }
}

static void send(struct pair *pair, uint32_t whom)
{
    uint64_t byte = 0;

    if (!pair->by_pipe) {
        futex_send(pair, whom);
    } else if (write(pair->pipe_to[whom][1], &byte, 1) != 1) {
        pair->run->skipped = true;
    }
}

static void receive(struct pair *pair, uint32_t self)
{
    uint64_t byte = 0;

    if (!pair->by_pipe) {
        futex_receive(pair, self);
    } else if (read(pair->pipe_to[self][0], &byte, 1) != 1) {
        pair->run->skipped = true;
    }
}

static void *side_main(void *arg)
{
    const struct side *const side = arg;
    struct pair *const pair = side->pair;
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET((size_t)pair->core[side->self], &set);
    if (sched_setaffinity(0, sizeof(set), &set) != 0) {
        pair->run->skipped = true;
    }
    if (side->self == 0) {
        bench_start(pair->run);
    }
    for (uint64_t i = 0; i < pair->run->loops; i++) {
        if (side->self == 0) {
            send(pair, 1);
            receive(pair, 0);
        } else {
            receive(pair, 1);
            send(pair, 0);
        }
    }
    if (side->self == 0) {
        bench_stop(pair->run);
    }
    return NULL;
}

/* Start both sides with every signal blocked, wait for both.  Context: interrupts off. */
static void sides_run(struct pair *pair)
{
    struct side side[2] = { { .pair = pair, .self = 0 }, { .pair = pair, .self = 1 } };
    pthread_t thread[2];
    sigset_t all;
    sigset_t before;

    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    if (pthread_create(&thread[1], NULL, side_main, &side[1]) != 0) {
        pair->run->skipped = true;
    } else {
        if (pthread_create(&thread[0], NULL, side_main, &side[0]) != 0) {
            pair->run->skipped = true;
            (void)side_main(&side[0]); /* the other waits for its messages */
        } else {
            (void)pthread_join(thread[0], NULL);
        }
        (void)pthread_join(thread[1], NULL);
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* The first cores that this process may use; false if there are fewer than two. */
static bool cores_choose(struct pair *pair, bool same_core)
{
    cpu_set_t set;
    uint32_t count = 0;

    if (sched_getaffinity(0, sizeof(set), &set) != 0) {
        return false;
    }
    for (int cpu = 0; cpu < CPU_SETSIZE && count < 2; cpu++) {
        if (CPU_ISSET((size_t)cpu, &set)) {
            pair->core[count++] = cpu;
        }
    }
    if (same_core) {
        pair->core[1] = pair->core[0];
    }
    return same_core ? count > 0 : count == 2;
}

static void pair_run(struct bench_run *run, bool by_pipe, bool same_core)
{
    struct pair pair = { .run = run, .by_pipe = by_pipe };

    if (!cores_choose(&pair, same_core) || pipe(pair.pipe_to[0]) != 0) {
        run->skipped = true;
        return;
    }
    if (pipe(pair.pipe_to[1]) == 0) {
        const hal_irq_t irq = hal_irq_save();

        sides_run(&pair);
        hal_irq_restore(irq);
        (void)close(pair.pipe_to[1][0]);
        (void)close(pair.pipe_to[1][1]);
    } else {
        run->skipped = true;
    }
    (void)close(pair.pipe_to[0][0]);
    (void)close(pair.pipe_to[0][1]);
}

BENCH(rival_futex_one_core, "futex round trip of two host threads on one core, 10 700 cycles",
      false)
{
    pair_run(run, false, true);
}

BENCH(rival_futex_two_cores, "the same across cores, idle in between, 53 000 to 160 000", false)
{
    pair_run(run, false, false);
}

BENCH(rival_pipe_one_core, "pipe round trip of two host threads on one core, 12 700 cycles", false)
{
    pair_run(run, true, true);
}

BENCH(rival_pipe_two_cores, "the same across cores, idle in between", false)
{
    pair_run(run, true, false);
}

BENCH_CLAIM(mutex_lock_unlock, rival_pthread_mutex, 100);
BENCH_CLAIM(block_wake_one_cpu, rival_futex_one_core, 0);
BENCH_CLAIM(block_wake_one_cpu, rival_pipe_one_core, 0);
BENCH_CLAIM(block_wake_two_cpus, rival_futex_two_cores, 0);
BENCH_CLAIM(block_wake_two_cpus, rival_pipe_two_cores, 0);
BENCH_CLAIM(block_wake_two_cpus, cache_line_round_trip, 0);
BENCH_CLAIM(timer_arm_cancel_100k, timer_arm_cancel, 0);
