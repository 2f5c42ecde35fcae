/*
 * core/ipc/ring_wait.c - sleeping on a ring, waking, closing.
 *
 * A sleeper announces itself in `state`, has all CPUs pass a fence, and looks at its slot once
 * more, in one step with queueing. Who puts or takes stores a sequence and loads `state`. So one of
 * them sees the other: docs/memory-order.md, "Sleeping on a ring".
 *
 * A wake-up is a permit, counted under the ring's lock, and then a wake-up of the first who is
 * queued. Nobody queues while there is a permit, and everybody who leaves takes one along.
 *
 * Invariants while the ring's lock is free:
 *   (1) permits of a side are at most those of its waiting that are not asleep, or about to be
 *       woken; so as long as somebody sleeps and nobody is to wake him, waiting > permits;
 *   (2) `state` has a side's bit exactly if waiting > permits, whatever programs wrote there, from
 *       the next change on;
 *   (3) nothing is decided by what `state` says, which programs can write: it is a hint to call.
 */
#include "exo/sched/fence.h"
#include "exo/sync/address.h"
#include "exo/time/clock.h"

#include "ring_private.h"

struct ring_look {
    struct ring *ring;
    enum ring_side side;
    uint64_t position; /* of a side that belongs to one */
};

static struct address_key key_of(const struct ring *ring, enum ring_side side)
{
    return (struct address_key){ .object = ring, .offset = side * CACHE_LINE };
}

/* Write the kernel's truth into the shared word. */
static void state_publish_locked(struct ring *ring)
{
    const struct ring_end *const end = ring->end;
    uint32_t state = ring->closing;

    spin_assert_held(&ring->lock);
    if (end[RING_PRODUCER].waiting > end[RING_PRODUCER].permits) {
        state |= EXO_RING_PRODUCER_SLEEPS;
    }
    if (end[RING_CONSUMER].waiting > end[RING_CONSUMER].permits) {
        state |= EXO_RING_CONSUMER_SLEEPS;
    }
    /* Release: who finds SEALED by acquire finds the messages that were published before. */
    atomic_store_explicit(&ring->shared->state, state, memory_order_release);
}

/* Where the side goes on. */
static uint64_t position_of(const struct ring_look *look)
{
    const struct exo_ring_shared *const shared = look->ring->shared;

    if (!look->ring->end[look->side].is_for_many) {
        return look->position;
    }
    return atomic_load_explicit(look->side == RING_CONSUMER ? &shared->head : &shared->tail,
                                memory_order_acquire);
}

/* Is there something to do at the sleeper's position? A side for many may also find that others
 * went on, which its next claim will sort out. */
static bool is_ready(const struct ring_look *look)
{
    const struct ring *const ring = look->ring;
    const struct ring_end *const end = &ring->end[look->side];
    const uint64_t ahead = look->side == RING_CONSUMER ? 1 : 0;
    const uint64_t position = position_of(look);
    const uint64_t sequence = atomic_load_explicit(
        &ring->shared->slot[position & end->view.mask].sequence, memory_order_acquire);

    return end->is_for_many ? (int64_t)(sequence - (position + ahead)) >= 0
                            : sequence == position + ahead;
}

/* Has a producer of many drawn a position at or behind the consumer's? It has yet to publish, and
 * what others put behind it counts. */
static bool is_claimed(const struct ring_look *look)
{
    return look->ring->end[RING_PRODUCER].is_for_many &&
           atomic_load_explicit(&look->ring->shared->tail, memory_order_acquire) !=
               position_of(look);
}

/* May it sleep?  Errors: EXO_ERR_BUSY (no: look again), EXO_ERR_DEAD. */
static exo_status_t look_locked(const struct ring_look *look)
{
    const uint32_t closing = look->ring->closing;

    spin_assert_held(&look->ring->lock);
    if (look->side == RING_PRODUCER && closing != 0) {
        return EXO_ERR_DEAD;
    }
    if (is_ready(look)) {
        return EXO_ERR_BUSY;
    }
    return (closing & EXO_RING_SEALED) != 0 && !is_claimed(look) ? EXO_ERR_DEAD : EXO_OK;
}

