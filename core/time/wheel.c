/*
 * core/time/wheel.c - a hierarchical timer wheel that finds the exact least.
 *
 * Invariants between calls, with key(t) = max(t->deadline_ns, base_ns):
 *   (1) base_ns <= the clock, and only grows. So no timer is held back by it: what has a deadline
 *       before base_ns is due;
 *   (2) while nothing is being poured, a timer lies in slot digit(key, l) of level l, where l is
 *       the highest digit in which key and base_ns differ (0 if none does). base_ns moves only to
 *       the start of the first slot, which is then poured, or to a time before every slot's start:
 *       neither changes anybody else's level;
 *   (3) while a slot is being poured (`pouring`), base_ns lies in it and every timer added goes
 *       behind the others there: timers with equal deadlines keep the order of their adding;
 *   (4) occupied and levels have exactly the bits of the slots that are not empty.
 */
#include "wheel.h"

#include "exo/lib/assert.h"

_Static_assert(WHEEL_LEVELS *WHEEL_DIGIT_BITS >= 64, "the wheel covers the clock");
_Static_assert(WHEEL_LEVELS *WHEEL_SLOTS <= UINT16_MAX, "a slot's number fits its field");

/* Circular lists whose first is named by *list. */
static void list_append(struct timer **list, struct timer *timer)
{
    struct timer *const first = *list;

    if (first == NULL) {
        timer->next = timer;
        timer->prev = timer;
        *list = timer;
        return;
    }
    timer->next = first;
    timer->prev = first->prev;
    first->prev->next = timer;
    first->prev = timer;
}

static void list_take(struct timer **list, struct timer *timer)
{
    if (timer->next == timer) {
        *list = NULL;
        return;
    }
    timer->next->prev = timer->prev;
    timer->prev->next = timer->next;
    if (*list == timer) {
        *list = timer->next;
    }
}

static void slot_mark_empty(struct wheel *wheel, uint32_t at)
{
    const uint32_t level = at / WHEEL_SLOTS;

    wheel->occupied[level] &= ~(UINT64_C(1) << at % WHEEL_SLOTS);
    if (wheel->occupied[level] == 0) {
        wheel->levels &= ~(1u << level);
    }
}

/* Where a timer with this deadline lies, invariant (2). */
static uint32_t place(const struct wheel *wheel, uint64_t deadline_ns)
{
    const uint64_t key = max_u64(deadline_ns, wheel->base_ns);
    const uint64_t differ = key ^ wheel->base_ns;
    const uint32_t highest = differ == 0 ? 0 : 63 - (uint32_t)__builtin_clzll(differ);
    const uint32_t level = highest / WHEEL_DIGIT_BITS;

    return level * WHEEL_SLOTS + (uint32_t)(key >> level * WHEEL_DIGIT_BITS & (WHEEL_SLOTS - 1));
}

static void add_to_slot(struct wheel *wheel, struct timer *timer)
{
    const uint32_t at = place(wheel, timer->deadline_ns);

    timer->slot = (uint16_t)at;
    wheel->occupied[at / WHEEL_SLOTS] |= UINT64_C(1) << at % WHEEL_SLOTS;
    wheel->levels |= 1u << at / WHEEL_SLOTS;
    list_append(&wheel->slot[at], timer);
}

void wheel_add(struct wheel *wheel, struct timer *timer)
{
    if (wheel->pouring != NULL) {
        timer->slot = wheel->pouring_slot;
        list_append(&wheel->pouring, timer);
        return;
    }
    add_to_slot(wheel, timer);
}

void wheel_remove(struct wheel *wheel, struct timer *timer)
{
    const uint32_t at = timer->slot;

    if (wheel->pouring != NULL && at == wheel->pouring_slot) {
        list_take(&wheel->pouring, timer);
        return;
    }
    list_take(&wheel->slot[at], timer);
    if (wheel->slot[at] == NULL) {
        slot_mark_empty(wheel, at);
    }
}

