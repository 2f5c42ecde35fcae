/*
 * tests/core/ipc/test_ring.c - ring objects: making, sides, full rings, closing, capabilities.
 */
#include "exo/ipc/ring.h"

#include "exo/mem/heap.h"
#include "exo/sched/thread.h"
#include "exo/time/clock.h"
#include "exo_check.h"
#include "exo_test.h"
#include "ring_private.h"

#define SLOTS 8u
#define MANY  (EXO_RING_MANY_PRODUCERS | EXO_RING_MANY_CONSUMERS)

static struct ring *ring_new(uint32_t flags, enum exo_ring_full full)
{
    const struct ring_spec spec = { .slots = SLOTS, .flags = flags, .full = full };
    struct ring *ring = NULL;

    ck_assert_int_eq(ring_create(&spec, &ring), EXO_OK);
    if ((flags & EXO_RING_MANY_PRODUCERS) == 0) {
        ck_assert_int_eq(ring_attach(ring, RING_PRODUCER), EXO_OK);
    }
    if ((flags & EXO_RING_MANY_CONSUMERS) == 0) {
        ck_assert_int_eq(ring_attach(ring, RING_CONSUMER), EXO_OK);
    }
    return ring;
}

static struct exo_ring_message message_of(uint64_t number)
{
    return (struct exo_ring_message){ { number, ~number } };
}

static void fill(struct ring *ring)
{
    for (uint64_t i = 0; i < SLOTS; i++) {
        const struct exo_ring_message message = message_of(i);

        ck_assert_int_eq(ring_try_put(ring, &message), EXO_OK);
    }
}

static void drain(struct ring *ring, uint64_t first, uint64_t count)
{
    for (uint64_t i = first; i < first + count; i++) {
        struct exo_ring_message message = { { 0 } };

        ck_assert_int_eq(ring_try_take(ring, &message), EXO_OK);
        ck_assert_uint_eq(message.word[0], i);
        ck_assert_uint_eq(message.word[1], ~i);
    }
}

START_TEST(ring_create_rejects_what_cannot_be)
{
    static const struct ring_spec bad[] = {
        { .slots = 0 },
        { .slots = 1 },
        { .slots = 6 },
        { .slots = 2ull * EXO_RING_SLOTS_MAX },
        { .slots = SLOTS, .flags = 4 },
        { .slots = SLOTS, .full = (enum exo_ring_full)(EXO_RING_FULL_REPLACES + 1) },
        { .slots = SLOTS, .flags = EXO_RING_MANY_PRODUCERS, .full = EXO_RING_FULL_REPLACES },
    };

    for (uint32_t i = 0; i < ARRAY_COUNT(bad); i++) {
        struct ring *ring = NULL;

        ck_assert_int_eq(ring_create(&bad[i], &ring), EXO_ERR_INVALID);
        ck_assert_ptr_null(ring);
    }
}
END_TEST

static struct epoch_node g_after;
static _Atomic uint32_t g_ended;

static void after_others(struct epoch_node *unused)
{
    (void)unused;
    atomic_fetch_add(&g_ended, 1);
}

/* Wait until what ended before has gone: what is deferred goes in its order. */
static void await_ends(void)
{
    atomic_store(&g_ended, 0);
    epoch_defer(&g_after, after_others);
    while (atomic_load(&g_ended) == 0) {
        thread_yield();
    }
}

static exo_status_t create_once(void *unused)
{
    const struct ring_spec spec = { .slots = SLOTS };
    struct ring *ring = NULL;
    const exo_status_t status = ring_create(&spec, &ring);

    (void)unused;
    if (status == EXO_OK) {
        kobj_unref(ring_object(ring));
        await_ends();
    }
    return status;
}

START_TEST(ring_create_survives_every_failing_allocation)
{
    ck_assert_uint_ge(fault_sweep(create_once, NULL), 1);
}
END_TEST

/* What each policy does with one message too many, on rings for one and for many. */
START_TEST(ring_full_does_as_it_was_made)
{
    static const struct {
        enum exo_ring_full full;
        exo_status_t status;
        uint64_t lost;
        uint64_t first; /* of the messages that are inside then */
    } expect[] = {
        { EXO_RING_FULL_WAITS, EXO_ERR_TIMED_OUT, 0, 0 },
        { EXO_RING_FULL_REFUSES, EXO_ERR_NO_RESOURCES, 0, 0 },
        { EXO_RING_FULL_DROPS, EXO_OK, 1, 0 },
        { EXO_RING_FULL_REPLACES, EXO_OK, 1, 1 },
    };

    for (uint32_t i = 0; i < 2 * ARRAY_COUNT(expect); i++) {
        const uint32_t flags = i % 2 == 0 ? MANY : 0;
        struct ring_stats stats;

        if (flags == 0 && expect[i / 2].full == EXO_RING_FULL_REPLACES) {
            continue; /* there is no such ring */
        }
        struct ring *const ring = ring_new(flags, expect[i / 2].full);
        const struct exo_ring_message more = message_of(SLOTS);

        fill(ring);
        ck_assert_int_eq(ring_put(ring, &more, 0), expect[i / 2].status);
        ring_stats(ring, &stats);
        ck_assert_uint_eq(stats.lost, expect[i / 2].lost);
        drain(ring, expect[i / 2].first, SLOTS);
        kobj_unref(ring_object(ring));
    }
}
END_TEST

