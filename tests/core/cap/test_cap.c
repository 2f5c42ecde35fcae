/*
 * tests/core/cap/test_cap.c - each operation on entries, each of its errors, the ends of objects.
 */
#include "exo/cap/cap.h"

#include "cap_private.h"
#include "objects.h"

static struct cap_space *g_space;
static struct cap_space *g_other;

static void begin(void)
{
    quota_begin();
    g_space = space_create();
    g_other = space_create();
}

static void end(void)
{
    cap_space_destroy(g_space);
    cap_space_destroy(g_other);
    quota_end();
    objects_end();
}

START_TEST(cap_lookup_finds_what_was_inserted)
{
    struct kobj *found = NULL;
    struct cap_info info;

    begin();
    struct kobj *const object = object_create(TYPE_TWO);
    exo_cap_t cap = EXO_CAP_NONE;

    ck_assert_int_eq(cap_insert(g_space, object, RIGHT_READ | EXO_RIGHT_SEND, UINT64_MAX - 1, &cap),
                     EXO_OK);
    ck_assert_uint_ne(cap, EXO_CAP_NONE);
    ck_assert_int_eq(find(g_space, cap, TYPE_TWO, RIGHT_READ | EXO_RIGHT_SEND, &found), EXO_OK);
    ck_assert_ptr_eq(found, object);
    ck_assert_int_eq(cap_query(g_space, cap, &info), EXO_OK);
    ck_assert_uint_eq(info.type, TYPE_TWO);
    ck_assert_uint_eq(info.rights, RIGHT_READ | EXO_RIGHT_SEND);
    ck_assert_uint_eq(info.badge, UINT64_MAX - 1);
    ck_assert_uint_eq(cap_check(object), 1);
    kobj_unref(object);
    end();
}
END_TEST

/* The errors come in their order, and leave the result alone. */
START_TEST(cap_lookup_rejects_type_then_rights)
{
    struct kobj *found = NULL;

    begin();
    const exo_cap_t cap = insert_new(g_space, RIGHT_READ);

    ck_assert_int_eq(find(g_space, cap, TYPE_TWO, RIGHT_READ, &found), EXO_ERR_WRONG_TYPE);
    ck_assert_int_eq(find(g_space, cap, TYPE_TWO, RIGHT_WRITE, &found), EXO_ERR_WRONG_TYPE);
    ck_assert_int_eq(find(g_space, cap, TYPE_ONE, RIGHT_WRITE, &found), EXO_ERR_ACCESS_DENIED);
    ck_assert_int_eq(find(g_space, cap, TYPE_ONE, RIGHT_READ | RIGHT_WRITE, &found),
                     EXO_ERR_ACCESS_DENIED);
    ck_assert_int_eq(find(g_space, cap + 1, TYPE_TWO, RIGHT_WRITE, &found), EXO_ERR_BAD_CAP);
    ck_assert_ptr_null(found);
    ck_assert_int_eq(find(g_space, cap, TYPE_ONE, 0, &found), EXO_OK);
    end();
}
END_TEST

/* A number that differs from a living one in any one bit is none. */
START_TEST(cap_lookup_rejects_every_forged_bit)
{
    struct kobj *found = NULL;
    struct cap_info info;
    exo_cap_t out = EXO_CAP_NONE;

    begin();
    const exo_cap_t cap = insert_new(g_space, RIGHTS_TEST);

    for (uint32_t bit = 0; bit < 64; bit++) {
        const exo_cap_t forged = cap ^ (1ull << bit);

        ck_assert_int_eq(find(g_space, forged, TYPE_ONE, 0, &found), EXO_ERR_BAD_CAP);
        ck_assert_int_eq(cap_query(g_space, forged, &info), EXO_ERR_BAD_CAP);
        ck_assert_int_eq(cap_close(g_space, forged), EXO_ERR_BAD_CAP);
        ck_assert_int_eq(cap_revoke(g_space, forged), EXO_ERR_BAD_CAP);
        ck_assert_int_eq(cap_move(g_space, forged, g_other, &out), EXO_ERR_BAD_CAP);
        ck_assert_int_eq(cap_duplicate(g_space, forged, 0, g_other, &out), EXO_ERR_BAD_CAP);
    }
    ck_assert_int_eq(find(g_space, EXO_CAP_NONE, TYPE_ONE, 0, &found), EXO_ERR_BAD_CAP);
    ck_assert_int_eq(find(g_space, UINT64_MAX, TYPE_ONE, 0, &found), EXO_ERR_BAD_CAP);
    ck_assert_int_eq(find(g_other, cap, TYPE_ONE, 0, &found), EXO_ERR_BAD_CAP);
    ck_assert_uint_eq(entries_of(g_space), 1);
    ck_assert_uint_eq(entries_of(g_other), 0);
    end();
}
END_TEST

