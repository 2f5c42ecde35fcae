/*
 * core/ipc/ring.c - ring objects: making one, putting and taking, directly and by capability.
 *
 * Invariants:
 *   (1) what decides addresses and lengths (the kernel's mapping, the mask, the positions of sides
 *       that belong to one) lies in the object, never in the shared memory;
 *   (2) the position of a side for one is used by its owner only. Ownership changes under the lock,
 *       so that the next owner finds the position where the last one left it.
 */
#include "exo/ipc/ring.h"

#include "exo/lib/assert.h"
#include "exo/lib/string.h"
#include "exo/mem/heap.h"
#include "exo/mem/phys.h"
#include "exo/sched/thread.h"

#include "ring_private.h"

static void ring_on_last_cap(struct kobj *object)
{
    ring_close(ring_of(object));
}

static void ring_destroy(struct kobj *object)
{
    struct ring *const ring = ring_of(object);

    KASSERT(ring->end[RING_PRODUCER].waiting == 0);
    KASSERT(ring->end[RING_CONSUMER].waiting == 0);
    vm_object_unref(&ring->pages);
}

static const struct kobj_ops g_ring_ops = {
    .name = "ring",
    .type = EXO_TYPE_RING,
    .rights = RING_RIGHTS,
    .on_last_cap = ring_on_last_cap,
    .destroy = ring_destroy,
};

static exo_status_t pages_frame(struct vm_object *pages, uint64_t offset, paddr_t *out)
{
    const struct ring *const ring = container_of(pages, struct ring, pages);

    if (offset >= ring->frames * PAGE_SIZE) {
        return EXO_ERR_BAD_ADDRESS;
    }
    *out = hal_virt_to_phys(ring->shared) + offset;
    return EXO_OK;
}

/* No area is private. */
static exo_status_t pages_in(struct vm_object *pages, uint64_t offset, uint8_t *page)
{
    (void)pages;
    (void)offset;
    (void)page;
    return EXO_ERR_IO;
}

static void pages_destroy(struct vm_object *pages)
{
    struct ring *const ring = container_of(pages, struct ring, pages);

    phys_free(hal_virt_to_phys(ring->shared), ring->frames);
    heap_free(ring);
}

static const struct vm_object_ops g_pages_ops = { .name = "ring",
                                                  .fault_around = true,
                                                  .page_in = pages_in,
                                                  .frame = pages_frame,
                                                  .destroy = pages_destroy };

struct kobj *ring_object(struct ring *ring)
{
    return &ring->object;
}

struct ring *ring_of(struct kobj *object)
{
    return container_of(object, struct ring, object);
}

const struct ring_spec *ring_spec_of(const struct ring *ring)
{
    return &ring->spec;
}

struct vm_object *ring_pages(struct ring *ring)
{
    return &ring->pages;
}

static bool spec_is_valid(const struct ring_spec *spec)
{
    return exo_ring_slots_valid(spec->slots) &&
           (spec->flags & ~(EXO_RING_MANY_PRODUCERS | EXO_RING_MANY_CONSUMERS)) == 0 &&
           (uint32_t)spec->full <= EXO_RING_FULL_REPLACES &&
           (spec->full != EXO_RING_FULL_REPLACES || (spec->flags & EXO_RING_MANY_CONSUMERS) != 0);
}

static void end_init(struct ring_end *end, struct exo_ring_shared *shared, uint64_t slots,
                     bool is_for_many)
{
    *end = (struct ring_end){ .view = exo_ring_side(shared, slots), .is_for_many = is_for_many };
}

exo_status_t ring_create(const struct ring_spec *spec, struct ring **out)
{
    paddr_t frames = 0;

    if (!spec_is_valid(spec)) {
        return EXO_ERR_INVALID;
    }
    struct ring *const ring = heap_alloc_aligned(sizeof(*ring), CACHE_LINE);

    if (ring == NULL) {
        return EXO_ERR_NO_MEMORY;
    }
    const size_t count = (exo_ring_bytes(spec->slots) + PAGE_SIZE - 1) / PAGE_SIZE;
    const exo_status_t status = phys_alloc(count, 1, &frames);

    if (status != EXO_OK) {
        heap_free(ring);
        return status;
    }
    struct exo_ring_shared *const memory = hal_phys_to_virt(frames);

    memset(memory, 0, count * PAGE_SIZE); /* programs will see it */
    exo_ring_format(memory, spec->slots);
    kobj_init(&ring->object, &g_ring_ops);
    ring->pages.ops = &g_pages_ops;
    atomic_init(&ring->pages.refs, 1);
    ring->shared = memory;
    ring->frames = count;
    ring->spec = *spec;
    atomic_init(&ring->lost, 0);
    spin_init(&ring->lock, RANK_RING);
    ring->closing = 0;
    end_init(&ring->end[RING_PRODUCER], memory, spec->slots,
             (spec->flags & EXO_RING_MANY_PRODUCERS) != 0);
    end_init(&ring->end[RING_CONSUMER], memory, spec->slots,
             (spec->flags & EXO_RING_MANY_CONSUMERS) != 0);
    *out = ring;
    return EXO_OK;
}

