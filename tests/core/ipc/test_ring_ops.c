/*
 * tests/core/ipc/test_ring_ops.c - Fusion Rings: order, limits, batches, many sides, a side that
 * scribbles.
 */
#include <stdatomic.h>

#include "exo/abi/ring_ops.h"
#include "exo/hal.h"
#include "exo/sched/sched.h"
#include "exo/sched/thread.h"
#include "exo_check.h"
#include "exo_test.h"

#define SLOTS     8u
#define GUARD     0x6a6a6a6a6a6a6a6aull
#define LAPS      5u
#define SENDERS   2u
#define RECEIVERS 2u
#define EACH      300u
#define BATCH     3u
#define ROUNDS    400u

static struct {
    EXO_ALIGNED(EXO_RING_LINE)
    uint8_t bytes[sizeof(struct exo_ring_shared) + SLOTS * sizeof(struct exo_ring_slot)];
    uint64_t guard[8];
} g_memory;

static struct exo_ring_shared *shared_new(void)
{
    struct exo_ring_shared *const shared = (struct exo_ring_shared *)g_memory.bytes;

    for (uint32_t i = 0; i < ARRAY_COUNT(g_memory.guard); i++) {
        g_memory.guard[i] = GUARD;
    }
    exo_ring_format(shared, SLOTS);
    return shared;
}

static struct exo_ring_message message_of(uint64_t number)
{
    struct exo_ring_message message;

    for (uint32_t i = 0; i < EXO_RING_WORDS; i++) {
        message.word[i] = number * EXO_RING_WORDS + i;
    }
    return message;
}

static bool is_message(const struct exo_ring_message *message, uint64_t number)
{
    const struct exo_ring_message expected = message_of(number);
    uint64_t differing = 0;

    for (uint32_t i = 0; i < EXO_RING_WORDS; i++) {
        differing |= message->word[i] ^ expected.word[i];
    }
    return differing == 0;
}

START_TEST(ring_sizes_are_powers_of_two_within_limits)
{
    ck_assert(exo_ring_slots_valid(2));
    ck_assert(exo_ring_slots_valid(EXO_RING_SLOTS_DEFAULT));
    ck_assert(exo_ring_slots_valid(EXO_RING_SLOTS_MAX));
    ck_assert(!exo_ring_slots_valid(0));
    ck_assert(!exo_ring_slots_valid(1));
    ck_assert(!exo_ring_slots_valid(6));
    ck_assert(!exo_ring_slots_valid(2ull * EXO_RING_SLOTS_MAX));
    ck_assert_uint_eq(exo_ring_bytes(SLOTS), sizeof(g_memory.bytes));
}
END_TEST

/* Messages come out whole and in order, however full the ring is and however often it wraps. */
START_TEST(ring_keeps_order_and_says_full_and_empty)
{
    struct exo_ring_shared *const shared = shared_new();
    struct exo_ring in = exo_ring_side(shared, SLOTS);
    struct exo_ring out = exo_ring_side(shared, SLOTS);
    struct exo_ring_message message = { { 0 } };
    uint64_t sent = 0;
    uint64_t seen = 0;

    ck_assert(!exo_ring_take(&out, &message));
    for (uint32_t fill = 1; fill <= SLOTS; fill++) {
        for (uint32_t i = 0; i < LAPS; i++) {
            while (sent - seen < fill) {
                message = message_of(sent);
                ck_assert(exo_ring_put(&in, &message));
                sent++;
            }
            if (fill == SLOTS) {
                ck_assert(!exo_ring_put(&in, &message));
            }
            for (uint32_t j = 0; j < (fill + 1) / 2; j++) {
                ck_assert(exo_ring_take(&out, &message));
                ck_assert(is_message(&message, seen));
                seen++;
            }
        }
    }
    while (exo_ring_take(&out, &message)) {
        ck_assert(is_message(&message, seen));
        seen++;
    }
    ck_assert_uint_eq(seen, sent);
}
END_TEST

/* A batch is as much as there is room for, and as there is. */
START_TEST(ring_batches_are_cut_to_what_fits)
{
    struct exo_ring_shared *const shared = shared_new();
    struct exo_ring in = exo_ring_side(shared, SLOTS);
    struct exo_ring out = exo_ring_side(shared, SLOTS);
    struct exo_ring_message batch[SLOTS + 1];

    for (uint64_t base = 0; base < LAPS * SLOTS; base += SLOTS) {
        for (uint32_t i = 0; i <= SLOTS; i++) {
            batch[i] = message_of(base + i);
        }
        ck_assert_uint_eq(exo_ring_put_many(&in, batch, 3), 3);
        ck_assert_uint_eq(exo_ring_put_many(&in, batch + 3, SLOTS), SLOTS - 3);
        ck_assert_uint_eq(exo_ring_put_many(&in, batch, 1), 0);
        ck_assert_uint_eq(exo_ring_take_many(&out, batch, 2), 2);
        ck_assert_uint_eq(exo_ring_take_many(&out, batch + 2, SLOTS), SLOTS - 2);
        ck_assert_uint_eq(exo_ring_take_many(&out, batch, 1), 0);
        for (uint32_t i = 0; i < SLOTS; i++) {
            ck_assert(is_message(&batch[i], base + i));
        }
    }
}
END_TEST

