/*
 * objects.h - objects and tables for tests of capabilities.
 *
 * An object of these dies visibly: its mark is wiped before its memory goes, and counters tell how
 * many ended and how often one lost its last capability.
 */
#ifndef TESTS_CORE_CAP_OBJECTS_H
#define TESTS_CORE_CAP_OBJECTS_H

#include <stdatomic.h>

#include "exo/cap/cap.h"
#include "exo/mem/heap.h"
#include "exo/time/clock.h"
#include "exo_check.h"
#include "exo_test.h"

#define TYPE_ONE 62u
#define TYPE_TWO 63u

#define RIGHT_READ  0x0010u
#define RIGHT_WRITE 0x0020u
#define RIGHTS_TEST (EXO_RIGHTS_COMMON | RIGHT_READ | RIGHT_WRITE)

#define OBJECT_MARK 0x0b1ec7edu

struct test_object {
    struct kobj base;
    _Atomic uint32_t mark;
    _Atomic uint32_t last_caps; /* calls of on_last_cap() */
};

static _Atomic uint32_t g_objects_made;
static _Atomic uint32_t g_objects_ended;

static inline struct test_object *object_of(struct kobj *object)
{
    return container_of(object, struct test_object, base);
}

static inline void object_on_last_cap(struct kobj *object)
{
    assert_may_block("on_last_cap");
    atomic_fetch_add(&object_of(object)->last_caps, 1);
}

static inline void object_destroy(struct kobj *object)
{
    atomic_store_explicit(&object_of(object)->mark, 0, memory_order_relaxed);
    heap_free(object_of(object));
    atomic_fetch_add(&g_objects_ended, 1);
}

static const struct kobj_ops g_object_ops[] = {
    { .name = "one",
      .type = TYPE_ONE,
      .rights = RIGHTS_TEST,
      .on_last_cap = object_on_last_cap,
      .destroy = object_destroy },
    { .name = "two",
      .type = TYPE_TWO,
      .rights = RIGHTS_TEST,
      .on_last_cap = object_on_last_cap,
      .destroy = object_destroy },
};

/* A new object of TYPE_ONE or TYPE_TWO; NULL if there is no memory. */
static inline struct kobj *object_try_create(uint32_t type)
{
    struct test_object *const object = heap_alloc(sizeof(*object));

    if (object == NULL) {
        return NULL;
    }
    kobj_init(&object->base, &g_object_ops[type - TYPE_ONE]);
    atomic_store(&object->mark, OBJECT_MARK);
    atomic_store(&object->last_caps, 0);
    atomic_fetch_add(&g_objects_made, 1);
    return &object->base;
}

static inline struct kobj *object_create(uint32_t type)
{
    struct kobj *const object = object_try_create(type);

    ck_assert_ptr_nonnull(object);
    return object;
}

/* Wait until all objects made so far have ended. */
static inline void objects_end(void)
{
    ck_assert(test_wait_for(&g_objects_ended, atomic_load(&g_objects_made), 20 * NS_PER_S));
    ck_assert_uint_eq(atomic_load(&g_objects_ended), atomic_load(&g_objects_made));
}

/* ---- tables, under one quota ---- */

static struct cap_quota g_quota;

static inline void quota_begin(void)
{
    cap_quota_init(&g_quota, UINT64_MAX, UINT64_MAX);
}

/* All that was charged has been given back. */
static inline void quota_end(void)
{
    ck_assert_uint_eq(atomic_load(&g_quota.entries), 0);
    ck_assert_uint_eq(atomic_load(&g_quota.bytes), 0);
}

static inline struct cap_space *space_create(void)
{
    struct cap_space *space = NULL;

    ck_assert_int_eq(cap_space_create(&g_quota, &space), EXO_OK);
    return space;
}

static inline uint32_t entries_of(struct cap_space *space)
{
    struct cap_space_stats stats;

    cap_space_stats(space, &stats);
    return stats.entries;
}

/* ---- entries ---- */

/* Look `cap` up in a section of its own; what it finds is only to be compared. */
static inline exo_status_t find(struct cap_space *space, exo_cap_t cap, uint32_t type,
                                exo_rights_t need, struct kobj **object)
{
    epoch_enter();
    const exo_status_t status = cap_lookup(space, cap, type, need, object);

    epoch_exit();
    return status;
}

static inline bool is_alive(struct cap_space *space, exo_cap_t cap)
{
    struct cap_info info;

    return cap_query(space, cap, &info) == EXO_OK;
}

static inline exo_cap_t insert(struct cap_space *space, struct kobj *object, exo_rights_t rights)
{
    exo_cap_t cap = EXO_CAP_NONE;

    ck_assert_int_eq(cap_insert(space, object, rights, 0, &cap), EXO_OK);
    return cap;
}

/* A new object's only capability, which alone holds it. */
static inline exo_cap_t insert_new(struct cap_space *space, exo_rights_t rights)
{
    struct kobj *const object = object_create(TYPE_ONE);
    const exo_cap_t cap = insert(space, object, rights);

    kobj_unref(object);
    return cap;
}

static inline exo_cap_t duplicate(struct cap_space *space, exo_cap_t cap, struct cap_space *dst)
{
    exo_cap_t copy = EXO_CAP_NONE;

    ck_assert_int_eq(cap_duplicate(space, cap, RIGHTS_TEST, dst, &copy), EXO_OK);
    return copy;
}

static inline exo_cap_t derive(struct cap_space *space, exo_cap_t cap, struct cap_space *dst)
{
    const struct cap_grant grant = { .rights = RIGHTS_TEST };
    exo_cap_t child = EXO_CAP_NONE;

    ck_assert_int_eq(cap_derive(space, cap, &grant, dst, &child), EXO_OK);
    return child;
}

static inline exo_cap_t move(struct cap_space *space, exo_cap_t cap, struct cap_space *dst)
{
    exo_cap_t moved = EXO_CAP_NONE;

    ck_assert_int_eq(cap_move(space, cap, dst, &moved), EXO_OK);
    return moved;
}

#endif /* TESTS_CORE_CAP_OBJECTS_H */