/* ---- whose side it is ---- */

exo_status_t ring_attach(struct ring *ring, enum ring_side side)
{
    struct ring_end *const end = &ring->end[side];
    exo_status_t status = EXO_ERR_BUSY;

    if (end->is_for_many) {
        return EXO_ERR_INVALID;
    }
    const hal_irq_t irq = spin_lock_irq(&ring->lock);

    if (atomic_load_explicit(&end->owner, memory_order_relaxed) == NULL) {
        atomic_store_explicit(&end->owner, thread_current(), memory_order_relaxed);
        status = EXO_OK;
    }
    spin_unlock_irq(&ring->lock, irq);
    return status;
}

/* Only the thread itself stores its own address there, so a relaxed look suffices. */
static bool is_mine(const struct ring_end *end)
{
    return atomic_load_explicit(&end->owner, memory_order_relaxed) == thread_current();
}

void ring_detach(struct ring *ring, enum ring_side side)
{
    struct ring_end *const end = &ring->end[side];

    KASSERT(is_mine(end));
    const hal_irq_t irq = spin_lock_irq(&ring->lock);

    atomic_store_explicit(&end->owner, NULL, memory_order_relaxed);
    spin_unlock_irq(&ring->lock, irq);
}

/* ---- putting ---- */

static exo_status_t turn_status(enum exo_ring_turn turn)
{
    switch (turn) {
    case EXO_RING_DONE:
        return EXO_OK;
    case EXO_RING_NOT_NOW:
        return EXO_ERR_TIMED_OUT;
    default:
        return EXO_ERR_BAD_FORMAT;
    }
}

/* The state says that there is more to do than to go on. */
static exo_status_t put_after(struct ring *ring, uint32_t state)
{
    if ((state & EXO_RING_CONSUMER_SLEEPS) != 0) {
        ring_wake(ring, RING_CONSUMER, 1);
    }
    return (state & EXO_RING_CLOSED) != 0 ? EXO_ERR_DEAD : EXO_OK;
}

static exo_status_t put_turn(struct ring *ring, const struct exo_ring_message *message)
{
    struct ring_end *const end = &ring->end[RING_PRODUCER];
    size_t count = 1;

    if (end->is_for_many) {
        return turn_status(exo_ring_put_shared(&end->view, message, &count));
    }
    if (EXO_UNLIKELY(!is_mine(end))) {
        return EXO_ERR_BUSY;
    }
    return exo_ring_put(&end->view, message) ? EXO_OK : EXO_ERR_TIMED_OUT;
}

/* Make room by taking what is oldest, and put. A consumer may be faster, and others may fill the
 * room; that is not for ever, or somebody scribbles. */
static exo_status_t replace_oldest(struct ring *ring, const struct exo_ring_message *message)
{
    for (uint32_t i = 0; i < EXO_RING_TRIES; i++) {
        struct exo_ring_message oldest;
        size_t count = 1;
        const enum exo_ring_turn turn =
            exo_ring_take_shared(&ring->end[RING_CONSUMER].view, &oldest, &count);

        if (turn == EXO_RING_DONE) {
            atomic_fetch_add_explicit(&ring->lost, 1, memory_order_relaxed);
        }
        const exo_status_t status =
            turn == EXO_RING_BROKEN ? EXO_ERR_BAD_FORMAT : put_turn(ring, message);

        if (status != EXO_ERR_TIMED_OUT) {
            return status;
        }
    }
    return EXO_ERR_BAD_FORMAT;
}

/* The ring is full. */
static exo_status_t put_overflow(struct ring *ring, const struct exo_ring_message *message)
{
    switch (ring->spec.full) {
    case EXO_RING_FULL_WAITS:
        return EXO_ERR_TIMED_OUT;
    case EXO_RING_FULL_REFUSES:
        return EXO_ERR_NO_RESOURCES;
    case EXO_RING_FULL_DROPS:
        atomic_fetch_add_explicit(&ring->lost, 1, memory_order_relaxed);
        return EXO_OK;
    default:
        return replace_oldest(ring, message);
    }
}

exo_status_t ring_try_put(struct ring *ring, const struct exo_ring_message *message)
{
    const uint32_t before = atomic_load_explicit(&ring->shared->state, memory_order_relaxed);

    if (EXO_UNLIKELY((before & EXO_RING_CLOSED) != 0)) {
        return EXO_ERR_DEAD;
    }
    exo_status_t status = put_turn(ring, message);

    if (EXO_UNLIKELY(status == EXO_ERR_TIMED_OUT)) {
        status = put_overflow(ring, message);
    }
    if (EXO_UNLIKELY(status != EXO_OK)) {
        return status;
    }
    const uint32_t state = exo_ring_state_after(ring->shared);

    return EXO_UNLIKELY(state & (EXO_RING_CONSUMER_SLEEPS | EXO_RING_CLOSED))
               ? put_after(ring, state)
               : EXO_OK;
}

