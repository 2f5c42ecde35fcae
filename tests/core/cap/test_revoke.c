/*
 * tests/core/cap/test_revoke.c - what a revocation takes and what it leaves, deep and wide, and
 * that it can be interrupted.
 */
#include "exo/sched/sched.h"
#include "exo/sched/thread.h"

#include "objects.h"

#define MANY 5000u

static struct cap_space *g_space;
static struct cap_space *g_other;
static struct kobj *g_object;

static void begin(void)
{
    quota_begin();
    g_space = space_create();
    g_other = space_create();
    g_object = object_create(TYPE_ONE);
}

static void end(void)
{
    (void)cap_check(g_object);
    kobj_unref(g_object);
    cap_space_destroy(g_space);
    cap_space_destroy(g_other);
    quota_end();
    objects_end();
}

START_TEST(cap_revoke_needs_its_right)
{
    begin();
    const exo_cap_t cap = insert(g_space, g_object, RIGHTS_TEST & ~EXO_RIGHT_REVOKE);
    const struct cap_grant grant = { .rights = RIGHT_READ };
    exo_cap_t child = EXO_CAP_NONE;

    ck_assert_int_eq(cap_derive(g_space, cap, &grant, g_other, &child), EXO_OK);
    ck_assert_int_eq(cap_revoke(g_space, cap), EXO_ERR_ACCESS_DENIED);
    ck_assert(is_alive(g_other, child));
    ck_assert_uint_eq(cap_check(g_object), 2);
    end();
}
END_TEST

/* All that was derived goes, copies of it too, wherever it was sent; nothing else does. */
START_TEST(cap_revoke_takes_what_was_derived)
{
    begin();
    const exo_cap_t top = insert(g_space, g_object, RIGHTS_TEST);
    const exo_cap_t beside = insert(g_space, g_object, RIGHTS_TEST);
    const exo_cap_t cap = derive(g_space, top, g_space);
    const exo_cap_t copy = duplicate(g_space, cap, g_other);
    const exo_cap_t of_copy = derive(g_other, copy, g_other);
    const exo_cap_t child = derive(g_space, cap, g_other);
    const exo_cap_t sent = move(g_other, derive(g_other, child, g_other), g_space);
    const exo_cap_t twin = duplicate(g_other, child, g_space);
    const exo_cap_t of_twin = derive(g_space, twin, g_other);

    ck_assert_uint_eq(cap_check(g_object), 9);
    ck_assert_int_eq(cap_revoke(g_space, cap), EXO_OK);
    ck_assert(!is_alive(g_other, child) && !is_alive(g_space, sent));
    ck_assert(!is_alive(g_space, twin) && !is_alive(g_other, of_twin));
    ck_assert(is_alive(g_space, top) && is_alive(g_space, beside) && is_alive(g_space, cap));
    ck_assert(is_alive(g_other, copy) && is_alive(g_other, of_copy));
    ck_assert_uint_eq(cap_check(g_object), 5);
    ck_assert_int_eq(cap_revoke(g_space, cap), EXO_OK); /* there is nothing now */
    ck_assert_uint_eq(cap_check(g_object), 5);
    ck_assert_int_eq(cap_revoke(g_space, top), EXO_OK);
    ck_assert(!is_alive(g_space, cap) && !is_alive(g_other, copy) && !is_alive(g_other, of_copy));
    ck_assert(is_alive(g_space, top) && is_alive(g_space, beside));
    end();
}
END_TEST

/* Close takes nothing along; what was below is below the one above, and below none beside it. */
START_TEST(cap_close_leaves_children_to_the_one_above)
{
    begin();
    const exo_cap_t top = insert(g_space, g_object, RIGHTS_TEST);
    const exo_cap_t before = derive(g_space, top, g_space);
    const exo_cap_t cap = derive(g_space, top, g_space);
    const exo_cap_t after = derive(g_space, top, g_space);
    const exo_cap_t child[2] = { derive(g_space, cap, g_other), derive(g_space, cap, g_other) };
    const exo_cap_t low = derive(g_other, child[0], g_other);

    ck_assert_int_eq(cap_close(g_space, cap), EXO_OK);
    ck_assert_uint_eq(cap_check(g_object), 6);
    ck_assert_int_eq(cap_revoke(g_space, before), EXO_OK);
    ck_assert_int_eq(cap_revoke(g_space, after), EXO_OK);
    ck_assert_int_eq(cap_revoke(g_other, child[1]), EXO_OK);
    ck_assert_uint_eq(cap_check(g_object), 6);
    ck_assert_int_eq(cap_revoke(g_other, child[0]), EXO_OK);
    ck_assert(!is_alive(g_other, low));
    ck_assert_int_eq(cap_revoke(g_space, top), EXO_OK);
    ck_assert(!is_alive(g_other, child[0]) && !is_alive(g_other, child[1]));
    ck_assert_uint_eq(cap_check(g_object), 1);
    end();
}
END_TEST

