/*
 * cpu.c - simulated CPUs: one pthread each, its private block, start, idle and stop.
 *
 * Life: OFF -(hal_cpu_start)-> STARTING -(cpu_thread)-> ONLINE -(hosted_cpu_park)-> STOPPED.
 * Invariants:
 *   (1) A CPU thread blocks all host signals but the machine's own two and faults; the rest goes to
 *       the housekeeper (housekeeper.c). All CPU threads have this one mask for ever.
 *   (2) CPU threads never end: a stub process dies with the thread that started it (PDEATHSIG).
 */
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "host.h"
#include "sanitizer.h"

#define BOOT_STACK_BYTES (256u * 1024u) /* of a CPU thread: its idle loop, and libc's own use */
#define START_TIMEOUT_S  2
#define STOP_TIMEOUT_NS  100000000ull
#define STOP_POLL_NS     50000

/* Local-exec thread-local storage: the assembly of hal_inline.h counts on one fixed offset. */
__attribute__((tls_model("local-exec"), used)) _Thread_local struct hosted_percpu hosted_percpu = {
    .head = { .preempt = PREEMPT_NO_RESCHED | 1, .cpu = HOSTED_NO_CPU },
};

static struct hosted_cpu g_cpu[CPUS_MAX];
static uint32_t g_cpu_count; /* [c] after hosted_cpu_init() */
static bool g_pin;           /* [c] */

NO_SANITIZE struct hosted_cpu *hosted_cpu(uint32_t cpu)
{
    return &g_cpu[cpu];
}

uint32_t hosted_cpu_count(void)
{
    return g_cpu_count;
}

void hosted_cpu_init(uint32_t count, bool pin)
{
    g_cpu_count = count;
    g_pin = pin;
    for (uint32_t i = 0; i < count; i++) {
        g_cpu[i].deadline_ns = HAL_TIMER_NEVER;
        g_cpu[i].armed_ns = HAL_TIMER_NEVER;
    }
}

/* Let through what a CPU must get, and nothing else (1). */
static void cpu_signal_mask(void)
{
    sigset_t mask;

    sigfillset(&mask);
    sigdelset(&mask, HOSTED_SIGNAL_IPI);
    sigdelset(&mask, HOSTED_SIGNAL_TIMER);
    sigdelset(&mask, SIGSEGV);
    sigdelset(&mask, SIGBUS);
    sigdelset(&mask, SIGFPE);
    sigdelset(&mask, SIGILL);
    sigdelset(&mask, SIGTRAP);
    sigdelset(&mask, SIGABRT);
    sigdelset(&mask, SIGPROF); /* profilers of the host */
    pthread_sigmask(SIG_SETMASK, &mask, NULL);
}

/* Bind this thread to the host CPU that stands at place `index` among those allowed, round and
 * round. */
static void cpu_pin(uint32_t index)
{
    cpu_set_t allowed, one;

    if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0) {
        return; /* more host CPUs than the set has room for: it runs where it likes */
    }
    uint32_t place = index % (uint32_t)CPU_COUNT(&allowed);
    uint32_t host = 0;

    while (!CPU_ISSET(host, &allowed) || place-- != 0) {
        host++;
    }
    CPU_ZERO(&one);
    CPU_SET(host, &one);
    sched_setaffinity(0, sizeof(one), &one);
}

/* Find where this pthread's stack lies: sanitizers ask when a fiber switches back to it. */
static void cpu_boot_stack_find(struct hosted_cpu *cpu)
{
    pthread_attr_t attr;

    if (pthread_getattr_np(pthread_self(), &attr) != 0) {
        host_fail("cannot find the stack of a CPU thread");
    }
    pthread_attr_getstack(&attr, &cpu->boot_stack, &cpu->boot_stack_bytes);
    pthread_attr_destroy(&attr);
}