/* A side for one belongs to the thread that attached, and its position goes on with the next. */
static exo_status_t g_status[4];

static void use_as_another(void *arg)
{
    struct ring *const ring = arg;
    struct exo_ring_message message = message_of(1);

    g_status[0] = ring_try_put(ring, &message);
    g_status[1] = ring_try_take(ring, &message);
    g_status[2] = ring_attach(ring, RING_PRODUCER);
    g_status[3] = ring_attach(ring, RING_CONSUMER);
}

static void run_as_another(void (*entry)(void *), void *arg)
{
    const struct thread_spec spec = {
        .name = "other", .entry = entry, .arg = arg, .cpu = THREAD_ANY_CPU
    };
    struct thread *thread = NULL;

    ck_assert_int_eq(thread_create(&spec, &thread), EXO_OK);
    thread_join(thread, NULL);
}

static void put_after_attaching(void *arg)
{
    struct ring *const ring = arg;
    const struct exo_ring_message message = message_of(1);

    g_status[0] = ring_attach(ring, RING_PRODUCER);
    g_status[1] = ring_try_put(ring, &message);
    ring_detach(ring, RING_PRODUCER);
}

START_TEST(ring_side_belongs_to_who_attached)
{
    struct ring *const ring = ring_new(0, EXO_RING_FULL_WAITS);
    const struct exo_ring_message message = message_of(0);

    ck_assert_int_eq(ring_try_put(ring, &message), EXO_OK);
    run_as_another(use_as_another, ring);
    for (uint32_t i = 0; i < ARRAY_COUNT(g_status); i++) {
        ck_assert_int_eq(g_status[i], EXO_ERR_BUSY);
    }
    ring_detach(ring, RING_PRODUCER);
    run_as_another(put_after_attaching, ring);
    ck_assert_int_eq(g_status[0], EXO_OK);
    ck_assert_int_eq(g_status[1], EXO_OK);
    drain(ring, 0, 2);
    kobj_unref(ring_object(ring));

    struct ring *const shared = ring_new(MANY, EXO_RING_FULL_WAITS);

    ck_assert_int_eq(ring_attach(shared, RING_PRODUCER), EXO_ERR_INVALID);
    ck_assert_int_eq(ring_attach(shared, RING_CONSUMER), EXO_ERR_INVALID);
    kobj_unref(ring_object(shared));
}
END_TEST

/* A closed ring takes nothing more and gives what it has. */
START_TEST(ring_close_keeps_what_is_inside)
{
    for (uint32_t i = 0; i < 2; i++) {
        struct ring *const ring = ring_new(i == 0 ? 0 : MANY, EXO_RING_FULL_WAITS);
        struct exo_ring_message message = message_of(0);

        ck_assert_int_eq(ring_take(ring, &message, 0), EXO_ERR_TIMED_OUT);
        ck_assert_int_eq(ring_put(ring, &message, 0), EXO_OK);
        ring_close(ring);
        ring_close(ring);
        ck_assert_int_eq(ring_put(ring, &message, 0), EXO_ERR_DEAD);
        ck_assert_int_eq(ring_wait(ring, RING_PRODUCER, 1, WAIT_FOREVER), EXO_ERR_DEAD);
        drain(ring, 0, 1);
        ck_assert_int_eq(ring_take(ring, &message, 0), EXO_ERR_DEAD);
        ck_assert_int_eq(ring_take(ring, &message, WAIT_FOREVER), EXO_ERR_DEAD);
        kobj_unref(ring_object(ring));
    }
}
END_TEST

/* Of many producers one is between drawing its position and publishing when the ring closes: what
 * another put behind it is not lost. */
