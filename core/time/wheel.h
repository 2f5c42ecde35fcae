/*
 * wheel.h - the hierarchical wheel behind the timers of one CPU.
 *
 * Eleven levels of 64 slots, level l having slots of 64^l ns, cover the whole clock at its full
 * resolution. A timer lies in the level of the highest digit (base 64) in which its deadline
 * differs from `base_ns`, in the slot of that digit; so whatever is in a lower level comes before
 * whatever is in a higher one, and in a level the slots come in order. Timers of one slot need an
 * order only when the slot is the first: up to WHEEL_SCAN_MAX are compared, more are poured into
 * the lower levels.
 *
 * Locks: none; the owner serialises.  Context: any.
 */
#ifndef EXO_TIME_WHEEL_H
#define EXO_TIME_WHEEL_H

#include "exo/time/timer.h"

#define WHEEL_DIGIT_BITS 6u
#define WHEEL_SLOTS      (1u << WHEEL_DIGIT_BITS)
#define WHEEL_LEVELS     11u /* 11 * 6 bits hold 64 */
#define WHEEL_SCAN_MAX   8u
#define WHEEL_POUR_BATCH 64u

struct wheel {
    uint64_t base_ns;                /* what digits are compared with; never beyond the clock */
    uint64_t occupied[WHEEL_LEVELS]; /* bit s: slot s has timers */
    uint32_t levels;                 /* bit l: occupied[l] is not 0 */
    struct timer *pouring;           /* of the slot that is being poured, first added first */
    uint16_t pouring_slot;           /* its number, while pouring is not NULL */
    struct timer *slot[WHEEL_LEVELS * WHEEL_SLOTS]; /* first added first; NULL: empty */
};

/* Add a timer that is in no wheel; its deadline_ns is set. */
void wheel_add(struct wheel *wheel, struct timer *timer);
void wheel_remove(struct wheel *wheel, struct timer *timer); /* a timer of this wheel */

/* True while more timers of the first slot wait to be poured: call wheel_pour() again before
 * wheel_first() and wheel_next_ns(). Does a bounded part of the work. */
bool wheel_pour(struct wheel *wheel, uint64_t now_ns);

/* The first timer that is due at `now_ns`, not removed; NULL if there is none. */
struct timer *wheel_first(const struct wheel *wheel, uint64_t now_ns);

/* A time not later than the least deadline, and equal to it unless the first slot holds more than
 * WHEEL_SCAN_MAX timers; CLOCK_NEVER if the wheel is empty. */
uint64_t wheel_next_ns(const struct wheel *wheel);

#endif /* EXO_TIME_WHEEL_H */
