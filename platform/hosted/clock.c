/*
 * clock.c - the clock, the machine's facts, and one host timer per CPU.
 *
 * Invariants:
 *   (1) hal_clock_ns() = CLOCK_MONOTONIC - g_start_ns + g_advance_ns; the host keeps
 *       CLOCK_MONOTONIC in step over its CPUs, and nothing is ever subtracted.
 *   (2) armed_ns <= deadline_ns, or the deadline has passed and the timer interrupt is pending: the
 *       host timer may fire early, never late. Then nothing is due and it is set anew. So pushing a
 *       deadline back, which happens at every switch, costs no system call.
 *   (3) While retry_ns is set, the host timer fires periodically instead, soon enough for (2). It
 *       grows with each try, and the period is longer still: a host that needs longer than the
 *       period to deliver a signal would lay frame on frame until the stack is full.
 */
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "host.h"
#include "sanitizer.h"

#define NS_PER_S       1000000000ull
#define CALIBRATION_NS 300000ull /* a pair of readings is 10 ns apart: some 50 parts in a million */
#define PAIR_TRIES     5         /* the closest pair counts: no host interrupt came between */
#define FAR_NS         (1ull << 62) /* a deadline beyond never comes, nor could the host count it */

/* An interrupt that found a bad moment is tried again after the first of these, then after ever
 * longer, up to the second; if that signal is of no use either, the next comes after the third. */
#define RETRY_FIRST_NS  50000u
#define RETRY_LAST_NS   800000u
#define RETRY_PERIOD_NS 10000000

/* The same moment on both clocks. */
struct clock_pair {
    uint64_t host_ns;
    uint64_t cycles;
};

static uint64_t g_start_ns;            /* [c] host clock at 0 of ours */
static struct clock_pair g_start_pair; /* [c] soon after */
static _Atomic uint64_t g_advance_ns;  /* what tests have added */

static uint64_t host_clock_ns(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

static struct clock_pair pair_read(void)
{
    struct clock_pair best = { 0 };
    uint64_t best_gap = UINT64_MAX;

    for (int i = 0; i < PAIR_TRIES; i++) {
        const uint64_t before = hal_cycles_ordered();
        const uint64_t now_ns = host_clock_ns(CLOCK_MONOTONIC);
        const uint64_t gap = hal_cycles_ordered() - before;

        if (gap < best_gap) {
            best_gap = gap;
            best = (struct clock_pair){ .host_ns = now_ns, .cycles = before + gap / 2 };
        }
    }
    return best;
}

void hosted_clock_init(void)
{
    if (g_start_ns == 0) {
        g_start_ns = host_clock_ns(CLOCK_MONOTONIC);
        g_start_pair = pair_read();
    }
}

uint64_t hal_clock_ns(void)
{
    const hal_irq_t irq = host_enter();
    const uint64_t now_ns = host_clock_ns(CLOCK_MONOTONIC) - g_start_ns;

    host_exit(irq);
    return now_ns + atomic_load_explicit(&g_advance_ns, memory_order_relaxed);
}

uint64_t hal_wall_clock_ns(void)
{
    const hal_irq_t irq = host_enter();
    const uint64_t now_ns = host_clock_ns(CLOCK_REALTIME);

    host_exit(irq);
    return now_ns + atomic_load_explicit(&g_advance_ns, memory_order_relaxed);
}

void hosted_clock_advance(uint64_t delta_ns)
{
    atomic_fetch_add(&g_advance_ns, delta_ns);
}

uint64_t hosted_clock_hz(void)
{
    struct clock_pair now = pair_read();

    while (now.host_ns - g_start_pair.host_ns < CALIBRATION_NS) {
        now = pair_read();
    }
    return (uint64_t)((unsigned __int128)(now.cycles - g_start_pair.cycles) * NS_PER_S /
                      (now.host_ns - g_start_pair.host_ns));
}

size_t hal_entropy(void *buf, size_t len_bytes)
{
    const hal_irq_t irq = host_enter();
    size_t done = 0;

    while (done < len_bytes) {
        const ssize_t got = getrandom((char *)buf + done, len_bytes - done, 0);

        if (got < 0 && errno != EINTR) {
            break;
        }
        done += got > 0 ? (size_t)got : 0;
    }
    host_exit(irq);
    return done;
}

void hosted_timer_init(struct hosted_cpu *cpu)
{
    struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = HOSTED_SIGNAL_TIMER };

    event._sigev_un._tid = cpu->tid;
    const long result =
        host_syscall(SYS_timer_create, CLOCK_MONOTONIC, (long)&event, (long)&cpu->timer, 0);

    if (result != 0) {
        host_fail("cannot make the timer of a CPU (error %ld)", -result);
    }
}

/* Set the host timer of `cpu`; both times 0 stop it. */
static NO_SANITIZE void timer_host_set(const struct hosted_cpu *cpu, int flags, uint64_t host_ns,
                                       long interval_ns)
{
    struct itimerspec when = { .it_value = { .tv_sec = (time_t)(host_ns / NS_PER_S),
                                             .tv_nsec = (long)(host_ns % NS_PER_S) },
                               .it_interval = { .tv_nsec = interval_ns } };

    host_syscall(SYS_timer_settime, cpu->timer, flags, (long)&when, 0);
}

/* Bring the host timer to cpu->deadline_ns (2). Interrupts off. */
static void timer_arm(struct hosted_cpu *cpu)
{
    const uint64_t added_ns = atomic_load_explicit(&g_advance_ns, memory_order_relaxed);
    const uint64_t deadline_ns = cpu->deadline_ns > added_ns ? cpu->deadline_ns - added_ns : 0;

    cpu->armed_ns = cpu->deadline_ns;
    cpu->retry_ns = 0;
    timer_host_set(cpu, TIMER_ABSTIME, g_start_ns + min_u64(deadline_ns, FAR_NS), 0);
}

void hal_timer_set(uint64_t deadline_ns)
{
    const hal_irq_t irq = host_enter();
    struct hosted_cpu *cpu = hosted_cpu(hal_cpu_id());

    cpu->deadline_ns = deadline_ns;
    if (deadline_ns < cpu->armed_ns) {
        if (deadline_ns <= hal_clock_ns()) {
            hosted_irq_raise(hal_cpu_id(), HOSTED_IRQ_TIMER); /* found when interrupts go on */
        } else {
            timer_arm(cpu);
        }
    }
    host_exit(irq);
}

bool hosted_timer_due(struct hosted_cpu *cpu)
{
    const bool due = cpu->deadline_ns != HAL_TIMER_NEVER && hal_clock_ns() >= cpu->deadline_ns;

    cpu->armed_ns = HAL_TIMER_NEVER;
    if (due) {
        cpu->deadline_ns = HAL_TIMER_NEVER;
    }
    if (cpu->deadline_ns != HAL_TIMER_NEVER) {
        timer_arm(cpu);
    } else if (cpu->retry_ns != 0) {
        cpu->retry_ns = 0;
        timer_host_set(cpu, 0, 0, 0);
    }
    return due;
}

/* Again and again, until hosted_timer_due() is reached: one signal could strike where it does no
 * good (3). */
NO_SANITIZE void hosted_timer_retry(uint32_t cpu)
{
    struct hosted_cpu *const self = hosted_cpu(cpu);

    self->retry_ns = self->retry_ns == 0 ? RETRY_FIRST_NS : self->retry_ns * 2;
    if (self->retry_ns > RETRY_LAST_NS) {
        self->retry_ns = RETRY_LAST_NS;
    }
    timer_host_set(self, 0, self->retry_ns, RETRY_PERIOD_NS);
}
