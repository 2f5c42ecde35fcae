/*
 * exo/ipc/ring.h - ring objects: Fusion Rings that sleep, wake, close, and have capabilities.
 *
 * The ring itself is that of exo/abi/ring_ops.h. Around it the object adds who may use which side,
 * what happens when it is full, sleeping until there is room or a message, and an end. A side for
 * one thread belongs to the thread that attached to it; one for many to everybody with the right.
 * The last capability's end closes the ring.
 *
 * Owns:    ring_create() returns one reference of ring_object().
 * Locks:   RANK_RING and RANK_WAIT_BUCKET inside.
 * Spec:    design.md section 7; docs/rings.md.
 */
#ifndef EXO_IPC_RING_H
#define EXO_IPC_RING_H

#include "exo/abi/ring.h"
#include "exo/abi/status.h"
#include "exo/cap/cap.h"
#include "exo/sync/kobj.h"

struct vm_object;
struct ring; /* opaque; layout private to core/ipc */

#define RING_RIGHTS                                                                                \
    (EXO_RIGHTS_COMMON | EXO_RIGHT_RING_PUT | EXO_RIGHT_RING_TAKE | EXO_RIGHT_RING_CLOSE |         \
     EXO_RIGHT_RING_MAP)

enum ring_side {
    RING_PRODUCER = EXO_RING_PRODUCER,
    RING_CONSUMER = EXO_RING_CONSUMER,
    RING_SIDES,
};

struct ring_spec {
    uint64_t slots;          /* exo_ring_slots_valid() */
    uint32_t flags;          /* EXO_RING_MANY_* */
    enum exo_ring_full full; /* what a put does to a full ring */
};

/* Make an empty ring.  Context: thread, may block.
 * Errors: EXO_ERR_INVALID (slots, flags, REPLACES without MANY_CONSUMERS), EXO_ERR_NO_MEMORY. */
EXO_MUST_CHECK exo_status_t ring_create(const struct ring_spec *spec, struct ring **out);

/* The object for capabilities and references; and back, of an object of EXO_TYPE_RING. */
struct kobj *ring_object(struct ring *ring);
struct ring *ring_of(struct kobj *object);

/* What it was made with; what areas show of it, exo_ring_bytes() long, to be shared. Borrowed. */
const struct ring_spec *ring_spec_of(const struct ring *ring);
struct vm_object *ring_pages(struct ring *ring);

/* Make the calling thread the only producer, or consumer, until ring_detach(), which only it may
 * call. Messages stay.  Errors: EXO_ERR_BUSY (another thread is), EXO_ERR_INVALID (the side is for
 * many). */
EXO_MUST_CHECK exo_status_t ring_attach(struct ring *ring, enum ring_side side);
void ring_detach(struct ring *ring, enum ring_side side);

/* Put a message in, or take the oldest out, now.
 * Context: thread; any with preemption off, for a side for many.
 * Errors: EXO_ERR_TIMED_OUT (full and it waits when full; empty), EXO_ERR_NO_RESOURCES (full and it
 *         refuses), EXO_ERR_DEAD (closed; a put that met the closing may have been taken),
 *         EXO_ERR_BUSY (the side is not this thread's), EXO_ERR_BAD_FORMAT (somebody scribbles). */
EXO_MUST_CHECK exo_status_t ring_try_put(struct ring *ring, const struct exo_ring_message *message);
EXO_MUST_CHECK exo_status_t ring_try_take(struct ring *ring, struct exo_ring_message *message);

/* The same, sleeping until deadline_ns on the clock; 0: not at all.
 * Context: thread, may block.  Errors: also EXO_ERR_INTERRUPTED. */
EXO_MUST_CHECK exo_status_t ring_put(struct ring *ring, const struct exo_ring_message *message,
                                     uint64_t deadline_ns);
EXO_MUST_CHECK exo_status_t ring_take(struct ring *ring, struct exo_ring_message *message,
                                      uint64_t deadline_ns);

/* The same by capability, with EXO_RIGHT_RING_PUT or _TAKE. Who sleeps holds a reference, and wakes
 * with EXO_ERR_DEAD if the last capability goes.  Errors: also those of cap_lookup(). */
EXO_MUST_CHECK exo_status_t ring_cap_put(const struct cap_space *space, exo_cap_t cap,
                                         const struct exo_ring_message *message,
                                         uint64_t deadline_ns);
EXO_MUST_CHECK exo_status_t ring_cap_take(const struct cap_space *space, exo_cap_t cap,
                                          struct exo_ring_message *message, uint64_t deadline_ns);

/* ---- sleeping, for those who put and take by themselves ---- */

/* Sleep until there may be room, or a message: at `position` for a side that belongs to one, at the
 * next position for one of many. EXO_OK: look again.
 * Context: thread, may block; interrupts all CPUs once.
 * Errors: EXO_ERR_DEAD (closed, and for the consumer nothing is left), EXO_ERR_TIMED_OUT,
 *         EXO_ERR_INTERRUPTED. */
EXO_MUST_CHECK exo_status_t ring_wait(struct ring *ring, enum ring_side side, uint64_t position,
                                      uint64_t deadline_ns);

/* Wake up to `count` of those that sleep on `side`.  Context: any but NMI. */
void ring_wake(struct ring *ring, enum ring_side side, uint32_t count);

/* Let no more messages in; those inside can be taken. All sleepers wake. Again is a no-op.
 * Context: thread, may block. */
void ring_close(struct ring *ring);

struct ring_stats {
    uint64_t sleeps[RING_SIDES]; /* calls that announced themselves as sleepers */
    uint64_t wakes[RING_SIDES];  /* sleepers that were let go */
    uint64_t lost;               /* messages dropped or replaced */
};
void ring_stats(struct ring *ring, struct ring_stats *out);

#endif /* EXO_IPC_RING_H */