/* All numbers whose slot lies past the end of a chunk, of which the frame has something else. */
START_TEST(cap_lookup_rejects_places_past_a_chunk)
{
    struct kobj *found = NULL;

    begin();
    const exo_cap_t cap = insert_new(g_space, RIGHTS_TEST);
    const exo_cap_t base = cap & ~(exo_cap_t)((1u << CAP_CHUNK_SHIFT) - 1);

    for (uint64_t slot = CAP_CHUNK_SLOTS; slot < 1u << CAP_CHUNK_SHIFT; slot++) {
        ck_assert_ptr_null(cap_slot_of(g_space, base | slot));
        ck_assert_int_eq(find(g_space, base | slot, TYPE_ONE, 0, &found), EXO_ERR_BAD_CAP);
    }
    ck_assert_uint_eq(index_nospec(CAP_CHUNK_SLOTS - 1, CAP_CHUNK_SLOTS), CAP_CHUNK_SLOTS - 1);
    ck_assert_uint_eq(index_nospec(CAP_CHUNK_SLOTS, CAP_CHUNK_SLOTS), 0);
    end();
}
END_TEST

/* A closed number stays dead after its slot is taken again; so does one that was guessed before. */
START_TEST(cap_lookup_rejects_stale_and_guessed_numbers)
{
    struct kobj *found = NULL;

    begin();
    const exo_cap_t stale = insert_new(g_space, RIGHTS_TEST);
    const exo_cap_t guessed = stale + CAP_GENERATION_ONE;

    ck_assert_int_eq(cap_close(g_space, stale), EXO_OK);
    ck_assert_int_eq(find(g_space, stale, TYPE_ONE, 0, &found), EXO_ERR_BAD_CAP);
    ck_assert_int_eq(find(g_space, guessed, TYPE_ONE, 0, &found), EXO_ERR_BAD_CAP);
    const exo_cap_t live = insert_new(g_space, RIGHTS_TEST);

    ck_assert_uint_eq(live, guessed);
    ck_assert_int_eq(find(g_space, stale, TYPE_ONE, 0, &found), EXO_ERR_BAD_CAP);
    ck_assert_int_eq(cap_close(g_space, stale), EXO_ERR_BAD_CAP);
    ck_assert_int_eq(find(g_space, live, TYPE_ONE, 0, &found), EXO_OK);
    /* Its entry came between the two questions: it was not there when the first one was asked. */
    ck_assert_int_eq(cap_lookup_failure(g_space, live, TYPE_ONE, 0), EXO_ERR_BAD_CAP);
    end();
}
END_TEST

START_TEST(cap_insert_rejects_rights_that_the_type_lacks)
{
    exo_cap_t cap = EXO_CAP_NONE;

    begin();
    struct kobj *const object = object_create(TYPE_ONE);

    ck_assert_int_eq(cap_insert(g_space, object, 0x8000u, 0, &cap), EXO_ERR_INVALID);
    ck_assert_int_eq(cap_insert(g_space, object, 0x10000u | RIGHT_READ, 0, &cap), EXO_ERR_INVALID);
    ck_assert_uint_eq(cap, EXO_CAP_NONE);
    ck_assert_uint_eq(cap_check(object), 0);
    kobj_unref(object);
    end();
}
END_TEST

/* ---- copies ---- */

/* Try to copy an entry with `rights` as one with `wanted`. */
static exo_status_t try_duplicate(exo_rights_t rights, exo_rights_t wanted, struct cap_space *dst)
{
    exo_cap_t copy = EXO_CAP_NONE;
    const exo_cap_t cap = insert_new(g_space, rights);
    const exo_status_t status = cap_duplicate(g_space, cap, wanted, dst, &copy);
    struct cap_info info;

    ck_assert_int_eq(copy != EXO_CAP_NONE, status == EXO_OK);
    ck_assert_int_eq(is_alive(dst, copy), status == EXO_OK);
    if (status == EXO_OK) {
        ck_assert_int_eq(cap_query(dst, copy, &info), EXO_OK);
        ck_assert_uint_eq(info.rights, wanted);
    }
    return status;
}

