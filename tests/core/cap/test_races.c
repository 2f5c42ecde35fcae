/*
 * tests/core/cap/test_races.c - tables and trees under threads of several CPUs at once.
 *
 * Every round counts operations, never time; what is checked is that no look-up finds a dead or a
 * wrong object, that forests stay whole, and that everything is given back.
 */
#include "exo/sched/sched.h"
#include "exo/sched/thread.h"

#include "objects.h"

#define WORKERS 4u
#define SPACES  3u
#define SHARED  16u /* numbers that all threads know */

static struct cap_space *g_space[SPACES];
static struct kobj *g_object;
static _Atomic exo_cap_t g_shared[SHARED];
static _Atomic uint32_t g_failures;
static uint32_t g_rounds;

static uint64_t next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005ull + 1442695040888963407ull;
    return *state >> 33;
}

static void run_workers(void (*entry)(void *), uint32_t count)
{
    struct thread *thread[WORKERS];
    static uint32_t number[WORKERS];

    for (uint32_t i = 0; i < count; i++) {
        number[i] = i;
        const struct thread_spec spec = {
            .name = "worker", .entry = entry, .arg = &number[i], .cpu = THREAD_ANY_CPU
        };

        ck_assert_int_eq(thread_create(&spec, &thread[i]), EXO_OK);
    }
    for (uint32_t i = 0; i < count; i++) {
        thread_join(thread[i], NULL);
    }
    ck_assert_uint_eq(atomic_load(&g_failures), 0);
}

static void begin(uint32_t rounds)
{
    quota_begin();
    g_rounds = test_is_long() ? rounds * 10 : rounds;
    atomic_store(&g_failures, 0);
    for (uint32_t i = 0; i < SPACES; i++) {
        g_space[i] = space_create();
    }
    for (uint32_t i = 0; i < SHARED; i++) {
        atomic_store(&g_shared[i], EXO_CAP_NONE);
    }
}

static void end(void)
{
    for (uint32_t i = 0; i < SPACES; i++) {
        cap_space_destroy(g_space[i]);
    }
    quota_end();
    objects_end();
}

static void expect(bool truth)
{
    if (!truth) {
        atomic_fetch_add(&g_failures, 1);
    }
}

/* ---- look-ups against closes ---- */

/* Look at numbers of others: found is the object, of the type asked for, and alive. The badge of
 * an entry is the type of its object. */
static void look_at(exo_cap_t cap, uint32_t type)
{
    struct kobj *object = NULL;
    struct cap_info info;

    expect(cap_query(g_space[0], cap, &info) != EXO_OK || info.badge == info.type);
    epoch_enter();
    if (cap_lookup(g_space[0], cap, type, RIGHT_READ, &object) == EXO_OK) {
        expect(object->ops->type == type);
        expect(atomic_load_explicit(&object_of(object)->mark, memory_order_relaxed) == OBJECT_MARK);
    }
    epoch_exit();
}

/* Objects of both types come and go in few slots; one type's entries may not be read. */
static void come_and_go(void *arg)
{
    const uint32_t number = *(uint32_t *)arg;
    uint64_t random = number;

    for (uint32_t i = 0; i < g_rounds; i++) {
        const uint32_t place = (uint32_t)next_random(&random) % SHARED;
        const exo_cap_t other = atomic_load(&g_shared[(uint32_t)next_random(&random) % SHARED]);

        look_at(other, TYPE_ONE);
        look_at(other, TYPE_TWO);
        if (number % 2 == 0) {
            const uint32_t type = next_random(&random) % 2 == 0 ? TYPE_ONE : TYPE_TWO;
            struct kobj *const object = object_try_create(type);
            exo_cap_t cap = EXO_CAP_NONE;

            if (object != NULL) {
                expect(cap_insert(g_space[0], object, RIGHT_READ, type, &cap) == EXO_OK);
                kobj_unref(object);
                cap = atomic_exchange(&g_shared[place], cap);
                expect(cap == EXO_CAP_NONE || cap_close(g_space[0], cap) == EXO_OK);
            }
        }
    }
}

