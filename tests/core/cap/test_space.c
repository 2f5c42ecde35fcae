/*
 * tests/core/cap/test_space.c - tables: growth, generations, quota, failing allocations, the end.
 */
#include "exo/debug/panic.h"
#include "exo/mem/phys.h"

#include "cap_private.h"
#include "objects.h"

#define MANY 1000u

/* A table grows and nothing moves: each entry keeps slot and number. */
START_TEST(space_grows_without_moving)
{
    static exo_cap_t cap[MANY];
    static struct cap_slot *slot[MANY];
    struct cap_space_stats stats;

    quota_begin();
    struct cap_space *const space = space_create();
    struct kobj *const object = object_create(TYPE_ONE);

    for (uint32_t i = 0; i < MANY; i++) {
        cap[i] = insert(space, object, RIGHTS_TEST);
        slot[i] = cap_slot_of(space, cap[i]);
    }
    for (uint32_t i = 0; i < MANY; i++) {
        ck_assert(is_alive(space, cap[i]));
        ck_assert_ptr_eq(cap_slot_of(space, cap[i]), slot[i]);
        ck_assert(i == 0 || cap[i] != cap[i - 1]);
    }
    cap_space_stats(space, &stats);
    ck_assert_uint_eq(stats.entries, MANY);
    ck_assert_uint_eq(stats.slots,
                      (MANY + CAP_CHUNK_SLOTS - 1) / CAP_CHUNK_SLOTS * CAP_CHUNK_SLOTS);
    /* Who comes to grow it when it has been grown meanwhile leaves it alone. */
    ck_assert_int_eq(cap_space_grow(space), EXO_OK);
    cap_space_stats(space, &stats);
    ck_assert_uint_eq(stats.slots,
                      (MANY + CAP_CHUNK_SLOTS - 1) / CAP_CHUNK_SLOTS * CAP_CHUNK_SLOTS);
    ck_assert_uint_eq(cap_check(object), MANY);
    kobj_unref(object);
    cap_space_destroy(space);
    quota_end();
    objects_end();
}
END_TEST

/* A slot serves one entry per generation, retires with the last one, and its numbers stay dead. */
START_TEST(space_retires_a_slot_whose_generations_are_used_up)
{
    struct cap_space_stats stats;

    quota_begin();
    struct cap_space *const space = space_create();
    const exo_cap_t cap = insert_new(space, RIGHTS_TEST);
    struct cap_slot *const slot = cap_slot_of(space, cap);

    ck_assert_int_eq(cap_close(space, cap), EXO_OK);
    /* As if all but one of its generations had been used. */
    atomic_store(&slot->word, CAP_GENERATION_LAST - CAP_GENERATION_ONE);
    const exo_cap_t last = insert_new(space, RIGHTS_TEST);

    ck_assert_ptr_eq(cap_slot_of(space, last), slot);
    ck_assert(is_alive(space, last));
    ck_assert_int_eq(cap_close(space, last), EXO_OK);
    cap_space_stats(space, &stats);
    ck_assert_uint_eq(stats.slots_retired, 1);
    ck_assert_uint_eq(stats.entries, 0);
    for (uint32_t i = 0; i < 2 * CAP_CHUNK_SLOTS; i++) {
        ck_assert_ptr_ne(cap_slot_of(space, insert_new(space, RIGHTS_TEST)), slot);
    }
    ck_assert(!is_alive(space, last));
    ck_assert(!is_alive(space, last + CAP_GENERATION_ONE));
    ck_assert(!is_alive(space, last & ~CAP_GENERATION_MASK));
    cap_space_destroy(space);
    quota_end();
    objects_end();
}
END_TEST

/* ---- quota ---- */