START_TEST(cap_duplicate_needs_its_rights_and_adds_none)
{
    const exo_rights_t both = EXO_RIGHT_DUPLICATE | EXO_RIGHT_SEND;

    begin();
    ck_assert_int_eq(try_duplicate(EXO_RIGHT_DUPLICATE, 0, g_space), EXO_OK);
    ck_assert_int_eq(try_duplicate(EXO_RIGHT_DUPLICATE, EXO_RIGHT_DUPLICATE, g_space), EXO_OK);
    ck_assert_int_eq(try_duplicate(both, both, g_other), EXO_OK);
    ck_assert_int_eq(try_duplicate(RIGHTS_TEST & ~EXO_RIGHT_DUPLICATE, 0, g_space),
                     EXO_ERR_ACCESS_DENIED);
    ck_assert_int_eq(try_duplicate(RIGHTS_TEST & ~EXO_RIGHT_SEND, 0, g_other),
                     EXO_ERR_ACCESS_DENIED);
    ck_assert_int_eq(try_duplicate(RIGHTS_TEST & ~EXO_RIGHT_SEND, 0, g_space), EXO_OK);
    for (uint32_t bit = 0; bit < 32; bit++) {
        const exo_rights_t rights = bit == 0 || bit == 2 ? both : both | RIGHT_READ;

        ck_assert_int_eq(try_duplicate(rights, 1u << bit, g_other),
                         (rights & 1u << bit) != 0 ? EXO_OK : EXO_ERR_ACCESS_DENIED);
    }
    end();
}
END_TEST

static exo_status_t try_derive(exo_rights_t rights, exo_rights_t wanted, struct cap_space *dst)
{
    const struct cap_grant grant = { .rights = wanted };
    exo_cap_t child = EXO_CAP_NONE;
    const exo_cap_t cap = insert_new(g_space, rights);
    const exo_status_t status = cap_derive(g_space, cap, &grant, dst, &child);

    ck_assert_int_eq(is_alive(dst, child), status == EXO_OK);
    return status;
}

START_TEST(cap_derive_needs_its_rights_and_adds_none)
{
    begin();
    ck_assert_int_eq(try_derive(EXO_RIGHT_DERIVE, 0, g_space), EXO_OK);
    ck_assert_int_eq(try_derive(EXO_RIGHT_DERIVE | EXO_RIGHT_SEND, EXO_RIGHT_SEND, g_other),
                     EXO_OK);
    ck_assert_int_eq(try_derive(RIGHTS_TEST & ~EXO_RIGHT_DERIVE, 0, g_space),
                     EXO_ERR_ACCESS_DENIED);
    ck_assert_int_eq(try_derive(RIGHTS_TEST & ~EXO_RIGHT_SEND, 0, g_other), EXO_ERR_ACCESS_DENIED);
    ck_assert_int_eq(try_derive(RIGHTS_TEST & ~EXO_RIGHT_SEND, 0, g_space), EXO_OK);
    ck_assert_int_eq(try_derive(EXO_RIGHT_DERIVE, RIGHT_READ, g_space), EXO_ERR_ACCESS_DENIED);
    end();
}
END_TEST

/* A badge is given by a derivation, once, and goes to all copies; nothing changes or sheds it. */
START_TEST(cap_badge_is_given_once)
{
    const struct cap_grant seven = { .rights = RIGHTS_TEST, .badge = 7 };
    const struct cap_grant eight = { .rights = RIGHTS_TEST, .badge = 8 };
    exo_cap_t child = EXO_CAP_NONE;
    exo_cap_t other = EXO_CAP_NONE;
    struct cap_info info;

    begin();
    const exo_cap_t cap = insert_new(g_space, RIGHTS_TEST);

    ck_assert_int_eq(cap_derive(g_space, cap, &seven, g_space, &child), EXO_OK);
    ck_assert_int_eq(cap_derive(g_space, child, &eight, g_space, &other), EXO_ERR_ACCESS_DENIED);
    ck_assert_int_eq(cap_derive(g_space, child, &seven, g_space, &other), EXO_ERR_ACCESS_DENIED);
    ck_assert_uint_eq(other, EXO_CAP_NONE);
    const exo_cap_t copy[] = { child, derive(g_space, child, g_space),
                               duplicate(g_space, child, g_space) };

    for (uint32_t i = 0; i < ARRAY_COUNT(copy); i++) {
        const exo_cap_t moved = move(g_space, copy[i], g_other);

        ck_assert_int_eq(cap_query(g_other, moved, &info), EXO_OK);
        ck_assert_uint_eq(info.badge, 7);
    }
    ck_assert_int_eq(cap_query(g_space, cap, &info), EXO_OK);
    ck_assert_uint_eq(info.badge, 0);
    end();
}
END_TEST