START_TEST(cap_lookup_races_with_close)
{
    begin(200);
    run_workers(come_and_go, WORKERS);
    end();
}
END_TEST

/* ---- everything against everything, on one object ---- */

/* One random operation on a number that others may be using, with any outcome; *out is made in
 * table `to` on EXO_OK. */
static exo_status_t do_something(uint64_t *random, uint32_t to, exo_cap_t *out)
{
    const struct cap_grant grant = { .rights = RIGHTS_TEST };
    const uint32_t from = (uint32_t)next_random(random) % SHARED;
    const exo_cap_t cap = atomic_load(&g_shared[from]);
    struct cap_space *const space = g_space[from % SPACES];

    switch (next_random(random) % 10) {
    case 0:
    case 1:
    case 2:
        return cap_derive(space, cap, &grant, g_space[to], out);
    case 3:
    case 4:
        return cap_duplicate(space, cap, RIGHTS_TEST, g_space[to], out);
    case 5:
    case 6:
        return cap_move(space, cap, g_space[to], out);
    case 7:
        return cap_revoke(space, cap) == EXO_OK ? EXO_ERR_NOT_FOUND : EXO_ERR_BAD_CAP;
    case 8:
        return cap_close(space, cap) == EXO_OK ? EXO_ERR_NOT_FOUND : EXO_ERR_BAD_CAP;
    default:
        return cap_insert(g_space[to], g_object, RIGHTS_TEST, 0, out);
    }
}

/* Tell others a number, at a place that tells its table too; the one that was there is closed. */
static void publish(exo_cap_t cap, uint32_t space, uint64_t *random)
{
    const uint32_t place = (uint32_t)next_random(random) % (SHARED / SPACES) * SPACES + space;
    const exo_cap_t old = atomic_exchange(&g_shared[place], cap);

    if (old != EXO_CAP_NONE) {
        const exo_status_t status = cap_close(g_space[space], old);

        expect(status == EXO_OK || status == EXO_ERR_BAD_CAP);
    }
}

static void at_once(void *arg)
{
    uint64_t random = *(uint32_t *)arg + 77;

    for (uint32_t i = 0; i < g_rounds; i++) {
        const uint32_t to = (uint32_t)next_random(&random) % SPACES;
        exo_cap_t out = EXO_CAP_NONE;
        const exo_status_t status = do_something(&random, to, &out);

        if (status == EXO_OK) {
            publish(out, to, &random);
        } else {
            expect(status == EXO_ERR_BAD_CAP || status == EXO_ERR_NOT_FOUND);
        }
    }
}

START_TEST(cap_operations_race_on_one_object)
{
    begin(300);
    g_object = object_create(TYPE_ONE);
    run_workers(at_once, WORKERS);
    const uint64_t count = cap_check(g_object);

    ck_assert_uint_eq(count, atomic_load(&g_quota.entries));
    for (uint32_t i = 0; i < SPACES; i++) {
        cap_space_destroy(g_space[i]);
        g_space[i] = space_create();
    }
    ck_assert_uint_eq(cap_check(g_object), 0);
    ck_assert_uint_eq(atomic_load(&g_object->refs), 1);
    kobj_unref(g_object);
    end();
}
END_TEST

/* ---- a revocation against those who copy what it takes ---- */

static exo_cap_t g_top;
static _Atomic uint32_t g_stop;

/* Copy the newest of the family as fast as possible, from wherever there is one. */
static void multiply(void *arg)
{
    const uint32_t number = *(uint32_t *)arg;
    const struct cap_grant grant = { .rights = RIGHTS_TEST };
    exo_cap_t cap = atomic_load(&g_shared[0]);

    for (uint32_t i = 0; atomic_load(&g_stop) == 0; i++) {
        exo_cap_t out = EXO_CAP_NONE;
        const exo_status_t status =
            i % 2 == number % 2 ? cap_derive(g_space[1], cap, &grant, g_space[1], &out)
                                : cap_duplicate(g_space[1], cap, RIGHTS_TEST, g_space[1], &out);

        if (status == EXO_OK && i % 16 == 0) {
            cap = out;
        } else if (status != EXO_OK) {
            cap = atomic_load(&g_shared[0]); /* it went, or there are too many: a new family? */
            thread_yield();
        }
    }
}