/* Two tables share a quota of entries; what is closed, moved away or revoked is there again. */
START_TEST(quota_limits_entries)
{
    exo_cap_t out = EXO_CAP_NONE;

    cap_quota_init(&g_quota, 3, UINT64_MAX);
    struct cap_space *const space = space_create();
    struct cap_space *const other = space_create();
    struct kobj *const object = object_create(TYPE_ONE);
    const exo_cap_t cap = insert(space, object, RIGHTS_TEST);
    const exo_cap_t child = derive(space, cap, other);

    (void)derive(other, child, space);
    ck_assert_int_eq(cap_insert(space, object, 0, 0, &out), EXO_ERR_NO_RESOURCES);
    ck_assert_int_eq(cap_duplicate(other, child, 0, space, &out), EXO_ERR_NO_RESOURCES);
    ck_assert_int_eq(cap_move(other, child, space, &out), EXO_ERR_NO_RESOURCES);
    ck_assert(is_alive(other, child));
    ck_assert_uint_eq(atomic_load(&g_quota.entries), 3);
    ck_assert_int_eq(cap_revoke(space, cap), EXO_OK);
    ck_assert_uint_eq(atomic_load(&g_quota.entries), 1);
    (void)move(space, cap, other);
    ck_assert_uint_eq(atomic_load(&g_quota.entries), 1);
    kobj_unref(object);
    cap_space_destroy(space);
    cap_space_destroy(other);
    quota_end();
    objects_end();
}
END_TEST

/* Memory for one chunk only, with its directory: as many entries as it has slots. */
START_TEST(quota_limits_memory)
{
    exo_cap_t out = EXO_CAP_NONE;

    cap_quota_init(&g_quota, UINT64_MAX, 2 * PAGE_SIZE);
    struct cap_space *const space = space_create();

    for (uint32_t i = 0; i < CAP_CHUNK_SLOTS; i++) {
        (void)insert_new(space, RIGHTS_TEST);
    }
    struct kobj *const object = object_create(TYPE_ONE);

    ck_assert_int_eq(cap_insert(space, object, 0, 0, &out), EXO_ERR_NO_RESOURCES);
    ck_assert_uint_eq(atomic_load(&g_quota.bytes), 2 * PAGE_SIZE);
    ck_assert_uint_eq(out, EXO_CAP_NONE);
    kobj_unref(object);
    cap_space_destroy(space);
    quota_end();
    objects_end();
}
END_TEST

/* A table has an end: CAP_SLOTS_MAX. As if all its chunks but the last were there. */
START_TEST(space_has_a_limit)
{
    exo_cap_t out = EXO_CAP_NONE;

    quota_begin();
    struct cap_space *const space = space_create();
    struct kobj *const object = object_create(TYPE_ONE);

    space->chunks = CAP_CHUNKS_MAX;
    ck_assert_int_eq(cap_insert(space, object, 0, 0, &out), EXO_ERR_NO_RESOURCES);
    space->chunks = 0;
    kobj_unref(object);
    cap_space_destroy(space);
    quota_end();
    objects_end();
}
END_TEST

/* ---- failing allocations ---- */

static exo_status_t copy_and_revoke(struct cap_space *space, struct cap_space *other,
                                    struct kobj *object)
{
    const struct cap_grant grant = { .rights = RIGHTS_TEST };
    exo_cap_t cap[3] = { EXO_CAP_NONE };
    exo_status_t status = cap_insert(space, object, RIGHTS_TEST, 0, &cap[0]);

    if (status == EXO_OK) {
        status = cap_derive(space, cap[0], &grant, other, &cap[1]);
    }
    for (uint32_t i = 0; status == EXO_OK && i < CAP_CHUNK_SLOTS; i++) {
        status = cap_duplicate(space, cap[0], RIGHTS_TEST, space, &cap[2]);
    }
    if (status == EXO_OK) {
        status = cap_move(space, cap[2], other, &cap[2]);
    }
    return status == EXO_OK ? cap_revoke(space, cap[0]) : status;
}

static exo_status_t whole_life(void *arg)
{
    struct cap_space *space = NULL;
    struct cap_space *other = NULL;

    (void)arg;
    struct kobj *const object = object_try_create(TYPE_ONE);

    if (object == NULL) {
        return EXO_ERR_NO_MEMORY;
    }
    exo_status_t status = cap_space_create(&g_quota, &space);

    if (status == EXO_OK) {
        status = cap_space_create(&g_quota, &other);
    }
    if (status == EXO_OK) {
        status = copy_and_revoke(space, other, object);
    }
    if (space != NULL) {
        cap_space_destroy(space);
    }
    if (other != NULL) {
        cap_space_destroy(other);
    }
    quota_end();
    kobj_unref(object);
    objects_end();
    return status;
}

