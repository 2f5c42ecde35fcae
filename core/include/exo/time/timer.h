/*
 * exo/time/timer.h - one-shot timers, a wheel per CPU behind the CPU's one deadline.
 *
 * A timer lives in its owner's storage. Its callback runs once, at or after the deadline, in
 * interrupt context on the CPU that armed it, without any lock of this module; it may arm its own
 * timer again. It must be short and take interrupt-saving locks only. Of equal deadlines the one
 * armed first fires first.
 *
 * Never early; late by no more than the hardware, whoever has interrupts off, and the callbacks of
 * timers due before it, which come TIMER_STEPS_MAX per interrupt. Cost: arming and
 * cancelling O(1), firing O(1) amortised: docs/time.md.
 *
 * Locks:   RANK_TIMER inside.  Context: any but NMI.
 */
#ifndef EXO_TIME_TIMER_H
#define EXO_TIME_TIMER_H

#include <stdatomic.h>

#include "exo/time/clock.h"

#define TIMER_STEPS_MAX 32u /* callbacks in one interrupt, at most; the rest comes in later ones */

struct timer {
    struct timer *next;   /* [q] lock of the CPU that it belongs to; circular within its slot */
    struct timer *prev;   /* [q] */
    uint64_t deadline_ns; /* [q] */
    void (*fire)(struct timer *timer); /* [c] */
    _Atomic uint32_t cpu;              /* [q] whose wheel it belongs to */
    uint16_t slot;                     /* [q] of the wheel, while pending */
    bool pending;                      /* [q] it is in the wheel */
};

void timer_init(struct timer *timer, void (*fire)(struct timer *timer));

/* Fire at `deadline_ns`, at once if that has passed; CLOCK_NEVER only cancels. Replaces the former
 * deadline. The timer moves to this CPU unless its callback is running on another. */
void timer_arm(struct timer *timer, uint64_t deadline_ns);

/* Take it back: true if it was pending, so that the callback will not run. The callback may still
 * be running on another CPU when this returns. */
bool timer_cancel(struct timer *timer);

/* The same, and wait until the callback is not running either: the storage may go afterwards.
 * Locks: none that the callback takes.  Context: not the callback itself. */
bool timer_cancel_sync(struct timer *timer);

/* ---- for the interrupt entry ---- */

void timer_on_interrupt(void); /* this CPU's deadline has passed, or may have */

/* ---- facts, for the monitor ---- */

struct timer_stats {
    uint64_t pending;
    uint64_t fired;
    uint64_t interrupts;
    uint64_t next_ns; /* not after the earliest deadline, CLOCK_NEVER if none */
};

void timer_stats(uint32_t cpu, struct timer_stats *out);

#endif /* EXO_TIME_TIMER_H */
