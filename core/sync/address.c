/*
 * core/sync/address.c - waiters on addresses, in hashed buckets.
 *
 * Invariants while the bucket's lock is free:
 *   (1) a linked waiter is in the bucket that its `bucket` names, and its key hashes there; one
 *       that is not linked has been woken;
 *   (2) `bucket` and `key` change only under the locks of both the old and the new bucket;
 *   (3) a waiter takes its bucket's lock before it returns, so its storage outlasts every waker's
 *       look at it;
 *   (4) of two buckets, the one with the lower address is locked first.
 * Waking walks the bucket's list, which holds others' waiters too, a batch of wake-ups per time
 * that the lock is held; who comes meanwhile may be woken in place of one who was there.
 */
#include "exo/sync/address.h"

#include "exo/lib/assert.h"

#include "grant.h"

#define BUCKET_BITS 8u
#define BUCKETS     (1u << BUCKET_BITS)

struct bucket {
    struct spinlock lock;
    struct list_node
        waiters; /* [lock] struct waiter.node, first come first; next NULL: not begun */
} EXO_ALIGNED(CACHE_LINE);

struct waiter {
    struct list_node node;           /* [bucket's lock] */
    struct thread *thread;           /* [c] */
    struct address_key key;          /* [bucket's lock] */
    _Atomic(struct bucket *) bucket; /* written under both locks, read to find the lock */
};

static struct bucket g_bucket[BUCKETS] = {
    [0 ... BUCKETS - 1] = { .lock = SPINLOCK_INIT(RANK_WAIT_BUCKET) },
};

static struct bucket *bucket_of(const struct address_key *key)
{
    const uint64_t word = ((uint64_t)(uintptr_t)key->object >> 4) + (key->offset >> 2);

    /* Fibonacci hashing: the top bits of the product depend on all bits. */
    return &g_bucket[word * 0x9e3779b97f4a7c15u >> (64 - BUCKET_BITS)];
}

static bool same_key(const struct address_key *a, const struct address_key *b)
{
    return a->object == b->object && a->offset == b->offset;
}

/* Lists are begun at their first use: they point to themselves, which no initializer of a range
 * can say. */
static hal_irq_t bucket_lock(struct bucket *bucket)
{
    const hal_irq_t irq = spin_lock_irq(&bucket->lock);

    if (bucket->waiters.next == NULL) {
        list_init(&bucket->waiters);
    }
    return irq;
}

static exo_status_t check_run(const struct address_check *check)
{
    return check->fn == NULL ? EXO_OK : check->fn(check->arg);
}

/* Lock the bucket that `waiter` is or was last in. */
static struct bucket *lock_bucket_of(struct waiter *waiter, hal_irq_t *irq)
{
    for (;;) {
        struct bucket *const bucket = atomic_load_explicit(&waiter->bucket, memory_order_relaxed);

        *irq = bucket_lock(bucket);
        /* Only holders of this lock move it away, so a second look settles it. */
        if (atomic_load_explicit(&waiter->bucket, memory_order_relaxed) == bucket) {
            return bucket;
        }
        spin_unlock_irq(&bucket->lock, *irq);
    }
}

/* Sleep until woken or the wait ends otherwise; the waiter is in no bucket afterwards. */
static exo_status_t sleep(struct waiter *waiter, uint64_t deadline_ns)
{
    for (;;) {
        const exo_status_t parked = sync_park_interruptible(deadline_ns);
        hal_irq_t irq;
        struct bucket *const bucket = lock_bucket_of(waiter, &irq);
        const bool woken = !list_is_linked(&waiter->node);

        if (!woken && parked != EXO_OK) {
            list_remove(&waiter->node);
        }
        spin_unlock_irq(&bucket->lock, irq);
        if (woken) {
            return EXO_OK;
        }
        if (parked != EXO_OK) {
            return parked;
        }
    }
}

exo_status_t address_wait(const struct address_key *key, const struct address_check *check,
                          uint64_t deadline_ns)
{
    struct bucket *const bucket = bucket_of(key);
    struct waiter waiter = { .thread = hal_current(), .key = *key };

    assert_may_block("address_wait");
    atomic_init(&waiter.bucket, bucket);
    const hal_irq_t irq = bucket_lock(bucket);
    const exo_status_t status = check_run(check);

    if (status == EXO_OK) {
        list_add_tail(&bucket->waiters, &waiter.node);
    }
    spin_unlock_irq(&bucket->lock, irq);
    return status == EXO_OK ? sleep(&waiter, deadline_ns) : status;
}

/* Wake at most `max` of `key` in `bucket`; returns how many. */
static uint32_t wake_locked(struct bucket *bucket, const struct address_key *key, uint32_t max)
{
    uint32_t count = 0;
    struct list_node *node = bucket->waiters.next;

    spin_assert_held(&bucket->lock);
    while (node != &bucket->waiters && count < max) {
        struct waiter *const waiter = container_of(node, struct waiter, node);

        node = node->next;
        if (same_key(&waiter->key, key)) {
            list_remove(&waiter->node);
            sync_unpark(waiter->thread);
            count++;
        }
    }
    return count;
}

uint32_t address_wake(const struct address_key *key, uint32_t max)
{
    struct bucket *const bucket = bucket_of(key);
    uint32_t total = 0;
    uint32_t count = 0;
    uint32_t batch = 0;

    do {
        batch = max - total < WAKE_BATCH ? max - total : WAKE_BATCH;
        const hal_irq_t irq = bucket_lock(bucket);

        count = wake_locked(bucket, key, batch);
        spin_unlock_irq(&bucket->lock, irq);
        total += count;
    } while (count == batch && total < max);
    return total;
}

/* Let at most `max` waiters of from->key wait at `to`. */
static uint32_t move_locked(struct bucket *from, const struct address_requeue *what)
{
    struct bucket *const to = bucket_of(&what->to);
    struct list_node moved = LIST_INIT(moved);
    struct list_node *node = from->waiters.next;
    uint32_t count = 0;

    spin_assert_held(&from->lock);
    spin_assert_held(&to->lock);
    while (node != &from->waiters && count < what->move_max) {
        struct waiter *const waiter = container_of(node, struct waiter, node);

        node = node->next;
        if (same_key(&waiter->key, &what->from)) {
            list_remove(&waiter->node);
            list_add_tail(&moved, &waiter->node);
            waiter->key = what->to;
            atomic_store_explicit(&waiter->bucket, to, memory_order_relaxed);
            count++;
        }
    }
    list_splice_tail(&to->waiters, &moved);
    return count;
}

exo_status_t address_requeue(const struct address_requeue *what, struct address_moved *out)
{
    struct bucket *const from = bucket_of(&what->from);
    struct bucket *const to = bucket_of(&what->to);
    struct bucket *const first = from < to ? from : to;
    struct bucket *const second = from < to ? to : from;
    hal_irq_t inner = 0;

    if (same_key(&what->from, &what->to)) {
        return EXO_ERR_INVALID;
    }
    const hal_irq_t irq = bucket_lock(first);

    if (second != first) {
        inner = bucket_lock(second);
    }
    const exo_status_t status = check_run(&what->check);

    if (status == EXO_OK) {
        out->woken = wake_locked(from, &what->from, what->wake_max);
        out->moved = move_locked(from, what);
    }
    if (second != first) {
        spin_unlock_irq(&second->lock, inner);
    }
    spin_unlock_irq(&first->lock, irq);
    return status;
}