/* A thread that is killed leaves, also where scribbling keeps it from ever sleeping. */
static exo_status_t wait_turn(struct ring *ring, enum ring_side side, uint64_t deadline_ns)
{
    if (thread_is_killed(thread_current())) {
        return EXO_ERR_INTERRUPTED;
    }
    return ring_wait(ring, side, ring->end[side].view.position, deadline_ns);
}

exo_status_t ring_put(struct ring *ring, const struct exo_ring_message *message,
                      uint64_t deadline_ns)
{
    exo_status_t status = ring_try_put(ring, message);

    while (status == EXO_ERR_TIMED_OUT) {
        status = wait_turn(ring, RING_PRODUCER, deadline_ns);
        if (status != EXO_OK) {
            return status;
        }
        status = ring_try_put(ring, message);
    }
    return status;
}

/* ---- taking ---- */

exo_status_t ring_try_take(struct ring *ring, struct exo_ring_message *message)
{
    struct ring_end *const end = &ring->end[RING_CONSUMER];
    size_t count = 1;
    exo_status_t status = EXO_ERR_BUSY;

    if (end->is_for_many) {
        status = turn_status(exo_ring_take_shared(&end->view, message, &count));
    } else if (EXO_LIKELY(is_mine(end))) {
        status = exo_ring_take(&end->view, message) ? EXO_OK : EXO_ERR_TIMED_OUT;
    }
    if (EXO_UNLIKELY(status != EXO_OK)) {
        return status;
    }
    if (EXO_UNLIKELY(exo_ring_state_after(ring->shared) & EXO_RING_PRODUCER_SLEEPS)) {
        ring_wake(ring, RING_PRODUCER, 1);
    }
    return EXO_OK;
}

exo_status_t ring_take(struct ring *ring, struct exo_ring_message *message, uint64_t deadline_ns)
{
    exo_status_t status = ring_try_take(ring, message);

    while (status == EXO_ERR_TIMED_OUT) {
        status = wait_turn(ring, RING_CONSUMER, deadline_ns);
        if (status != EXO_OK) {
            return status;
        }
        status = ring_try_take(ring, message);
    }
    return status;
}

/* ---- by capability ---- */

exo_status_t ring_cap_put(const struct cap_space *space, exo_cap_t cap,
                          const struct exo_ring_message *message, uint64_t deadline_ns)
{
    struct kobj *object = NULL;

    epoch_enter();
    exo_status_t status = cap_lookup(space, cap, EXO_TYPE_RING, EXO_RIGHT_RING_PUT, &object);

    if (EXO_LIKELY(status == EXO_OK)) {
        status = ring_try_put(ring_of(object), message);
        if (EXO_UNLIKELY(status == EXO_ERR_TIMED_OUT) && !kobj_try_ref(object)) {
            status = EXO_ERR_BAD_CAP;
        }
    }
    epoch_exit();
    if (EXO_UNLIKELY(status == EXO_ERR_TIMED_OUT)) {
        status = ring_put(ring_of(object), message, deadline_ns);
        kobj_unref(object);
    }
    return status;
}

exo_status_t ring_cap_take(const struct cap_space *space, exo_cap_t cap,
                           struct exo_ring_message *message, uint64_t deadline_ns)
{
    struct kobj *object = NULL;

    epoch_enter();
    exo_status_t status = cap_lookup(space, cap, EXO_TYPE_RING, EXO_RIGHT_RING_TAKE, &object);

    if (EXO_LIKELY(status == EXO_OK)) {
        status = ring_try_take(ring_of(object), message);
        if (EXO_UNLIKELY(status == EXO_ERR_TIMED_OUT) && !kobj_try_ref(object)) {
            status = EXO_ERR_BAD_CAP;
        }
    }
    epoch_exit();
    if (EXO_UNLIKELY(status == EXO_ERR_TIMED_OUT)) {
        status = ring_take(ring_of(object), message, deadline_ns);
        kobj_unref(object);
    }
    return status;
}

void ring_stats(struct ring *ring, struct ring_stats *out)
{
    const hal_irq_t irq = spin_lock_irq(&ring->lock);

    for (uint32_t side = 0; side < RING_SIDES; side++) {
        out->sleeps[side] = ring->end[side].sleeps;
        out->wakes[side] = ring->end[side].wakes;
    }
    out->lost = atomic_load_explicit(&ring->lost, memory_order_relaxed);
    spin_unlock_irq(&ring->lock, irq);
}