/* Number of the first slot with timers; there is one. */
static uint32_t first_slot(const struct wheel *wheel)
{
    const uint32_t level = (uint32_t)__builtin_ctz(wheel->levels);

    return level * WHEEL_SLOTS + (uint32_t)__builtin_ctzll(wheel->occupied[level]);
}

/* Least key that belongs into slot `at`: the digits of base_ns above, the slot's, zeros below. */
static uint64_t slot_start_ns(const struct wheel *wheel, uint32_t at)
{
    const uint32_t shift = at / WHEEL_SLOTS * WHEEL_DIGIT_BITS;
    const uint64_t digit = (uint64_t)(at % WHEEL_SLOTS) << shift;

    if (shift + WHEEL_DIGIT_BITS >= 64) {
        return digit; /* no digit is above */
    }
    return (wheel->base_ns >> (shift + WHEEL_DIGIT_BITS) << (shift + WHEEL_DIGIT_BITS)) | digit;
}

/* The least of a slot, of equal ones the first added; NULL if the slot holds too many to compare,
 * unless it is of level 0, whose slots hold equal keys. */
static struct timer *slot_least(const struct wheel *wheel, uint32_t at)
{
    struct timer *const first = wheel->slot[at];
    struct timer *least = first;
    struct timer *timer = first->next;

    if (at < WHEEL_SLOTS) {
        return first;
    }
    for (uint32_t i = 1; timer != first; i++, timer = timer->next) {
        if (i == WHEEL_SCAN_MAX) {
            return NULL;
        }
        if (timer->deadline_ns < least->deadline_ns) {
            least = timer;
        }
    }
    return least;
}

/* Begin to pour the first slot if it has begun and holds too many to compare. */
static void pour_begin(struct wheel *wheel, uint64_t now_ns)
{
    if (wheel->levels == 0) {
        wheel->base_ns = max_u64(wheel->base_ns, now_ns);
        return;
    }
    const uint32_t at = first_slot(wheel);
    const uint64_t start_ns = slot_start_ns(wheel, at);

    if (start_ns > now_ns) {
        wheel->base_ns = max_u64(wheel->base_ns, now_ns); /* before every slot's start, (2) */
        return;
    }
    if (slot_least(wheel, at) != NULL) {
        return;
    }
    wheel->base_ns = max_u64(wheel->base_ns, start_ns);
    wheel->pouring = wheel->slot[at];
    wheel->pouring_slot = (uint16_t)at;
    wheel->slot[at] = NULL;
    slot_mark_empty(wheel, at);
}

bool wheel_pour(struct wheel *wheel, uint64_t now_ns)
{
    if (wheel->pouring == NULL) {
        pour_begin(wheel, now_ns);
        if (wheel->pouring == NULL) {
            return false;
        }
    }
    for (uint32_t i = 0; i < WHEEL_POUR_BATCH && wheel->pouring != NULL; i++) {
        struct timer *const timer = wheel->pouring;

        list_take(&wheel->pouring, timer);
        add_to_slot(wheel, timer); /* of a lower level: base_ns has the poured slot's digit */
    }
    return true;
}

struct timer *wheel_first(const struct wheel *wheel, uint64_t now_ns)
{
    KASSERT_DEBUG(wheel->pouring == NULL);
    if (wheel->levels == 0) {
        return NULL;
    }
    struct timer *const least = slot_least(wheel, first_slot(wheel));

    return least != NULL && least->deadline_ns <= now_ns ? least : NULL;
}

uint64_t wheel_next_ns(const struct wheel *wheel)
{
    if (wheel->pouring != NULL) {
        return wheel->base_ns;
    }
    if (wheel->levels == 0) {
        return CLOCK_NEVER;
    }
    const uint32_t at = first_slot(wheel);
    const struct timer *const least = slot_least(wheel, at);

    return least != NULL ? least->deadline_ns : slot_start_ns(wheel, at);
}