/* Give this thread a stack of its own for faults: the ordinary one may be what is broken. */
static void cpu_fault_stack_make(struct hosted_cpu *cpu)
{
    stack_t stack = { .ss_size = FAULT_STACK_BYTES };

    stack.ss_sp =
        mmap(NULL, FAULT_STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (stack.ss_sp == MAP_FAILED || sigaltstack(&stack, NULL) != 0) {
        host_fail("cannot make the fault stack of a CPU (error %d)", errno);
    }
    cpu->fault_stack = stack.ss_sp;
}

/* First thing that a CPU thread does; interrupts are off and stay so. */
static uint32_t cpu_thread_init(void *arg)
{
    struct hosted_cpu *const cpu = arg;
    const uint32_t index = (uint32_t)(cpu - g_cpu);

    cpu_signal_mask();
    if (g_pin) {
        cpu_pin(index);
    }
    cpu_boot_stack_find(cpu);
    cpu_fault_stack_make(cpu);
    cpu->percpu = (struct hosted_percpu *)(void *)hal_percpu();
    cpu->percpu->head.cpu = index;
    cpu->tid = (int)host_syscall(SYS_gettid, 0, 0, 0, 0);
    hosted_timer_init(cpu);
    atomic_store_explicit(&cpu->state, HOSTED_CPU_ONLINE, memory_order_release);
    host_syscall(SYS_futex, (long)&cpu->state, FUTEX_WAKE_PRIVATE, INT_MAX, 0);
    return index;
}

static void *cpu_thread(void *arg)
{
    core_cpu_main(cpu_thread_init(arg));
}

/* What the boot CPU's thread is told. */
static const struct boot_info *g_boot_info;

static void *boot_cpu_thread(void *arg)
{
    cpu_thread_init(arg);
    core_main(g_boot_info);
}

/* Make the thread of `cpu`; host error number, 0 if it runs. */
static int cpu_thread_create(struct hosted_cpu *cpu, void *(*entry)(void *))
{
    pthread_t thread;
    pthread_attr_t attr;
    sigset_t all, before;

    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attr, BOOT_STACK_BYTES);
    atomic_store(&cpu->state, HOSTED_CPU_STARTING);
    sigfillset(&all); /* inherited: no signal finds the thread before it has made itself a CPU */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const int error = pthread_create(&thread, &attr, entry, cpu);

    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
    return error;
}

/* Wait until the thread of `cpu` has made itself a CPU; false if it took too long. */
static bool cpu_thread_wait(struct hosted_cpu *cpu)
{
    struct timespec limit = { .tv_sec = START_TIMEOUT_S };
    long result = 0;

    while (atomic_load_explicit(&cpu->state, memory_order_acquire) == HOSTED_CPU_STARTING &&
           result != -ETIMEDOUT) {
        result = host_syscall(SYS_futex, (long)&cpu->state, FUTEX_WAIT_PRIVATE, HOSTED_CPU_STARTING,
                              (long)&limit);
    }
    return result != -ETIMEDOUT;
}

void hosted_cpu_boot(const struct boot_info *info)
{
    g_boot_info = info;
    const int error = cpu_thread_create(&g_cpu[0], boot_cpu_thread);

    if (error != 0 || !cpu_thread_wait(&g_cpu[0])) {
        host_fail("cannot make a thread for CPU 0 (error %d)", error);
    }
}

exo_status_t hal_cpu_start(uint32_t cpu)
{
    exo_status_t status = EXO_OK;

    if (cpu >= g_cpu_count || atomic_load(&g_cpu[cpu].state) != HOSTED_CPU_OFF) {
        return EXO_ERR_INVALID;
    }
    const hal_irq_t irq = host_enter();

    if (cpu_thread_create(&g_cpu[cpu], cpu_thread) != 0) {
        atomic_store(&g_cpu[cpu].state, HOSTED_CPU_OFF);
        status = EXO_ERR_TIMED_OUT;
    } else if (!cpu_thread_wait(&g_cpu[cpu])) {
        status = EXO_ERR_TIMED_OUT;
    }
    host_exit(irq);
    return status;
}

void hal_cpu_idle(void)
{
    /* A signal whose bit was already taken ends the call with nothing pending: wait on. */
    while (atomic_load_explicit(&hosted_cpu(hal_cpu_id())->percpu->pending, memory_order_relaxed) ==
           0) {
        hosted_interruptible_syscall(SYS_pause, 0, 0, 0, 0);
    }
    hosted_irq_deliver();
}

/* Does nothing that needs a lock or a sanitizer: the thread may have been stopped anywhere. Signals
 * that still come would each be told to stop in turn, on top of this frame: they are blocked. */
NO_SANITIZE void hosted_cpu_park(void)
{
    const uint32_t cpu = hal_cpu_id();
    const uint64_t all = UINT64_MAX;

    hal_irq_disable();
    host_syscall(SYS_rt_sigprocmask, SIG_BLOCK, (long)&all, 0, sizeof(all));
    if (cpu < CPUS_MAX) {
        *(volatile uint32_t *)&g_cpu[cpu].state = HOSTED_CPU_STOPPED;
    }
    for (;;) {
        host_syscall(SYS_pause, 0, 0, 0, 0);
    }
}

void hal_cpu_halt(void)
{
    hosted_cpu_park();
}

void hosted_cpu_wait_stopped(uint32_t survivor)
{
    const uint64_t limit_ns = hal_clock_ns() + STOP_TIMEOUT_NS;
    struct timespec nap = { .tv_nsec = STOP_POLL_NS };

    for (uint32_t i = 0; i < g_cpu_count; i++) {
        while (i != survivor && atomic_load(&g_cpu[i].state) == HOSTED_CPU_ONLINE &&
               hal_clock_ns() < limit_ns) {
            host_syscall(SYS_nanosleep, (long)&nap, 0, 0, 0);
        }
    }
}
