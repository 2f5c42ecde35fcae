/*
 * exo/abi/ring_ops.h - Fusion Rings: messages of 56 bytes between two sides that share memory, or
 * many on each side. One text for the kernel and for programs.
 *
 * A ring is a power-of-two array of 64-byte slots, each a sequence word and 56 bytes of payload.
 * The sequence says whose turn the slot is at position p (p grows for ever, its slot is p modulo
 * the number of slots): p means free for the producer, p + 1 means full for the consumer, who
 * leaves p + slots behind.
 *
 * One producer (exo_ring_put) keeps its position to itself, one consumer (exo_ring_take) too: they
 * share nothing but slots. Many producers (exo_ring_put_shared) draw positions from `tail`, many
 * consumers from `head`, each on a cache line of its own. Each side chooses for itself, but all
 * producers of a ring alike, and all consumers.
 *
 * Invariants:
 *   (1) nothing that another side can write becomes an address, a length or a number of turns: the
 *       index is masked by what this side keeps, and tries are bounded (EXO_RING_TRIES). Who
 *       scribbles over the shared words stops the traffic of this ring, no more;
 *   (2) a payload is read once, into the caller's memory. What it says is for the caller to check;
 *   (3) a sequence is released after the payload was written, or read, and acquired before;
 *   (4) `state` is the kernel's to write. Who has put or taken looks at it afterwards
 *       (exo_ring_state_after) and calls the kernel if the other side sleeps. The sleeper sets its
 *       bit, has all CPUs pass a fence, and looks at its slot again.
 *
 * Locks: none.  Context: any.  Memory order: docs/memory-order.md.  Spec: design.md section 7.
 */
#ifndef EXO_ABI_RING_OPS_H
#define EXO_ABI_RING_OPS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EXO_RING_LINE          64u
#define EXO_RING_WORDS         7u /* of payload */
#define EXO_RING_PAYLOAD_BYTES 56u
#define EXO_RING_SLOTS_DEFAULT 4096u
#define EXO_RING_SLOTS_MAX     (1u << 24)
#define EXO_RING_TRIES         4096u /* lost races for a position before a side gives up */

struct exo_ring_message {
    uint64_t word[EXO_RING_WORDS];
};

struct exo_ring_slot {
    _Alignas(EXO_RING_LINE) _Atomic uint64_t sequence;
    uint64_t payload[EXO_RING_WORDS];
};

/* Bits of `state`. A message put by who found no CLOSED afterwards is in the ring before SEALED is
 * set; who finds SEALED, and then no message, has had all of them. */
#define EXO_RING_PRODUCER_SLEEPS 1u
#define EXO_RING_CONSUMER_SLEEPS 2u
#define EXO_RING_CLOSED          4u /* no more puts */
#define EXO_RING_SEALED          8u /* and none is under way */

/* What the sides share: begins at a page. */
struct exo_ring_shared {
    _Alignas(EXO_RING_LINE) _Atomic uint64_t tail;  /* next position of many producers */
    _Alignas(EXO_RING_LINE) _Atomic uint64_t head;  /* next position of many consumers */
    _Alignas(EXO_RING_LINE) _Atomic uint32_t state; /* EXO_RING_* bits, below */
    struct exo_ring_slot slot[];
};

/* What one side keeps to itself. */
struct exo_ring {
    struct exo_ring_shared *shared;
    uint64_t mask;     /* slots - 1 */
    uint64_t position; /* of the only producer, or the only consumer; unused by shared sides */
};

_Static_assert(sizeof(struct exo_ring_message) == EXO_RING_PAYLOAD_BYTES, "a message fits a slot");
_Static_assert(sizeof(struct exo_ring_slot) == EXO_RING_LINE, "a slot is a line");

static inline bool exo_ring_slots_valid(uint64_t slots)
{
    return slots >= 2 && slots <= EXO_RING_SLOTS_MAX && (slots & (slots - 1)) == 0;
}

/* How much memory a ring of so many slots takes. */
static inline size_t exo_ring_bytes(uint64_t slots)
{
    return sizeof(struct exo_ring_shared) + slots * sizeof(struct exo_ring_slot);
}