/* Try to put, or take, `asked` messages; exactly `expected` must go. */
static void put_shared(const struct exo_ring *ring, const struct exo_ring_message *message,
                       size_t asked, size_t expected)
{
    size_t count = asked;

    ck_assert_int_eq(exo_ring_put_shared(ring, message, &count),
                     expected == 0 ? EXO_RING_NOT_NOW : EXO_RING_DONE);
    ck_assert_uint_eq(count, expected);
}

static void take_shared(const struct exo_ring *ring, struct exo_ring_message *message, size_t asked,
                        size_t expected)
{
    size_t count = asked;

    ck_assert_int_eq(exo_ring_take_shared(ring, message, &count),
                     expected == 0 ? EXO_RING_NOT_NOW : EXO_RING_DONE);
    ck_assert_uint_eq(count, expected);
}

START_TEST(ring_shared_batches_are_cut_to_what_fits)
{
    const struct exo_ring ring = exo_ring_side(shared_new(), SLOTS);
    struct exo_ring_message batch[SLOTS + 1];

    take_shared(&ring, batch, 1, 0);
    for (uint64_t base = 0; base < LAPS * SLOTS; base += SLOTS) {
        for (uint32_t i = 0; i <= SLOTS; i++) {
            batch[i] = message_of(base + i);
        }
        put_shared(&ring, batch, 3, 3);
        put_shared(&ring, batch + 3, SLOTS, SLOTS - 3);
        put_shared(&ring, batch, 1, 0);
        take_shared(&ring, batch, 2, 2);
        take_shared(&ring, batch + 2, SLOTS, SLOTS - 2);
        take_shared(&ring, batch, 1, 0);
        for (uint32_t i = 0; i < SLOTS; i++) {
            ck_assert(is_message(&batch[i], base + i));
        }
    }
}
END_TEST

/* ---- several CPUs ---- */

static struct exo_ring g_in;
static struct exo_ring g_out;
static _Atomic uint32_t g_seen[SENDERS][EACH];
static _Atomic uint32_t g_taken;
static _Atomic uint32_t g_wrong;

static void send_alone(void *unused)
{
    (void)unused;
    for (uint64_t i = 0; i < EACH;) {
        const struct exo_ring_message message = message_of(i);

        if (exo_ring_put(&g_in, &message)) {
            i++;
        } else {
            thread_yield();
        }
    }
}

static void start(struct thread **thread, void (*entry)(void *), uint64_t number)
{
    const struct thread_spec spec = {
        .name = "ring", .entry = entry, .arg = (void *)number, .cpu = THREAD_ANY_CPU
    };

    ck_assert_int_eq(thread_create(&spec, thread), EXO_OK);
}

START_TEST(ring_passes_messages_between_threads)
{
    struct exo_ring_shared *const shared = shared_new();
    struct thread *thread = NULL;

    g_in = exo_ring_side(shared, SLOTS);
    g_out = exo_ring_side(shared, SLOTS);
    start(&thread, send_alone, 0);
    for (uint64_t i = 0; i < EACH;) {
        struct exo_ring_message message;

        if (exo_ring_take(&g_out, &message)) {
            ck_assert(is_message(&message, i));
            i++;
        } else {
            thread_yield();
        }
    }
    thread_join(thread, NULL);
}
END_TEST

/* Batches of 1 to BATCH, numbered by sender. */
static void send_shared(void *arg)
{
    const uint64_t sender = (uintptr_t)arg;

    for (uint64_t i = 0; i < EACH;) {
        struct exo_ring_message batch[BATCH];
        size_t count = min_u64(1 + i % BATCH, EACH - i);

        for (size_t j = 0; j < count; j++) {
            batch[j] = message_of(sender * EACH + i + j);
        }
        if (exo_ring_put_shared(&g_in, batch, &count) != EXO_RING_DONE) {
            thread_yield();
        }
        i += count;
    }
}

static void receive_shared(void *unused)
{
    uint64_t last[SENDERS] = { 0 };

    (void)unused;
    while (atomic_load(&g_taken) < SENDERS * EACH) {
        struct exo_ring_message batch[BATCH];
        size_t count = BATCH;

        if (exo_ring_take_shared(&g_out, batch, &count) != EXO_RING_DONE) {
            thread_yield();
            continue;
        }
        for (size_t i = 0; i < count; i++) {
            const uint64_t number = batch[i].word[0] / EXO_RING_WORDS;
            const uint64_t sender = min_u64(number / EACH, SENDERS - 1);

            /* Whole, and later than what this receiver has had of that sender. */
            if (!is_message(&batch[i], number) || number % EACH + 1 <= last[sender]) {
                atomic_fetch_add(&g_wrong, 1);
            }
            last[sender] = number % EACH + 1;
            atomic_fetch_add(&g_seen[sender][number % EACH], 1);
        }
        atomic_fetch_add(&g_taken, (uint32_t)count);
    }
}

