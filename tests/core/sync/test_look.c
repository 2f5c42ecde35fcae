/*
 * tests/core/sync/test_look.c - who finds a lock held by a thread that runs on another CPU looks on
 * for a while instead of queueing.
 */
#include <stdatomic.h>

#include "exo/sched/sched.h"
#include "exo/sched/thread.h"
#include "exo/sync/mutex.h"
#include "exo/sync/rwlock.h"
#include "exo_check.h"
#include "exo_test.h"

#include "workers.h"

#define ROUNDS 2000u
#define WINS   8u

static struct mutex g_mutex = MUTEX_INIT(g_mutex);
static struct rwlock g_rwlock = RWLOCK_INIT(g_rwlock);

static void lock_mutex(void)
{
    mutex_lock(&g_mutex);
}

static void unlock_mutex(void)
{
    mutex_unlock(&g_mutex);
}

static bool is_mutex_waited_for(void)
{
    return (atomic_load(&g_mutex.word) & MUTEX_WAITERS) != 0;
}

static void read_lock(void)
{
    rwlock_read_lock(&g_rwlock);
}

static void read_unlock(void)
{
    rwlock_read_unlock(&g_rwlock);
}

static void write_lock(void)
{
    rwlock_write_lock(&g_rwlock);
}

static void write_unlock(void)
{
    rwlock_write_unlock(&g_rwlock);
}

static bool is_rwlock_waited_for(void)
{
    return (atomic_load(&g_rwlock.word) & RWLOCK_WAITERS) != 0;
}

/* A lock as its holder and as the other side take it. */
struct kind {
    void (*hold)(void);
    void (*give)(void);
    bool (*is_waited_for)(void);
    void (*lock)(void);
    void (*unlock)(void);
};

enum turn {
    TURN_NOBODY,
    TURN_HOLD,   /* the holder shall take the lock */
    TURN_COME,   /* it has; the other side comes */
    TURN_COMING, /* the other side is about to lock */
    TURN_END,
};

static _Atomic uint32_t g_turn;
static _Atomic uint32_t g_wins; /* times that nobody had queued after a while */
static const struct kind *g_kind;

static void turn_wait(enum turn turn)
{
    while (atomic_load(&g_turn) != turn) {
        hal_spin_yield();
    }
}

/* Takes the lock when told to, and gives it back a little after the other has come for it. */
static void holder(void *arg)
{
    (void)arg;
    for (;;) {
        while (atomic_load(&g_turn) == TURN_NOBODY) {
            hal_spin_yield();
        }
        if (atomic_load(&g_turn) == TURN_END) {
            return;
        }
        g_kind->hold();
        atomic_store(&g_turn, TURN_COME);
        turn_wait(TURN_COMING);
        for (uint32_t i = 0; i < 50; i++) {
            hal_pause();
        }
        if (!g_kind->is_waited_for()) {
            atomic_fetch_add(&g_wins, 1);
        }
        g_kind->give();
        atomic_store(&g_turn, TURN_NOBODY);
    }
}

/* The other side comes while the holder runs: often it has not queued after a while, as often as
 * the host, or the emulator, lets both run at once. */
static void look_on(const struct kind *kind)
{
    const struct thread_spec spec = { .name = "holder", .entry = holder, .cpu = 1 };
    struct thread *thread = NULL;

    g_kind = kind;
    atomic_store(&g_turn, TURN_NOBODY);
    atomic_store(&g_wins, 0);
    ck_assert_int_eq(thread_affinity_set(thread_current(), 1), EXO_OK);
    ck_assert_int_eq(thread_create(&spec, &thread), EXO_OK);
    for (uint32_t i = 0; i < ROUNDS && atomic_load(&g_wins) < WINS; i++) {
        atomic_store(&g_turn, TURN_HOLD);
        turn_wait(TURN_COME);
        atomic_store(&g_turn, TURN_COMING);
        kind->lock();
        kind->unlock();
        turn_wait(TURN_NOBODY);
    }
    atomic_store(&g_turn, TURN_END);
    thread_join(thread, NULL);
    ck_assert_uint_eq(atomic_load(&g_wins), WINS);
    ck_assert_int_eq(thread_affinity_set(thread_current(), AFFINITY_ALL), EXO_OK);
}

START_TEST(mutex_locker_looks_on_while_the_owner_runs)
{
    static const struct kind kind = { lock_mutex, unlock_mutex, is_mutex_waited_for, lock_mutex,
                                      unlock_mutex };

    if (sched_online_count() > 1) {
        look_on(&kind);
    }
}
END_TEST

START_TEST(rwlock_locker_looks_on_while_the_writer_runs)
{
    static const struct kind reads = { write_lock, write_unlock, is_rwlock_waited_for, read_lock,
                                       read_unlock };
    static const struct kind writes = { write_lock, write_unlock, is_rwlock_waited_for, write_lock,
                                        write_unlock };

    if (sched_online_count() > 1) {
        look_on(&reads);
        look_on(&writes);
    }
}
END_TEST

EXO_SUITE(sync_look, EXO_TEST_TIMED(mutex_locker_looks_on_while_the_owner_runs, 60),
          EXO_TEST_TIMED(rwlock_locker_looks_on_while_the_writer_runs, 60))