START_TEST(ring_closed_waits_for_who_is_under_way)
{
    struct ring *const ring = ring_new(MANY, EXO_RING_FULL_WAITS);
    const struct exo_ring *const view = &ring->end[RING_PRODUCER].view;
    struct exo_ring_message message = message_of(1);
    uint64_t position = 0;
    size_t count = 1;

    ck_assert_int_eq(exo_ring_claim(view, &view->shared->tail, 0, &position, &count),
                     EXO_RING_DONE);
    ck_assert_int_eq(ring_put(ring, &message, 0), EXO_OK);
    ring_close(ring);
    ck_assert_int_eq(ring_take(ring, &message, 0), EXO_ERR_TIMED_OUT);
    message = message_of(0);
    exo_ring_payload_write(&view->shared->slot[position], &message);
    exo_ring_slot_pass(&view->shared->slot[position], position + 1);
    drain(ring, 0, 2);
    ck_assert_int_eq(ring_take(ring, &message, 0), EXO_ERR_DEAD);
    kobj_unref(ring_object(ring));
}
END_TEST

/* A time-out says so, and a wait that is late does not begin. */
START_TEST(ring_take_gives_up_at_its_deadline)
{
    struct ring *const ring = ring_new(0, EXO_RING_FULL_WAITS);
    struct exo_ring_message message;
    struct ring_stats stats;

    ck_assert_int_eq(ring_take(ring, &message, clock_now_ns()), EXO_ERR_TIMED_OUT);
    ring_stats(ring, &stats);
    ck_assert_uint_eq(stats.sleeps[RING_CONSUMER], 0);
    ck_assert_int_eq(ring_take(ring, &message, clock_now_ns() + 1000000), EXO_ERR_TIMED_OUT);
    kobj_unref(ring_object(ring));
}
END_TEST

/* ---- by capability ---- */

static struct cap_quota g_quota;

static struct cap_space *space_new(void)
{
    struct cap_space *space = NULL;

    cap_quota_init(&g_quota, UINT64_MAX, UINT64_MAX);
    ck_assert_int_eq(cap_space_create(&g_quota, &space), EXO_OK);
    return space;
}

static exo_cap_t insert(struct cap_space *space, struct ring *ring, exo_rights_t rights)
{
    exo_cap_t cap = EXO_CAP_NONE;

    ck_assert_int_eq(cap_insert(space, ring_object(ring), rights, 0, &cap), EXO_OK);
    return cap;
}

/* Each way needs its right and nothing else. */
START_TEST(ring_capability_needs_the_right)
{
    struct cap_space *const space = space_new();
    struct ring *const ring = ring_new(0, EXO_RING_FULL_WAITS);
    const exo_cap_t put = insert(space, ring, EXO_RIGHT_RING_PUT);
    const exo_cap_t take = insert(space, ring, EXO_RIGHT_RING_TAKE);
    struct exo_ring_message message = message_of(7);

    ck_assert_int_eq(ring_cap_put(space, take, &message, 0), EXO_ERR_ACCESS_DENIED);
    ck_assert_int_eq(ring_cap_take(space, put, &message, 0), EXO_ERR_ACCESS_DENIED);
    ck_assert_int_eq(ring_cap_take(space, take, &message, 0), EXO_ERR_TIMED_OUT);
    ck_assert_int_eq(ring_cap_put(space, put, &message, 0), EXO_OK);
    message = message_of(0);
    ck_assert_int_eq(ring_cap_take(space, take, &message, 0), EXO_OK);
    ck_assert_uint_eq(message.word[0], 7);
    ck_assert_int_eq(cap_close(space, put), EXO_OK);
    ck_assert_int_eq(ring_cap_put(space, put, &message, 0), EXO_ERR_BAD_CAP);
    cap_space_destroy(space);
    kobj_unref(ring_object(ring));
}
END_TEST

/* The last capability's end closes the ring. */
START_TEST(ring_closes_with_its_last_capability)
{
    struct cap_space *const space = space_new();
    struct ring *const ring = ring_new(0, EXO_RING_FULL_WAITS);
    const exo_cap_t first = insert(space, ring, RING_RIGHTS);
    const exo_cap_t second = insert(space, ring, RING_RIGHTS);
    const struct exo_ring_message message = message_of(0);

    ck_assert_int_eq(cap_close(space, first), EXO_OK);
    ck_assert_int_eq(ring_try_put(ring, &message), EXO_OK);
    ck_assert_int_eq(cap_close(space, second), EXO_OK);
    ck_assert_int_eq(ring_try_put(ring, &message), EXO_ERR_DEAD);
    cap_space_destroy(space);
    kobj_unref(ring_object(ring));
}
END_TEST

EXO_SUITE(ring, EXO_TEST(ring_create_rejects_what_cannot_be),
          EXO_TEST(ring_create_survives_every_failing_allocation),
          EXO_TEST(ring_full_does_as_it_was_made), EXO_TEST(ring_side_belongs_to_who_attached),
          EXO_TEST(ring_close_keeps_what_is_inside),
          EXO_TEST(ring_closed_waits_for_who_is_under_way),
          EXO_TEST(ring_take_gives_up_at_its_deadline), EXO_TEST(ring_capability_needs_the_right),
          EXO_TEST(ring_closes_with_its_last_capability))