START_TEST(space_survives_every_failing_allocation)
{
    quota_begin();
    /* Object, two tables, three chunks, two directories; one may come out of a cache. */
    ck_assert_uint_ge(fault_sweep(whole_life, NULL), EXO_CONFIG_DEBUG ? 8 : 7);
}
END_TEST

/* ---- the end of a table ---- */

/* Entries in other tables stay, those in this one go; nothing comes in afterwards. */
START_TEST(space_destroy_gives_everything_back)
{
    exo_cap_t out = EXO_CAP_NONE;

    quota_begin();
    struct cap_space *const space = space_create();
    struct cap_space *const other = space_create();
    const exo_cap_t cap = insert_new(space, RIGHTS_TEST);
    const exo_cap_t child = derive(space, cap, other);
    const exo_cap_t low = derive(other, child, space);

    for (uint32_t i = 0; i < MANY; i++) {
        (void)derive(space, low, space);
    }
    (void)cap_space_ref(space);
    cap_space_destroy(space);
    ck_assert_uint_eq(atomic_load(&g_quota.entries), 1);
    ck_assert_uint_eq(entries_of(space), 0);
    ck_assert(!is_alive(space, cap));
    ck_assert(!is_alive(space, low));
    ck_assert(is_alive(other, child));
    ck_assert_int_eq(cap_move(other, child, space, &out), EXO_ERR_DEAD);
    ck_assert_int_eq(cap_duplicate(other, child, 0, space, &out), EXO_ERR_DEAD);
    ck_assert_int_eq(cap_space_grow(space), EXO_ERR_DEAD);
    ck_assert(is_alive(other, child));
    cap_space_unref(space);
    ck_assert_int_eq(cap_close(other, child), EXO_OK);
    cap_space_destroy(other);
    quota_end();
    objects_end();
}
END_TEST

/* ---- a million ---- */

#define MILLION       1000000u
#define MILLION_LIMIT (64ull << 20) /* bytes, for all that they need */
#define SPREAD        16u           /* tables */

/* A million living capabilities in sixteen tables, three deep, fit into 64 MiB; one revocation
 * takes all of them but those of the object that it concerns not. */
START_TEST(space_holds_a_million)
{
    static struct cap_space *space[SPREAD];
    struct phys_stats before;
    struct phys_stats after;

    quota_begin();
    phys_stats(&before);
    if (before.frames_free * PAGE_SIZE < MILLION_LIMIT + (8ull << 20)) {
        return; /* a machine without that much */
    }
    for (uint32_t i = 0; i < SPREAD; i++) {
        space[i] = space_create();
    }
    const exo_cap_t root = insert_new(space[0], RIGHTS_TEST);
    exo_cap_t middle = EXO_CAP_NONE;

    for (uint32_t i = 1; i < MILLION; i++) {
        if (i % SPREAD == 1) {
            middle = derive(space[0], root, space[1]);
        } else {
            (void)derive(space[1], middle, space[i % SPREAD]);
        }
    }
    ck_assert_uint_eq(atomic_load(&g_quota.entries), MILLION);
    phys_stats(&after);
    const uint64_t used = (before.frames_free - after.frames_free) * PAGE_SIZE;

    kprintf("# a million capabilities: %lu bytes of memory, %lu charged, %lu.%02lu each\n", used,
            atomic_load(&g_quota.bytes), used / MILLION, used % MILLION / 10000);
    ck_assert_uint_le(used, MILLION_LIMIT);
    ck_assert_int_eq(cap_revoke(space[0], root), EXO_OK);
    ck_assert_uint_eq(atomic_load(&g_quota.entries), 1);
    for (uint32_t i = 0; i < SPREAD; i++) {
        cap_space_destroy(space[i]);
    }
    quota_end();
    objects_end();
}
END_TEST

EXO_SUITE(cap_space, EXO_TEST(space_grows_without_moving),
          EXO_TEST(space_retires_a_slot_whose_generations_are_used_up),
          EXO_TEST(quota_limits_entries), EXO_TEST(quota_limits_memory),
          EXO_TEST(space_has_a_limit), EXO_TEST(space_survives_every_failing_allocation),
          EXO_TEST(space_destroy_gives_everything_back), EXO_TEST_LONG(space_holds_a_million, 120))
