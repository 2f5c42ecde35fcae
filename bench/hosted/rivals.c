/*
 * rivals.c - what a user would pick instead, measured in the same run: swapcontext, Boost.Context's
 * jump, pthread's spin lock, a host system call; and the claims against them.
 *
 * Rivals that switch stacks run with the kernel's interrupts off: a host signal then only leaves
 * its mark, and no kernel thread is switched on a stack that the kernel does not know.
 */
#include <pthread.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "exo/hal.h"
#include "exo_bench.h"

#define RIVAL_STACK_BYTES 65536

static uint8_t g_stack[RIVAL_STACK_BYTES] EXO_ALIGNED(64);

/* Boost.Context's C interface (boost/context/detail/fcontext.hpp), a C++ header otherwise. */
typedef void *fcontext_t;
struct transfer {
    fcontext_t context;
    void *data;
};
struct transfer jump_fcontext(fcontext_t to, void *data);
fcontext_t make_fcontext(void *stack_top, size_t size_bytes, void (*entry)(struct transfer));

static void boost_there(struct transfer from)
{
    for (;;) {
        from = jump_fcontext(from.context, NULL);
    }
}

BENCH(rival_boost_jump, "one jump of Boost.Context, 14 cycles", false)
{
    const hal_irq_t irq = hal_irq_save();
    struct transfer from =
        jump_fcontext(make_fcontext(g_stack + sizeof(g_stack), sizeof(g_stack), boost_there), NULL);

    bench_start(run);
    for (uint64_t i = 0; i < run->loops; i += 2) {
        from = jump_fcontext(from.context, NULL);
    }
    bench_stop(run);
    hal_irq_restore(irq);
}

static ucontext_t g_here;
static ucontext_t g_there;

static void ucontext_there(void)
{
    for (;;) {
        (void)swapcontext(&g_there, &g_here);
    }
}

BENCH(rival_swapcontext,
      "one swapcontext of glibc, 577 cycles: it asks the host for the signal mask", false)
{
    const hal_irq_t irq = hal_irq_save();

    (void)getcontext(&g_there);
    g_there.uc_stack.ss_sp = g_stack;
    g_there.uc_stack.ss_size = sizeof(g_stack);
    makecontext(&g_there, ucontext_there, 0);
    (void)swapcontext(&g_here, &g_there);
    bench_start(run);
    for (uint64_t i = 0; i < run->loops; i += 2) {
        (void)swapcontext(&g_here, &g_there);
    }
    bench_stop(run);
    hal_irq_restore(irq);
}

BENCH(rival_pthread_spin, "pthread_spin_lock and unlock, 13 cycles", false)
{
    pthread_spinlock_t lock;

    if (pthread_spin_init(&lock, PTHREAD_PROCESS_PRIVATE) != 0) {
        run->skipped = true;
        return;
    }
    bench_start(run);
    for (uint64_t i = 0; i < run->loops; i++) {
        (void)pthread_spin_lock(&lock);
        (void)pthread_spin_unlock(&lock);
    }
    bench_stop(run);
    (void)pthread_spin_destroy(&lock);
}

BENCH(rival_getppid, "a system call of the host that does nothing, 365 cycles", false)
{
    bench_start(run);
    for (uint64_t i = 0; i < run->loops; i++) {
        (void)syscall(SYS_getppid);
    }
    bench_stop(run);
}

BENCH_CLAIM(switch_windowed, rival_boost_jump, 50);
BENCH_CLAIM(switch_context, rival_boost_jump, 0);
BENCH_CLAIM(switch_windowed, rival_swapcontext, 0);
BENCH_CLAIM(spin_lock_unlock, rival_pthread_spin, 100);
