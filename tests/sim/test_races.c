/*
 * test_races.c - races planted on purpose, for the simulator to find (tests/sim/check-races).
 *
 * Two threads on CPUs of their own go through PLACES places, ROUNDS times. At one place, which
 * follows from the seed, what they do is wrong; at all others the same is done right. Nothing says
 * which place it is, and a failure shows only in what comes of it: a sum, a time-out, a value.
 *
 * The suite has the name of those that "all" leaves out.
 */
#include <stdatomic.h>

#include "exo/hal.h"
#include "exo/mem/heap.h"
#include "exo/sched/thread.h"
#include "exo/sync/spinlock.h"
#include "exo/time/clock.h"
#include "exo_check.h"

#define PLACES      8u
#define ROUNDS      32u
#define SPINS_MAX   20000u /* in a lock that is held for a few instructions */
#define WORDS       8u
#define MAGIC       0x45786f4f626a6563ull
#define PATIENCE_NS (1 * NS_PER_S)

static uint32_t g_place; /* where it is wrong */
static _Atomic uint32_t g_arrived;

static bool is_wrong(uint32_t step)
{
    return step % PLACES == g_place;
}

/* Both threads leave here together. */
static void meet(void)
{
    atomic_fetch_add(&g_arrived, 1);
    while (atomic_load(&g_arrived) < 2) {
        hal_pause();
    }
}

/* Run both until they end, on CPUs 1 and 2 if there are so many. */
static void run_both(void (*one)(void *), void (*other)(void *))
{
    void (*const entry[2])(void *) = { one, other };
    struct thread *thread[2];
    uint8_t byte = 0;

    ck_assert_uint_eq(hal_entropy(&byte, 1), 1);
    g_place = byte % PLACES;
    atomic_store(&g_arrived, 0);
    for (uint32_t i = 0; i < 2; i++) {
        const struct thread_spec spec = { .name = "racer",
                                          .entry = entry[i],
                                          .cpu = (i + 1) % hal_caps()->cpus };

        ck_assert_int_eq(thread_create(&spec, &thread[i]), EXO_OK);
    }
    for (uint32_t i = 0; i < 2; i++) {
        thread_join(thread[i], NULL);
    }
}

/* ---- an unlocked read-modify-write ---------------------------------------------------------- */

static struct spinlock g_sum_lock = SPINLOCK_INIT(RANK_TEST_HIGH);
static _Atomic uint64_t g_sum;

static void sum_add(void)
{
    const uint64_t sum = atomic_load_explicit(&g_sum, memory_order_relaxed);

    atomic_store_explicit(&g_sum, sum + 1, memory_order_relaxed);
}

static void adder(void *arg)
{
    (void)arg;
    meet();
    for (uint32_t step = 0; step < PLACES * ROUNDS; step++) {
        if (is_wrong(step)) {
            sum_add();
        } else {
            spin_lock(&g_sum_lock);
            sum_add();
            spin_unlock(&g_sum_lock);
        }
    }
}

START_TEST(race_of_sums)
{
    run_both(adder, adder);
    ck_assert_uint_eq(atomic_load(&g_sum), 2ull * PLACES * ROUNDS);
}
END_TEST

/* ---- a lost wake-up ------------------------------------------------------------------------- */

static _Atomic uint32_t g_items;
static _Atomic uint32_t g_taken;
static _Atomic bool g_waits;
static struct thread *_Atomic g_taker;

static void item_await(uint32_t step)
{
    bool waits = false;

    while (atomic_load(&g_items) == step) {
        if (waits || is_wrong(step)) {
            atomic_store(&g_waits, true);
            ck_assert_int_eq(thread_park(clock_deadline_ns(PATIENCE_NS)), EXO_OK);
        } else {
            atomic_store(&g_waits, true); /* and look again */
            waits = true;
        }
    }
}

static void taker(void *arg)
{
    (void)arg;
    atomic_store(&g_taker, thread_current());
    meet();
    for (uint32_t step = 0; step < PLACES * ROUNDS; step++) {
        item_await(step);
        atomic_store(&g_waits, false);
        atomic_store(&g_taken, step + 1);
    }
}

