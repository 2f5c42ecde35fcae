/*
 * core/sync/address.c - waiters on addresses, in hashed buckets.
 *
 * Invariants while the bucket's lock is free:
 *   (1) a linked waiter is in the bucket that its `bucket` names, and its key hashes there; one
 *       that is not linked has been woken;
 *   (2) `bucket` and `key` change only under the locks of both the old and the new bucket;
 *   (3) a waiter takes its bucket's lock before it returns, so its storage outlasts every waker's
 *       look at it;
 *   (4) of two buckets, the one with the lower address is locked first;
 *   (5) a bucket's list holds markers too, waiters without a thread, which everybody passes by:
 *       each belongs to a walk whose caller has not returned.
 * Waking and moving walk the bucket's list, which holds others' waiters too. A walk handles who was
 * there when it began, in their order, WALK_BATCH places and WAKE_BATCH wake-ups per time that the
 * lock is held; in between, markers keep its place and its end.
 */
#include "exo/sync/address.h"

#include "exo/lib/assert.h"

#include "grant.h"

#define BUCKET_BITS 8u
#define BUCKETS     (1u << BUCKET_BITS)
#define WALK_BATCH  64u /* waiters looked at per time that a bucket's lock is held */

struct bucket {
    struct spinlock lock;
    struct list_node
        waiters; /* [lock] struct waiter.node, first come first; next NULL: not begun */
} EXO_ALIGNED(CACHE_LINE);

struct waiter {
    struct list_node node;           /* [bucket's lock] */
    struct thread *thread;           /* [c] NULL: a marker */
    struct address_key key;          /* [bucket's lock] */
    _Atomic(struct bucket *) bucket; /* written under both locks, read to find the lock */
};

/* Walking a bucket a batch at a time. */
struct walk {
    struct bucket *bucket;
    const struct address_key *key;
    struct list_node *next; /* [bucket's lock] where to go on */
    struct waiter place;    /* [bucket's lock] marks that while the lock is free */
    struct waiter end;      /* [bucket's lock] behind who was there when the walk began */
    uint32_t looks;         /* left of this batch */
    uint32_t wakes;
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

/* ---- walks ---- */

static void batch_begin(struct walk *walk)
{
    walk->looks = WALK_BATCH;
    walk->wakes = WAKE_BATCH;
}

static void walk_begin_locked(struct walk *walk, struct bucket *bucket,
                              const struct address_key *key)
{
    spin_assert_held(&bucket->lock);
    *walk = (struct walk){ .bucket = bucket, .key = key, .next = bucket->waiters.next };
    list_init(&walk->place.node);
    list_init(&walk->end.node);
    batch_begin(walk);
}

/* The next waiter of the key that was there when the walk began. NULL: the batch or the walk is
 * over. */
static struct waiter *walk_next_locked(struct walk *walk)
{
    spin_assert_held(&walk->bucket->lock);
    while (walk->next != &walk->bucket->waiters && walk->next != &walk->end.node &&
           walk->looks > 0 && walk->wakes > 0) {
        struct waiter *const waiter = container_of(walk->next, struct waiter, node);

        walk->next = walk->next->next;
        walk->looks--;
        if (waiter->thread != NULL && same_key(&waiter->key, walk->key)) {
            return waiter;
        }
    }
    return NULL;
}

/* Before the lock is let go: true if the walk is to go on, by walk_resume_locked(). */
static bool walk_pause_locked(struct walk *walk)
{
    spin_assert_held(&walk->bucket->lock);
    if (walk->next == &walk->bucket->waiters || walk->next == &walk->end.node) {
        return false;
    }
    if (!list_is_linked(&walk->end.node)) {
        list_add_tail(&walk->bucket->waiters, &walk->end.node);
    }
    list_add_tail(walk->next, &walk->place.node); /* right before it */
    return true;
}

static void walk_resume_locked(struct walk *walk)
{
    spin_assert_held(&walk->bucket->lock);
    walk->next = walk->place.node.next;
    list_remove(&walk->place.node);
    batch_begin(walk);
}

static void walk_end_locked(struct walk *walk)
{
    spin_assert_held(&walk->bucket->lock);
    list_remove(&walk->end.node);
}

static void wake_locked(struct walk *walk, struct waiter *waiter)
{
    list_remove(&waiter->node);
    sync_unpark(waiter->thread);
    walk->wakes--;
}

uint32_t address_wake(const struct address_key *key, uint32_t max)
{
    struct bucket *const bucket = bucket_of(key);
    uint32_t count = 0;
    struct walk walk;
    bool more = max > 0;
    hal_irq_t irq = bucket_lock(bucket);

    walk_begin_locked(&walk, bucket, key);
    while (more) {
        for (struct waiter *waiter = NULL;
             count < max && (waiter = walk_next_locked(&walk)) != NULL; count++) {
            wake_locked(&walk, waiter);
        }
        more = count < max && walk_pause_locked(&walk);
        if (more) {
            spin_unlock_irq(&bucket->lock, irq);
            irq = bucket_lock(bucket);
            walk_resume_locked(&walk);
        }
    }
    walk_end_locked(&walk);
    spin_unlock_irq(&bucket->lock, irq);
    return count;
}

/* ---- requeueing ---- */

/* Two buckets that are locked together, maybe one and the same. */
struct bucket_pair {
    struct bucket *first; /* the lower address */
    struct bucket *second;
    hal_irq_t irq[2];
};

static void pair_lock(struct bucket_pair *pair)
{
    pair->irq[0] = bucket_lock(pair->first);
    if (pair->second != pair->first) {
        pair->irq[1] = bucket_lock(pair->second);
    }
}

static void pair_unlock(struct bucket_pair *pair)
{
    if (pair->second != pair->first) {
        spin_unlock_irq(&pair->second->lock, pair->irq[1]);
    }
    spin_unlock_irq(&pair->first->lock, pair->irq[0]);
}

/* One batch: wake and move, in the order of their coming. False if all is done. */
static bool requeue_locked(struct walk *walk, const struct address_requeue *what,
                           struct address_moved *done)
{
    struct bucket *const to = bucket_of(&what->to);

    spin_assert_held(&to->lock);
    while (done->woken < what->wake_max || done->moved < what->move_max) {
        struct waiter *const waiter = walk_next_locked(walk);

        if (waiter == NULL) {
            return walk_pause_locked(walk);
        }
        if (done->woken < what->wake_max) {
            wake_locked(walk, waiter);
            done->woken++;
            continue;
        }
        list_remove(&waiter->node);
        waiter->key = what->to;
        atomic_store_explicit(&waiter->bucket, to, memory_order_relaxed);
        list_add_tail(&to->waiters, &waiter->node);
        done->moved++;
    }
    return false;
}

exo_status_t address_requeue(const struct address_requeue *what, struct address_moved *out)
{
    struct bucket *const from = bucket_of(&what->from);
    struct bucket *const to = bucket_of(&what->to);
    struct bucket_pair pair = { .first = from < to ? from : to, .second = from < to ? to : from };
    struct address_moved done = { 0, 0 };
    struct walk walk;

    if (same_key(&what->from, &what->to)) {
        return EXO_ERR_INVALID;
    }
    pair_lock(&pair);
    const exo_status_t status = check_run(&what->check);

    if (status == EXO_OK) {
        walk_begin_locked(&walk, from, &what->from);
        while (requeue_locked(&walk, what, &done)) {
            pair_unlock(&pair);
            pair_lock(&pair);
            walk_resume_locked(&walk);
        }
        walk_end_locked(&walk);
        *out = done;
    }
    pair_unlock(&pair);
    return status;
}
