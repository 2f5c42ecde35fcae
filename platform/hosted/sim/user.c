/*
 * user.c - waiting for user code, which runs on the host and has no points.
 *
 * User code that makes calls is part of the run: while it runs nothing else does, and no virtual
 * time passes. One that loops without a call would be waited for for ever. After LOOP_NS of
 * CPU time of the host it is cut: the others go on for as much virtual time, in which an interrupt
 * may take the CPU from it; and the run is marked, since where the loop was cut no second run
 * repeats.
 *
 * Invariants:
 *   (1) a run that is not marked took nothing from the host's clocks;
 *   (2) that a stub process has died is noticed here, by whoever waits for one of its threads.
 */
#include <errno.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>

#include "exo/time/clock.h"
#include "sim.h"

#define LOOP_NS (100 * NS_PER_MS) /* of the host's CPU time */
#define POLL_MS 20                /* between two looks at it */

static uint64_t g_cuts;

uint64_t sim_cuts(void)
{
    return g_cuts;
}

/* CPU time of a host process, 0 once it is gone. Its threads but one wait. */
static uint64_t process_ns(int pid)
{
    clockid_t clock;
    struct timespec now;

    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &now) != 0) {
        return 0;
    }
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

static void loop_over(struct sim_event *event)
{
    sim_irq_arrive(event->cpu, HOSTED_IRQ_RESCHED);
}

/* The CPU stays in its user code for as much virtual time as the loop took, or until an interrupt;
 * the others have that time for themselves. */
static void loop_cut(void)
{
    g_cuts++;
    if (g_cuts > g_sim.cuts_max) {
        sim_end(3, "livelock: user code loops without a call (--loops)");
    }
    struct sim_event over = { .cpu = sim_self(), .fire = loop_over };

    sim_event_set(&over, sim_now_ns() + LOOP_NS);
    while (atomic_load_explicit(&sim_percpu->pending, memory_order_relaxed) == 0) {
        g_sim_ready &= ~(1ull << sim_self());
        sim_stop(SIM_AT_IDLE, SIM_CALLER);
    }
    sim_event_cancel(&over);
}

long hosted_user_wait(int listener, int pid, void *notif, bool interruptible)
{
    struct pollfd waits = { .fd = listener, .events = POLLIN };
    uint64_t start_ns = 0;

    if (interruptible && atomic_load_explicit(&sim_percpu->pending, memory_order_relaxed) != 0) {
        return -EINTR;
    }
    for (;;) {
        const int ready = poll(&waits, 1, POLL_MS);

        if (ready > 0 && (waits.revents & POLLIN) != 0) {
            return host_syscall(SYS_ioctl, listener, (long)SECCOMP_IOCTL_NOTIF_RECV, (long)notif,
                                0);
        }
        if (ready > 0) {
            return -ENOENT; /* hung up: the thread has died (2) */
        }
        const uint64_t now_ns = process_ns(pid);

        start_ns = start_ns != 0 ? start_ns : now_ns;
        if (interruptible && now_ns >= start_ns + LOOP_NS) {
            loop_cut();
            return -EINTR;
        }
    }
}