static void giver(void *arg)
{
    (void)arg;
    meet();
    for (uint32_t step = 0; step < PLACES * ROUNDS; step++) {
        for (uint32_t spins = 0; atomic_load(&g_taken) < step; spins++) {
            if (spins > SPINS_MAX * 10) {
                return; /* the other one has given up */
            }
            hal_pause();
        }
        atomic_store(&g_items, step + 1);
        if (atomic_exchange(&g_waits, false)) {
            thread_unpark(atomic_load(&g_taker));
        }
    }
}

START_TEST(race_of_wakers)
{
    run_both(taker, giver);
    ck_assert_uint_eq(atomic_load(&g_taken), PLACES * ROUNDS);
}
END_TEST

/* ---- two locks in two orders ---------------------------------------------------------------- */

static _Atomic bool g_lock[2];

/* A lock that knows no order. */
static void plain_lock(_Atomic bool *lock)
{
    for (uint32_t spins = 0; atomic_exchange(lock, true); spins++) {
        ck_assert_uint_lt(spins, SPINS_MAX);
        hal_pause();
    }
}

static void both_lock(bool turned)
{
    plain_lock(&g_lock[turned]);
    plain_lock(&g_lock[!turned]);
    atomic_store(&g_lock[0], false);
    atomic_store(&g_lock[1], false);
}

static void locker(void *arg)
{
    (void)arg;
    meet();
    for (uint32_t step = 0; step < PLACES * ROUNDS; step++) {
        both_lock(false);
    }
}

static void turned_locker(void *arg)
{
    (void)arg;
    meet();
    for (uint32_t step = 0; step < PLACES * ROUNDS; step++) {
        both_lock(is_wrong(step));
    }
}

START_TEST(race_of_lockers)
{
    run_both(locker, turned_locker);
}
END_TEST

/* ---- use after free between CPUs ------------------------------------------------------------
 *
 * What is freed is soon something else: that shows whether or not the heap poisons. */

struct object {
    uint64_t word[WORDS];
};

static struct object *_Atomic g_object;
static _Atomic uint32_t g_looks;
static _Atomic bool g_over;

static struct object *object_make(uint64_t word)
{
    struct object *const object = heap_alloc(sizeof(*object));

    ck_assert_ptr_nonnull(object);
    for (uint32_t i = 0; i < WORDS; i++) {
        object->word[i] = word;
    }
    return object;
}

static void looker(void *arg)
{
    (void)arg;
    meet();
    while (!atomic_load(&g_over)) {
        const struct object *const object = atomic_load(&g_object);

        for (uint32_t i = 0; i < WORDS; i++) {
            ck_assert_uint_eq(object->word[i], MAGIC);
        }
        atomic_fetch_add(&g_looks, 1);
        hal_pause();
    }
}

static void changer(void *arg)
{
    (void)arg;
    meet();
    for (uint32_t step = 0; step < PLACES * ROUNDS; step++) {
        struct object *const old = atomic_exchange(&g_object, object_make(MAGIC));
        const uint32_t looks = atomic_load(&g_looks);

        for (uint32_t spins = 0; !is_wrong(step) && atomic_load(&g_looks) < looks + 2; spins++) {
            if (spins > SPINS_MAX) {
                break; /* the other one has given up */
            }
            hal_pause();
        }
        heap_free(old);
        heap_free(object_make(~MAGIC));
    }
    atomic_store(&g_over, true);
}

START_TEST(race_of_owners)
{
    atomic_store(&g_object, object_make(MAGIC));
    run_both(looker, changer);
    heap_free(atomic_load(&g_object));
}
END_TEST

/* ---- a missing release ---------------------------------------------------------------------- */

static uint64_t g_message[WORDS]; /* written before g_sent says so */
static _Atomic uint32_t g_sent;
static _Atomic uint32_t g_received;
static _Atomic uint32_t g_mistakes; /* counted, so that both come to their end */