/* Make an empty ring of `slots` (exo_ring_slots_valid) in exo_ring_bytes() of memory that nobody
 * else looks at yet. */
static inline void exo_ring_format(struct exo_ring_shared *shared, uint64_t slots)
{
    atomic_store_explicit(&shared->tail, 0, memory_order_relaxed);
    atomic_store_explicit(&shared->head, 0, memory_order_relaxed);
    atomic_store_explicit(&shared->state, 0, memory_order_relaxed);
    for (uint64_t i = 0; i < slots; i++) {
        atomic_store_explicit(&shared->slot[i].sequence, i, memory_order_relaxed);
    }
}

/* One side of an empty ring. `slots` comes from who made it, never out of the shared memory. */
static inline struct exo_ring exo_ring_side(struct exo_ring_shared *shared, uint64_t slots)
{
    return (struct exo_ring){ .shared = shared, .mask = slots - 1, .position = 0 };
}

/* ---- one slot ---- */

/* Word by word, each read or written once: the other side may scribble meanwhile. */
static inline void exo_ring_payload_write(struct exo_ring_slot *slot,
                                          const struct exo_ring_message *message)
{
    volatile uint64_t *const payload = slot->payload;

    for (size_t i = 0; i < EXO_RING_WORDS; i++) {
        payload[i] = message->word[i];
    }
}

static inline void exo_ring_payload_read(const struct exo_ring_slot *slot,
                                         struct exo_ring_message *message)
{
    const volatile uint64_t *const payload = slot->payload;

    for (size_t i = 0; i < EXO_RING_WORDS; i++) {
        message->word[i] = payload[i];
    }
}

static inline bool exo_ring_slot_is(const struct exo_ring_slot *slot, uint64_t sequence)
{
    return atomic_load_explicit(&slot->sequence, memory_order_acquire) == sequence;
}

static inline void exo_ring_slot_pass(struct exo_ring_slot *slot, uint64_t sequence)
{
    atomic_store_explicit(&slot->sequence, sequence, memory_order_release);
}

/* The state after a put or a take. The compiler keeps the load behind the store of the sequence;
 * the CPU need not: docs/memory-order.md, "Sleeping on a ring". */
static inline uint32_t exo_ring_state_after(const struct exo_ring_shared *shared)
{
    atomic_signal_fence(memory_order_seq_cst);
    return atomic_load_explicit(&shared->state, memory_order_relaxed);
}

/* ---- one producer, one consumer ---- */

/* Put a message in; false if the ring is full. */
static inline bool exo_ring_put(struct exo_ring *ring, const struct exo_ring_message *message)
{
    const uint64_t position = ring->position;
    struct exo_ring_slot *const slot = &ring->shared->slot[position & ring->mask];

    if (!exo_ring_slot_is(slot, position)) {
        return false;
    }
    exo_ring_payload_write(slot, message);
    exo_ring_slot_pass(slot, position + 1);
    ring->position = position + 1;
    return true;
}

/* Take the oldest message out; false if the ring is empty. */
static inline bool exo_ring_take(struct exo_ring *ring, struct exo_ring_message *message)
{
    const uint64_t position = ring->position;
    struct exo_ring_slot *const slot = &ring->shared->slot[position & ring->mask];

    if (!exo_ring_slot_is(slot, position + 1)) {
        return false;
    }
    exo_ring_payload_read(slot, message);
    exo_ring_slot_pass(slot, position + ring->mask + 1);
    ring->position = position + 1;
    return true;
}

/* Put up to `count` messages in; returns how many there was room for. The first is published last,
 * so that the consumer finds the whole batch at once. */
static inline size_t exo_ring_put_many(struct exo_ring *ring,
                                       const struct exo_ring_message *message, size_t count)
{
    const uint64_t position = ring->position;
    struct exo_ring_slot *const slots = ring->shared->slot;
    size_t room = 0;

    while (room < count &&
           exo_ring_slot_is(&slots[(position + room) & ring->mask], position + room)) {
        exo_ring_payload_write(&slots[(position + room) & ring->mask], &message[room]);
        room++;
    }
    for (size_t i = room; i > 0; i--) {
        exo_ring_slot_pass(&slots[(position + i - 1) & ring->mask], position + i);
    }
    ring->position = position + room;
    return room;
}