static void revoke_all(void *arg)
{
    if (*(uint32_t *)arg != 0) {
        multiply(arg);
        return;
    }
    for (uint32_t i = 0; i < g_rounds; i++) {
        exo_cap_t child = EXO_CAP_NONE;
        const struct cap_grant grant = { .rights = RIGHTS_TEST };

        expect(cap_derive(g_space[0], g_top, &grant, g_space[1], &child) == EXO_OK);
        atomic_store(&g_shared[0], child);
        thread_yield();
        expect(cap_revoke(g_space[0], g_top) == EXO_OK);
        expect(!is_alive(g_space[1], child));
    }
    atomic_store(&g_stop, 1);
}

START_TEST(cap_revoke_outruns_those_who_copy)
{
    begin(20);
    g_quota.entries_max = 2000;
    atomic_store(&g_stop, 0);
    g_object = object_create(TYPE_ONE);
    g_top = insert(g_space[0], g_object, RIGHTS_TEST);
    run_workers(revoke_all, WORKERS);
    ck_assert_int_eq(cap_revoke(g_space[0], g_top), EXO_OK);
    ck_assert_uint_eq(cap_check(g_object), 1);
    kobj_unref(g_object);
    end();
}
END_TEST

/* ---- sending against the end of the table that receives ---- */

static _Atomic uint32_t g_senders;

static void send_into(void *arg)
{
    uint64_t random = *(uint32_t *)arg;
    struct cap_space *const dst = g_space[2];
    exo_status_t status = EXO_OK;

    while (status != EXO_ERR_DEAD) {
        exo_cap_t out = EXO_CAP_NONE;
        exo_cap_t copy = EXO_CAP_NONE;

        status = cap_duplicate(g_space[0], g_top, RIGHTS_TEST, g_space[0], &copy);
        expect(status == EXO_OK);
        status = next_random(&random) % 2 == 0
                     ? cap_move(g_space[0], copy, dst, &out)
                     : cap_duplicate(g_space[0], copy, RIGHTS_TEST, dst, &out);
        expect(status == EXO_OK || status == EXO_ERR_DEAD);
        expect(status == EXO_OK || is_alive(g_space[0], copy));
        atomic_fetch_add(&g_senders, 1);
        thread_yield();
    }
    cap_space_unref(dst);
}

static void send_or_destroy(void *arg)
{
    if (*(uint32_t *)arg != 0) {
        send_into(arg);
        return;
    }
    while (atomic_load(&g_senders) < 10) {
        thread_yield();
    }
    cap_space_destroy(g_space[2]);
}

START_TEST(cap_send_races_with_destroy)
{
    begin(5);
    g_object = object_create(TYPE_ONE);
    g_top = insert(g_space[0], g_object, RIGHTS_TEST);
    for (uint32_t i = 0; i < g_rounds; i++) {
        atomic_store(&g_senders, 0);
        for (uint32_t sender = 1; sender < WORKERS; sender++) {
            (void)cap_space_ref(g_space[2]);
        }
        run_workers(send_or_destroy, WORKERS);
        ck_assert_uint_eq(cap_check(g_object), atomic_load(&g_quota.entries));
        ck_assert_uint_eq(entries_of(g_space[0]), atomic_load(&g_quota.entries));
        g_space[2] = space_create();
    }
    kobj_unref(g_object);
    end();
}
END_TEST

EXO_SUITE(cap_races, EXO_TEST(cap_lookup_races_with_close),
          EXO_TEST(cap_operations_race_on_one_object), EXO_TEST(cap_revoke_outruns_those_who_copy),
          EXO_TEST(cap_send_races_with_destroy))