START_TEST(cap_move_needs_send_and_leaves_nothing_behind)
{
    struct kobj *found = NULL;
    struct cap_info info;
    exo_cap_t out = EXO_CAP_NONE;

    begin();
    const exo_cap_t kept = insert_new(g_space, RIGHTS_TEST & ~EXO_RIGHT_SEND);
    const exo_cap_t cap = insert_new(g_space, EXO_RIGHT_SEND | RIGHT_WRITE);

    ck_assert_int_eq(cap_move(g_space, kept, g_other, &out), EXO_ERR_ACCESS_DENIED);
    ck_assert(is_alive(g_space, kept));
    const exo_cap_t moved = move(g_space, cap, g_other);

    ck_assert_int_eq(find(g_space, cap, TYPE_ONE, 0, &found), EXO_ERR_BAD_CAP);
    ck_assert_int_eq(cap_query(g_other, moved, &info), EXO_OK);
    ck_assert_uint_eq(info.rights, EXO_RIGHT_SEND | RIGHT_WRITE);
    ck_assert_uint_eq(entries_of(g_space), 1);
    ck_assert_uint_eq(entries_of(g_other), 1);
    end();
}
END_TEST

/* ---- ends ---- */

/* The object lasts as long as a capability or a reference; on_last_cap() runs once, at the last. */
START_TEST(cap_last_close_ends_the_object)
{
    begin();
    struct kobj *const object = object_create(TYPE_ONE);
    const exo_cap_t first = insert(g_space, object, RIGHTS_TEST);
    const exo_cap_t second = derive(g_space, first, g_other);

    ck_assert_int_eq(cap_close(g_space, first), EXO_OK);
    ck_assert_uint_eq(atomic_load(&object_of(object)->last_caps), 0);
    ck_assert_int_eq(cap_close(g_other, second), EXO_OK);
    ck_assert_uint_eq(atomic_load(&object_of(object)->last_caps), 1);
    ck_assert_uint_eq(atomic_load(&object->refs), 1);
    ck_assert_uint_eq(atomic_load(&object_of(object)->mark), OBJECT_MARK);
    ck_assert(kobj_try_ref(object));
    kobj_unref(object);
    epoch_enter();
    kobj_unref(object);
    ck_assert(!kobj_try_ref(object)); /* its memory is there to the end of the section */
    epoch_exit();
    end();
}
END_TEST

/* Without other references the capabilities alone keep it, through closes and moves. */
START_TEST(cap_keeps_its_object)
{
    struct kobj *found = NULL;

    begin();
    exo_cap_t cap = insert_new(g_space, RIGHTS_TEST);

    for (uint32_t i = 0; i < 4; i++) {
        const exo_cap_t copy = duplicate(g_space, cap, g_space);

        ck_assert_int_eq(cap_close(g_space, cap), EXO_OK);
        cap = move(g_space, copy, g_space);
    }
    epoch_synchronize();
    epoch_enter();
    ck_assert_int_eq(cap_lookup(g_space, cap, TYPE_ONE, RIGHT_READ, &found), EXO_OK);
    ck_assert_uint_eq(atomic_load(&object_of(found)->mark), OBJECT_MARK);
    epoch_exit();
    ck_assert_uint_eq(atomic_load(&g_objects_ended), atomic_load(&g_objects_made) - 1);
    end();
}
END_TEST

/* A borrowed object outlasts its last capability to the end of the section. */
START_TEST(cap_borrowed_object_lasts_to_the_end_of_the_section)
{
    struct kobj *found = NULL;

    begin();
    const exo_cap_t cap = insert_new(g_space, RIGHTS_TEST);

    epoch_enter();
    ck_assert_int_eq(cap_lookup(g_space, cap, TYPE_ONE, 0, &found), EXO_OK);
    ck_assert(kobj_try_ref(found));
    epoch_exit();
    ck_assert_int_eq(cap_close(g_space, cap), EXO_OK);
    ck_assert_uint_eq(atomic_load(&object_of(found)->last_caps), 1);
    epoch_enter();
    kobj_unref(found);
    ck_assert_uint_eq(atomic_load(&object_of(found)->mark), OBJECT_MARK);
    epoch_exit();
    end();
}
END_TEST

EXO_SUITE(cap, EXO_TEST(cap_lookup_finds_what_was_inserted),
          EXO_TEST(cap_lookup_rejects_type_then_rights),
          EXO_TEST(cap_lookup_rejects_every_forged_bit),
          EXO_TEST(cap_lookup_rejects_places_past_a_chunk),
          EXO_TEST(cap_lookup_rejects_stale_and_guessed_numbers),
          EXO_TEST(cap_insert_rejects_rights_that_the_type_lacks),
          EXO_TEST(cap_duplicate_needs_its_rights_and_adds_none),
          EXO_TEST(cap_derive_needs_its_rights_and_adds_none), EXO_TEST(cap_badge_is_given_once),
          EXO_TEST(cap_move_needs_send_and_leaves_nothing_behind),
          EXO_TEST(cap_last_close_ends_the_object), EXO_TEST(cap_keeps_its_object),
          EXO_TEST(cap_borrowed_object_lasts_to_the_end_of_the_section))