/* Each message arrives once, and those of one sender in their order. */
START_TEST(ring_serves_many_producers_and_consumers)
{
    struct thread *thread[SENDERS + RECEIVERS];

    g_in = exo_ring_side(shared_new(), SLOTS);
    g_out = g_in;
    atomic_store(&g_taken, 0);
    atomic_store(&g_wrong, 0);
    for (uint32_t i = 0; i < SENDERS * EACH; i++) {
        atomic_store(&g_seen[i / EACH][i % EACH], 0);
    }
    for (uint32_t i = 0; i < SENDERS + RECEIVERS; i++) {
        start(&thread[i], i < SENDERS ? send_shared : receive_shared, i);
    }
    for (uint32_t i = 0; i < SENDERS + RECEIVERS; i++) {
        thread_join(thread[i], NULL);
    }
    ck_assert_uint_eq(atomic_load(&g_wrong), 0);
    for (uint32_t i = 0; i < SENDERS * EACH; i++) {
        ck_assert_uint_eq(atomic_load(&g_seen[i / EACH][i % EACH]), 1);
    }
}
END_TEST

/* ---- a side that scribbles ---- */

/* A position that goes back for ever: whoever follows it gives up after EXO_RING_TRIES. */
START_TEST(ring_gives_up_on_a_position_that_lies)
{
    const struct exo_ring ring = exo_ring_side(shared_new(), SLOTS);
    struct exo_ring_message message = message_of(1);
    size_t count = 1;

    ck_assert_int_eq(exo_ring_put_shared(&ring, &message, &count), EXO_RING_DONE);
    atomic_store(&ring.shared->tail, 0);
    count = 1;
    ck_assert_int_eq(exo_ring_put_shared(&ring, &message, &count), EXO_RING_BROKEN);
    ck_assert_uint_eq(count, 0);
    count = 1;
    ck_assert_int_eq(exo_ring_take_shared(&ring, &message, &count), EXO_RING_DONE);
    atomic_store(&ring.shared->head, 0);
    count = 1;
    ck_assert_int_eq(exo_ring_take_shared(&ring, &message, &count), EXO_RING_BROKEN);
    ck_assert_uint_eq(count, 0);
}
END_TEST

static uint64_t random_next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* Any words of the shared memory take any values between any two calls: nothing but the ring's own
 * slots is written, no call takes or puts more than it was asked to, and each comes back. */
START_TEST(ring_survives_scribbling)
{
    struct exo_ring_shared *const shared = shared_new();
    struct exo_ring in = exo_ring_side(shared, SLOTS);
    struct exo_ring out = exo_ring_side(shared, SLOTS);
    uint64_t *const words = (uint64_t *)g_memory.bytes;
    uint64_t state = 0x9e3779b97f4a7c15ull;

    for (uint32_t i = 0; i < ROUNDS; i++) {
        struct exo_ring_message batch[SLOTS];
        size_t count = 1 + random_next(&state) % SLOTS;
        const size_t asked = count;
        const uint64_t near = random_next(&state) % 64;

        words[random_next(&state) % (sizeof(g_memory.bytes) / sizeof(uint64_t))] =
            random_next(&state) % 2 == 0 ? near : random_next(&state);
        for (uint32_t j = 0; j < SLOTS; j++) {
            batch[j] = message_of(i + j);
        }
        ck_assert_uint_le(exo_ring_put_many(&in, batch, asked), asked);
        ck_assert_uint_le(exo_ring_take_many(&out, batch, asked), asked);
        (void)exo_ring_put_shared(&in, batch, &count);
        ck_assert_uint_le(count, asked);
        count = asked;
        (void)exo_ring_take_shared(&out, batch, &count);
        ck_assert_uint_le(count, asked);
    }
    ck_assert_uint_eq(in.mask, SLOTS - 1);
    for (uint32_t i = 0; i < ARRAY_COUNT(g_memory.guard); i++) {
        ck_assert_uint_eq(g_memory.guard[i], GUARD);
    }
}
END_TEST

EXO_SUITE(ring_ops, EXO_TEST(ring_sizes_are_powers_of_two_within_limits),
          EXO_TEST(ring_keeps_order_and_says_full_and_empty),
          EXO_TEST(ring_batches_are_cut_to_what_fits),
          EXO_TEST(ring_shared_batches_are_cut_to_what_fits),
          EXO_TEST(ring_passes_messages_between_threads),
          EXO_TEST(ring_serves_many_producers_and_consumers),
          EXO_TEST(ring_gives_up_on_a_position_that_lies), EXO_TEST(ring_survives_scribbling));