/* Take up to `count` messages out; returns how many there were. */
static inline size_t exo_ring_take_many(struct exo_ring *ring, struct exo_ring_message *message,
                                        size_t count)
{
    size_t taken = 0;

    while (taken < count && exo_ring_take(ring, &message[taken])) {
        taken++;
    }
    return taken;
}

/* ---- many producers, many consumers ---- */

enum exo_ring_turn {
    EXO_RING_DONE,
    EXO_RING_NOT_NOW, /* full, or empty */
    EXO_RING_BROKEN,  /* EXO_RING_TRIES were lost: somebody scribbles, or the machine is unfair */
};

/* Claim up to *count positions in a row from `next`, whose slots' sequences are `ahead` of them;
 * *first and *count tell which. */
static inline enum exo_ring_turn exo_ring_claim(const struct exo_ring *ring, _Atomic uint64_t *next,
                                                uint64_t ahead, uint64_t *first, size_t *count)
{
    const struct exo_ring_slot *const slots = ring->shared->slot;
    /* Acquire: what was published before the claim that this follows is seen. */
    uint64_t position = atomic_load_explicit(next, memory_order_acquire);

    for (uint32_t i = 0; i < EXO_RING_TRIES; i++) {
        const uint64_t sequence =
            atomic_load_explicit(&slots[position & ring->mask].sequence, memory_order_acquire);

        if (sequence == position + ahead) {
            size_t ready = 1;

            while (ready < *count && exo_ring_slot_is(&slots[(position + ready) & ring->mask],
                                                      position + ready + ahead)) {
                ready++;
            }
            if (atomic_compare_exchange_weak_explicit(next, &position, position + ready,
                                                      memory_order_acq_rel, memory_order_acquire)) {
                *first = position;
                *count = ready;
                return EXO_RING_DONE;
            }
        } else if ((int64_t)(sequence - (position + ahead)) < 0) {
            return EXO_RING_NOT_NOW;
        } else {
            position = atomic_load_explicit(next, memory_order_acquire); /* others went on */
        }
    }
    return EXO_RING_BROKEN;
}

/* Put up to *count messages in, in a row; *count tells how many. */
static inline enum exo_ring_turn exo_ring_put_shared(const struct exo_ring *ring,
                                                     const struct exo_ring_message *message,
                                                     size_t *count)
{
    uint64_t first = 0;
    const enum exo_ring_turn turn = exo_ring_claim(ring, &ring->shared->tail, 0, &first, count);

    if (turn != EXO_RING_DONE) {
        *count = 0;
        return turn;
    }
    for (size_t i = 0; i < *count; i++) {
        struct exo_ring_slot *const slot = &ring->shared->slot[(first + i) & ring->mask];

        exo_ring_payload_write(slot, &message[i]);
        exo_ring_slot_pass(slot, first + i + 1);
    }
    return EXO_RING_DONE;
}

/* Take up to *count messages out, in a row; *count tells how many. */
static inline enum exo_ring_turn exo_ring_take_shared(const struct exo_ring *ring,
                                                      struct exo_ring_message *message,
                                                      size_t *count)
{
    uint64_t first = 0;
    const enum exo_ring_turn turn = exo_ring_claim(ring, &ring->shared->head, 1, &first, count);

    if (turn != EXO_RING_DONE) {
        *count = 0;
        return turn;
    }
    for (size_t i = 0; i < *count; i++) {
        struct exo_ring_slot *const slot = &ring->shared->slot[(first + i) & ring->mask];

        exo_ring_payload_read(slot, &message[i]);
        exo_ring_slot_pass(slot, first + i + ring->mask + 1);
    }
    return EXO_RING_DONE;
}

#endif /* EXO_ABI_RING_OPS_H */
