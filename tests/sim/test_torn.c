/*
 * test_torn.c - one more planted race, for the simulator to find (tests/sim/check-races): a record
 * that is copied while another CPU copies over it.
 *
 * At one place of PLACES, which follows from the seed, the writer forgets the lock. A copy is a
 * call of memcpy(), which the compiler's instrumentation does not look into.
 */
#include <stdatomic.h>

#include "exo/hal.h"
#include "exo/lib/string.h"
#include "exo/sched/thread.h"
#include "exo/sync/spinlock.h"
#include "exo_check.h"

#define PLACES 8u
#define ROUNDS 32u
#define WORDS  8u

struct record {
    uint64_t word[WORDS];
};

static struct spinlock g_lock = SPINLOCK_INIT(RANK_TEST_HIGH);
static struct record g_record;
static uint32_t g_place; /* where it is wrong */
static _Atomic uint32_t g_arrived;
static _Atomic bool g_is_over;
static _Atomic uint32_t g_torn;

/* Both threads leave here together. */
static void meet(void)
{
    atomic_fetch_add(&g_arrived, 1);
    while (atomic_load(&g_arrived) < 2) {
        hal_pause();
    }
}

static void copier(void *arg)
{
    (void)arg;
    meet();
    for (uint32_t step = 1; step <= PLACES * ROUNDS; step++) {
        const bool locks = step % PLACES != g_place;
        struct record next;

        for (uint32_t i = 0; i < WORDS; i++) {
            next.word[i] = step;
        }
        if (locks) {
            spin_lock(&g_lock);
        }
        memcpy(&g_record, &next, sizeof(next));
        if (locks) {
            spin_unlock(&g_lock);
        }
    }
    atomic_store(&g_is_over, true);
}

static void onlooker(void *arg)
{
    (void)arg;
    meet();
    while (!atomic_load(&g_is_over)) {
        struct record seen;

        spin_lock(&g_lock);
        memcpy(&seen, &g_record, sizeof(seen));
        spin_unlock(&g_lock);
        for (uint32_t i = 1; i < WORDS; i++) {
            if (seen.word[i] != seen.word[0]) {
                atomic_fetch_add(&g_torn, 1);
            }
        }
    }
}

START_TEST(race_of_copies)
{
    void (*const entry[2])(void *) = { copier, onlooker };
    struct thread *thread[2];
    uint8_t byte = 0;

    ck_assert_uint_eq(hal_entropy(&byte, 1), 1);
    g_place = byte % PLACES;
    for (uint32_t i = 0; i < 2; i++) {
        const struct thread_spec spec = { .name = "racer",
                                          .entry = entry[i],
                                          .cpu = (i + 1) % hal_caps()->cpus };

        ck_assert_int_eq(thread_create(&spec, &thread[i]), EXO_OK);
    }
    for (uint32_t i = 0; i < 2; i++) {
        thread_join(thread[i], NULL);
    }
    const uint32_t torn = atomic_load(&g_torn);

    ck_assert_uint_eq(torn, 0);
}
END_TEST

EXO_SUITE(planted, EXO_TEST(race_of_copies))