/* The check of address_wait(). */
static exo_status_t look_before_sleep(void *arg)
{
    const struct ring_look *const look = arg;
    struct ring *const ring = look->ring;
    const hal_irq_t irq = spin_lock_irq(&ring->lock);
    exo_status_t status = look_locked(look);

    if (status == EXO_OK && ring->end[look->side].permits > 0) {
        status = EXO_ERR_BUSY;
    }
    spin_unlock_irq(&ring->lock, irq);
    return status;
}

/* Become a sleeper, if there is reason to.  Errors: as look_locked(), EXO_ERR_TIMED_OUT. */
static exo_status_t announce(const struct ring_look *look, uint64_t deadline_ns)
{
    struct ring *const ring = look->ring;
    struct ring_end *const end = &ring->end[look->side];
    const bool is_late = deadline_ns == 0 || clock_now_ns() >= deadline_ns;
    const hal_irq_t irq = spin_lock_irq(&ring->lock);
    exo_status_t status = look_locked(look);

    /* Also where it is said to be ready: who scribbles could say so for ever. */
    if (is_late && status != EXO_ERR_DEAD) {
        status = EXO_ERR_TIMED_OUT;
    }
    if (status == EXO_OK) {
        end->waiting++;
        end->sleeps++;
        state_publish_locked(ring);
    }
    spin_unlock_irq(&ring->lock, irq);
    return status;
}

static void leave(struct ring *ring, enum ring_side side)
{
    struct ring_end *const end = &ring->end[side];
    const hal_irq_t irq = spin_lock_irq(&ring->lock);

    end->waiting--;
    if (end->permits > 0) {
        end->permits--;
    }
    state_publish_locked(ring);
    spin_unlock_irq(&ring->lock, irq);
}

exo_status_t ring_wait(struct ring *ring, enum ring_side side, uint64_t position,
                       uint64_t deadline_ns)
{
    struct ring_look look = { .ring = ring, .side = side, .position = position };
    exo_status_t status = announce(&look, deadline_ns);

    if (status == EXO_OK) {
        const struct address_key key = key_of(ring, side);
        const struct address_check check = { .fn = look_before_sleep, .arg = &look };

        sched_fence_all();
        status = address_wait(&key, &check, deadline_ns);
        leave(ring, side);
    }
    return status == EXO_ERR_BUSY ? EXO_OK : status;
}

void ring_wake(struct ring *ring, enum ring_side side, uint32_t count)
{
    struct ring_end *const end = &ring->end[side];
    const struct address_key key = key_of(ring, side);
    const hal_irq_t irq = spin_lock_irq(&ring->lock);
    const uint32_t granted = (uint32_t)min_u64(count, end->waiting - end->permits);

    end->permits += granted;
    end->wakes += granted;
    state_publish_locked(ring);
    spin_unlock_irq(&ring->lock, irq);
    if (granted > 0) {
        (void)address_wake(&key, granted);
    }
}

/* Set bits of `closing`; false if they were all set. */
static bool closing_set(struct ring *ring, uint32_t bits)
{
    const hal_irq_t irq = spin_lock_irq(&ring->lock);
    const bool is_new = (ring->closing & bits) != bits;

    ring->closing |= bits;
    state_publish_locked(ring);
    spin_unlock_irq(&ring->lock, irq);
    return is_new;
}

void ring_close(struct ring *ring)
{
    if (!closing_set(ring, EXO_RING_CLOSED)) {
        return;
    }
    /* Who has put a message and not seen CLOSED has published it by then. */
    sched_fence_all();
    (void)closing_set(ring, EXO_RING_SEALED);
    ring_wake(ring, RING_PRODUCER, UINT32_MAX);
    ring_wake(ring, RING_CONSUMER, UINT32_MAX);
}