/* A moved entry keeps its place: what is above revokes it, and it revokes what is below. */
START_TEST(cap_move_keeps_the_place_in_the_tree)
{
    begin();
    const exo_cap_t top = insert(g_space, g_object, RIGHTS_TEST);
    const exo_cap_t cap = derive(g_space, top, g_space);
    const exo_cap_t child = derive(g_space, cap, g_space);
    const exo_cap_t moved = move(g_space, cap, g_other);

    ck_assert_uint_eq(cap_check(g_object), 3);
    ck_assert_int_eq(cap_revoke(g_other, moved), EXO_OK);
    ck_assert(!is_alive(g_space, child) && is_alive(g_other, moved));
    const exo_cap_t again = derive(g_other, moved, g_space);

    ck_assert_int_eq(cap_revoke(g_space, top), EXO_OK);
    ck_assert(!is_alive(g_other, moved) && !is_alive(g_space, again));
    end();
}
END_TEST

/* A chain as long as it gets, and a family as wide: no recursion, no limit of depth. */
START_TEST(cap_revoke_goes_deep_and_wide)
{
    begin();
    const exo_cap_t top = insert(g_space, g_object, RIGHTS_TEST);
    exo_cap_t deep = derive(g_space, top, g_other);
    const exo_cap_t wide = derive(g_space, top, g_other);

    for (uint32_t i = 0; i < MANY; i++) {
        deep = derive(g_other, deep, g_other);
        (void)derive(g_other, wide, g_space);
    }
    ck_assert_uint_eq(cap_check(g_object), 3 + 2 * MANY);
    ck_assert_int_eq(cap_revoke(g_space, top), EXO_OK);
    ck_assert_uint_eq(cap_check(g_object), 1);
    ck_assert_uint_eq(atomic_load(&g_quota.entries), 1);
    end();
}
END_TEST

/* Closing in every order leaves a whole forest: each of a small family is closed first once. */
START_TEST(cap_close_in_any_order_keeps_the_forest)
{
    begin();
    for (uint32_t order = 0; order < 7 * 7; order++) {
        exo_cap_t cap[7] = { insert(g_space, g_object, RIGHTS_TEST) };

        for (uint32_t i = 1; i < ARRAY_COUNT(cap); i++) { /* a binary tree */
            cap[i] = derive(g_space, cap[(i - 1) / 2], g_space);
        }
        for (uint32_t i = 0; i < ARRAY_COUNT(cap); i++) {
            /* Starts at `order`, in steps that come by all of seven. */
            const uint32_t at = (order + i * (1 + order / 7 % 6)) % 7;

            ck_assert_int_eq(cap_close(g_space, cap[at]), EXO_OK);
            ck_assert_uint_eq(cap_check(g_object), 6 - i);
        }
    }
    end();
}
END_TEST

/* ---- while it runs ---- */

static exo_cap_t g_top;
static _Atomic uint32_t g_revoked;
static _Atomic uint32_t g_looked;
static uint32_t g_left; /* entries that the one in between saw */
static bool g_added;    /* it could add one */
static _Atomic uint32_t g_go[2];

static void wait_for_go(uint32_t number)
{
    while (atomic_load(&g_go[number]) == 0) {
        hal_spin_yield();
    }
}

static void revoker(void *arg)
{
    (void)arg;
    wait_for_go(0);
    const exo_status_t status = cap_revoke(g_space, g_top);

    atomic_store(&g_revoked, status == EXO_OK ? 1 : 2);
}

/* Takes the lock of the object right after the revoker had it for the first time. */
static void between(void *arg)
{
    (void)arg;
    wait_for_go(1);
    spin_lock(&g_object->lock);
    g_left = (uint32_t)atomic_load(&g_quota.entries);
    spin_unlock(&g_object->lock);
    exo_cap_t cap = EXO_CAP_NONE;

    g_added = cap_insert(g_other, g_object, 0, 0, &cap) == EXO_OK;
    atomic_store(&g_looked, 1);
}

/* Wait until `count` others wait for a spinlock that this CPU holds. */
static void wait_for_lockers(const struct spinlock *lock, uint32_t count)
{
    while ((uint16_t)(atomic_load(&lock->next) - atomic_load(&lock->serving)) != count + 1) {
        hal_spin_yield();
    }
}

static struct thread *start_on(uint32_t cpu, void (*entry)(void *))
{
    const struct thread_spec spec = { .name = "worker", .entry = entry, .cpu = cpu };
    struct thread *thread = NULL;

    ck_assert_int_eq(thread_create(&spec, &thread), EXO_OK);
    return thread;
}

/* Who waits for the object's lock gets it long before a revocation ends: the lock is given in the
 * order of coming, the revoker comes first, another right behind it. */