static void sender(void *arg)
{
    (void)arg;
    meet();
    for (uint32_t step = 0; step < PLACES * ROUNDS; step++) {
        while (atomic_load_explicit(&g_received, memory_order_acquire) < step) {
            hal_pause();
        }
        g_message[step % WORDS] = step + 1;
        atomic_store_explicit(&g_sent, step + 1,
                              is_wrong(step) ? memory_order_relaxed : memory_order_release);
    }
}

static void receiver(void *arg)
{
    (void)arg;
    meet();
    for (uint32_t step = 0; step < PLACES * ROUNDS; step++) {
        while (atomic_load_explicit(&g_sent, memory_order_acquire) <= step) {
            hal_pause();
        }
        const uint64_t message = g_message[step % WORDS];

        atomic_store_explicit(&g_received, step + 1, memory_order_release);
        if (message != step + 1) {
            atomic_fetch_add(&g_mistakes, 1);
        }
    }
}

START_TEST(race_of_messages)
{
    run_both(receiver, sender);
    const uint32_t mistakes = atomic_load(&g_mistakes);

    ck_assert_uint_eq(mistakes, 0);
}
END_TEST

/* ---- a missing fence: each says something, then asks whether the other has ------------------- */

static _Atomic uint32_t g_said[2];
static uint32_t g_heard[2];
static _Atomic uint32_t g_turns;

/* Both have been here `step` times. */
static void turn_await(uint32_t step)
{
    atomic_fetch_add(&g_turns, 1);
    while (atomic_load(&g_turns) < 2 * step) {
        hal_pause();
    }
}

static void talk(uint32_t self)
{
    meet();
    for (uint32_t step = 0; step < PLACES * ROUNDS; step++) {
        atomic_store_explicit(&g_said[self], step + 1, memory_order_release);
        if (!is_wrong(step)) {
            atomic_thread_fence(memory_order_seq_cst);
        }
        g_heard[self] = atomic_load_explicit(&g_said[1 - self], memory_order_acquire);
        turn_await(2 * step + 1);
        if (g_heard[0] <= step && g_heard[1] <= step) {
            atomic_fetch_add(&g_mistakes, 1);
        }
        turn_await(2 * step + 2);
    }
}

static void talker(void *arg)
{
    (void)arg;
    talk(0);
}

static void other_talker(void *arg)
{
    (void)arg;
    talk(1);
}

START_TEST(race_of_talkers)
{
    run_both(talker, other_talker);
    const uint32_t mistakes = atomic_load(&g_mistakes);

    ck_assert_uint_eq(mistakes, 0);
}
END_TEST

/* ---- a long way behind: who reads thinks that nobody laps it ---------------------------------
 *
 * One CPU must stand still between two accesses while another makes a thousand. Neither pauses, and
 * each is done before it would be put off for not pausing. */

#define LAP   512u
#define LAPS  40u
#define LOOKS 8000u

static _Atomic uint32_t g_slot[LAP];
static _Atomic uint32_t g_written; /* the newest; it is in slot g_written % LAP */

static void runner(void *arg)
{
    (void)arg;
    meet();
    for (uint32_t number = 1; number <= LAPS * LAP; number++) {
        atomic_store(&g_slot[number % LAP], number);
        atomic_store(&g_written, number);
    }
}

static void laggard(void *arg)
{
    (void)arg;
    meet();
    for (uint32_t step = 0; step < LOOKS; step++) {
        const uint32_t newest = atomic_load(&g_written);
        const uint32_t number = atomic_load(&g_slot[newest % LAP]);

        if (number != newest && (is_wrong(step) || atomic_load(&g_written) - newest < LAP - 1)) {
            atomic_fetch_add(&g_mistakes, 1);
        }
    }
}

START_TEST(race_of_laggards)
{
    run_both(laggard, runner);
    const uint32_t mistakes = atomic_load(&g_mistakes);

    ck_assert_uint_eq(mistakes, 0);
}
END_TEST

EXO_SUITE(planted, EXO_TEST(race_of_sums), EXO_TEST(race_of_wakers), EXO_TEST(race_of_lockers),
          EXO_TEST(race_of_owners), EXO_TEST(race_of_messages), EXO_TEST(race_of_talkers),
          EXO_TEST(race_of_laggards))