START_TEST(cap_revoke_lets_others_in)
{
    if (sched_online_count() < 3) {
        return;
    }
    begin();
    atomic_store(&g_revoked, 0);
    atomic_store(&g_looked, 0);
    atomic_store(&g_go[0], 0);
    atomic_store(&g_go[1], 0);
    ck_assert_int_eq(thread_affinity_set(thread_current(), 1), EXO_OK);
    g_top = insert(g_space, g_object, RIGHTS_TEST);
    for (uint32_t i = 0; i < MANY; i++) {
        (void)derive(g_space, g_top, g_other);
    }
    struct thread *const first = start_on(1, revoker);
    struct thread *const second = start_on(2, between);

    spin_lock(&g_object->lock);
    atomic_store(&g_go[0], 1);
    wait_for_lockers(&g_object->lock, 1);
    atomic_store(&g_go[1], 1);
    wait_for_lockers(&g_object->lock, 2);
    spin_unlock(&g_object->lock);
    ck_assert(test_wait_for(&g_looked, 1, 20 * NS_PER_S));
    ck_assert(test_wait_for(&g_revoked, 1, 20 * NS_PER_S));
    thread_join(first, NULL);
    thread_join(second, NULL);
    ck_assert_uint_eq(atomic_load(&g_revoked), 1);
    ck_assert_uint_lt(g_left, MANY + 1);
    ck_assert_uint_gt(g_left, MANY / 2);
    ck_assert(g_added);
    ck_assert_uint_eq(cap_check(g_object), 2);
    ck_assert_int_eq(thread_affinity_set(thread_current(), AFFINITY_ALL), EXO_OK);
    end();
}
END_TEST

/* Leave what is below the first entry of the object as a revoker does that is preempted before it
 * has closed anything. */
static void doom_children(void)
{
    spin_lock(&g_object->lock);
    g_object->doomed = g_object->derived->child;
    g_object->derived->child = NULL;
    g_object->doomed->prev->next = (uintptr_t)&g_object->doomed | 1u;
    spin_unlock(&g_object->lock);
}

/* While something is doomed, who adds an entry closes two: adding cannot outrun a revocation. */
START_TEST(cap_adding_closes_what_is_doomed)
{
    begin();
    const exo_cap_t top = insert(g_space, g_object, RIGHTS_TEST);
    const exo_cap_t doomed = derive(g_space, top, g_other);

    for (uint32_t i = 0; i < 9; i++) {
        (void)derive(g_other, doomed, g_other);
    }
    doom_children();
    ck_assert_uint_eq(cap_check(g_object), 11);
    (void)duplicate(g_space, top, g_space);
    ck_assert_uint_eq(cap_check(g_object), 10);
    ck_assert(!is_alive(g_other, doomed)); /* its children took its place */
    (void)insert(g_space, g_object, RIGHTS_TEST);
    ck_assert_uint_eq(cap_check(g_object), 9);
    const exo_cap_t revoker_cap = duplicate(g_space, top, g_space);

    ck_assert_uint_eq(cap_check(g_object), 8);
    ck_assert_int_eq(cap_revoke(g_space, revoker_cap), EXO_OK); /* finishes what others began */
    ck_assert_uint_eq(cap_check(g_object), 4);
    end();
}
END_TEST

/* What is doomed but not closed yet is an entry like others: it works, and keeps the object. */
START_TEST(cap_doomed_entries_keep_the_object)
{
    begin();
    const exo_cap_t top = insert(g_space, g_object, RIGHTS_TEST);
    const exo_cap_t doomed = derive(g_space, top, g_other);
    const exo_cap_t low = derive(g_other, doomed, g_space);

    doom_children();
    ck_assert_int_eq(cap_close(g_space, top), EXO_OK);
    ck_assert_uint_eq(cap_check(g_object), 2);
    ck_assert_uint_eq(atomic_load(&object_of(g_object)->last_caps), 0);
    ck_assert_int_eq(cap_close(g_other, doomed), EXO_OK);
    ck_assert(is_alive(g_space, low));
    ck_assert_int_eq(cap_close(g_space, low), EXO_OK);
    ck_assert_uint_eq(atomic_load(&object_of(g_object)->last_caps), 1);
    end();
}
END_TEST

EXO_SUITE(cap_revoke, EXO_TEST(cap_revoke_needs_its_right),
          EXO_TEST(cap_revoke_takes_what_was_derived),
          EXO_TEST(cap_close_leaves_children_to_the_one_above),
          EXO_TEST(cap_move_keeps_the_place_in_the_tree), EXO_TEST(cap_revoke_goes_deep_and_wide),
          EXO_TEST(cap_close_in_any_order_keeps_the_forest), EXO_TEST(cap_revoke_lets_others_in),
          EXO_TEST(cap_adding_closes_what_is_doomed), EXO_TEST(cap_doomed_entries_keep_the_object))
