/*
 * tests/core/mem/virtual/test_vm_shared.c - areas that show an object's own frames.
 */
#include <stdatomic.h>

#include "exo/hal.h"
#include "exo/lib/string.h"
#include "exo/mem/heap.h"
#include "exo/mem/user.h"
#include "vm_fixture.h"

#define PAGES    8u
#define TOUCHERS 4u
#define MIDDLE   (BASE + 3 * PAGE_SIZE)

static struct vm_object *shared_make(uint64_t pages)
{
    struct vm_object *object = NULL;

    ck_assert_int_eq(vm_object_shared_create(pages * PAGE_SIZE, &object), EXO_OK);
    return object;
}

static exo_status_t map_with(struct vm_space *space, struct vm_map_spec spec)
{
    vaddr_t at = 0;

    spec.addr = BASE;
    spec.len_bytes = PAGES * PAGE_SIZE;
    spec.flags |= VM_MAP_FIXED;
    const exo_status_t status = vm_map(space, &spec, &at);

    vm_check(space);
    return status;
}

static void put(struct vm_space *space, vaddr_t at, uint32_t value)
{
    ck_assert_int_eq(user_copy_out(space, at, &value, sizeof(value), NULL), EXO_OK);
}

static uint32_t get(struct vm_space *space, vaddr_t at)
{
    uint32_t value = UINT32_MAX;

    ck_assert_int_eq(user_copy_in(space, &value, at, sizeof(value), NULL), EXO_OK);
    return value;
}

/* What one space writes the other reads; a page has one frame, which stays until the object ends,
 * whoever unmaps it. */
START_TEST(vm_shared_pages_are_the_same_in_all_spaces)
{
    struct vm_object *const object = shared_make(PAGES);
    struct vm_space *const one = space_make();
    struct vm_space *const two = space_make();
    const struct vm_map_spec spec = { .prot = RW, .flags = VM_MAP_SHARED, .object = object };
    paddr_t first = 0;
    paddr_t again = 0;

    ck_assert_int_eq(map_with(one, spec), EXO_OK);
    ck_assert_int_eq(map_with(two, spec), EXO_OK);
    for (uint32_t i = 0; i < PAGES; i++) {
        put(one, BASE + i * PAGE_SIZE, i + 1);
    }
    ck_assert_int_eq(object->ops->frame(object, 3 * PAGE_SIZE, &first), EXO_OK);
    for (uint32_t i = 0; i < PAGES; i++) {
        ck_assert_uint_eq(get(two, BASE + i * PAGE_SIZE), i + 1);
    }
    put(two, MIDDLE, 77);
    ck_assert_uint_eq(get(one, MIDDLE), 77);

    /* A hole in one of them, and another protection around it. */
    ck_assert_int_eq(vm_unmap(one, MIDDLE, PAGE_SIZE), EXO_OK);
    ck_assert_int_eq(vm_protect(one, BASE, 2 * PAGE_SIZE, VM_PROT_READ), EXO_OK);
    vm_check(one);
    ck_assert_uint_eq(get(two, MIDDLE), 77);
    ck_assert_uint_eq(get(one, BASE + 4 * PAGE_SIZE), 5);
    vm_space_destroy(one);
    vm_object_unref(object); /* the area of `two` keeps it */
    ck_assert_uint_eq(get(two, MIDDLE), 77);
    ck_assert_int_eq(object->ops->frame(object, 3 * PAGE_SIZE, &again), EXO_OK);
    ck_assert_uint_eq(first, again);
    vm_space_destroy(two);
}
END_TEST

/* All frames are back with the object, none before. */
START_TEST(vm_shared_frames_end_with_their_object)
{
    heap_reclaim();
    struct vm_object *const object = shared_make(PAGES);
    struct vm_space *space = space_make();
    const struct vm_map_spec spec = { .prot = RW, .flags = VM_MAP_SHARED, .object = object };

    vm_space_destroy(space);
    const uint64_t before = frames_free();

    space = space_make();
    ck_assert_int_eq(map_with(space, spec), EXO_OK);
    ck_assert_uint_eq(resident(space), 0);
    for (uint32_t i = 0; i < PAGES; i++) {
        put(space, BASE + i * PAGE_SIZE, i);
    }
    ck_assert_uint_eq(resident(space), PAGES);
    vm_space_destroy(space);
    ck_assert_uint_eq(frames_free(), before - PAGES);
    vm_object_unref(object);
    ck_assert_uint_ge(frames_free(), before);
}
END_TEST

/* A private area of the same object copies what it touches. */
START_TEST(vm_shared_object_can_be_copied)
{
    struct vm_object *const object = shared_make(PAGES);
    struct vm_space *const one = space_make();
    struct vm_space *const two = space_make();
    const struct vm_map_spec spec = { .prot = RW, .flags = VM_MAP_SHARED, .object = object };
    const struct vm_map_spec copy = { .prot = RW, .object = object };

    ck_assert_int_eq(map_with(one, spec), EXO_OK);
    ck_assert_int_eq(map_with(two, copy), EXO_OK);
    put(one, BASE, 5);
    ck_assert_uint_eq(get(two, BASE), 5);
    put(two, BASE, 6);
    put(two, MIDDLE, 7);
    ck_assert_uint_eq(get(one, BASE), 5);
    ck_assert_uint_eq(get(one, MIDDLE), 0);
    put(one, BASE, 8);
    ck_assert_uint_eq(get(two, BASE), 6);
    vm_space_destroy(one);
    vm_space_destroy(two);
    vm_object_unref(object);
}
END_TEST

/* What an area must never be allowed is refused later, too, and nothing changes. */
START_TEST(vm_protection_can_be_bounded)
{
    struct vm_object *const object = shared_make(PAGES);
    struct vm_space *const space = space_make();
    struct vm_map_spec spec = {
        .prot = VM_PROT_READ, .never = VM_PROT_WRITE, .flags = VM_MAP_SHARED, .object = object
    };
    struct vm_area_info info;

    ck_assert_int_eq(map_with(space, spec), EXO_OK);
    ck_assert_int_eq(vm_protect(space, BASE, PAGE_SIZE, RW), EXO_ERR_ACCESS_DENIED);
    ck_assert_int_eq(vm_protect(space, MIDDLE, PAGE_SIZE, RX), EXO_OK);
    ck_assert_int_eq(vm_protect(space, BASE, PAGES * PAGE_SIZE, RW), EXO_ERR_ACCESS_DENIED);
    ck_assert_uint_eq(area_count(space), 3);
    ck_assert_int_eq(vm_fault(space, BASE, HAL_ACCESS_WRITE), EXO_ERR_ACCESS_DENIED);
    ck_assert_int_eq(vm_protect(space, MIDDLE, PAGE_SIZE, VM_PROT_READ), EXO_OK);
    ck_assert_uint_eq(area_count(space), 1);

    /* Neighbours that differ in this alone stay two areas. */
    spec.never = 0;
    spec.addr = BASE + PAGES * PAGE_SIZE;
    spec.offset = PAGES * PAGE_SIZE; /* they would go on in the object, too */
    spec.len_bytes = PAGE_SIZE;
    spec.flags |= VM_MAP_FIXED;
    vaddr_t at = 0;

    ck_assert_int_eq(vm_map(space, &spec, &at), EXO_OK);
    ck_assert(vm_area_next(space, BASE, &info));
    ck_assert_uint_eq(info.end, at);
    spec.never = VM_PROT_READ;
    ck_assert_int_eq(vm_map(space, &spec, &at), EXO_ERR_INVALID);
    spec.never = 8;
    ck_assert_int_eq(vm_map(space, &spec, &at), EXO_ERR_INVALID);
    vm_space_destroy(space);
    vm_object_unref(object);
}
END_TEST

START_TEST(vm_shared_limits_are_errors)
{
    struct vm_object *object = NULL;
    struct vm_object *const zero = vm_object_zero();
    struct vm_space *const space = space_make();
    struct vm_map_spec spec = { .prot = RW, .flags = VM_MAP_SHARED, .object = zero };

    ck_assert_int_eq(vm_object_shared_create(0, &object), EXO_ERR_INVALID);
    ck_assert_int_eq(vm_object_shared_create(VM_SHARED_MAX + 1, &object), EXO_ERR_INVALID);
    ck_assert_int_eq(map_with(space, spec), EXO_ERR_INVALID); /* it has no frames of its own */
    vm_object_unref(zero);
    object = shared_make(2);
    spec.object = object;
    ck_assert_int_eq(map_with(space, spec), EXO_OK); /* longer than the object */
    ck_assert_int_eq(vm_fault(space, BASE + PAGE_SIZE, HAL_ACCESS_READ), EXO_OK);
    ck_assert_int_eq(vm_fault(space, BASE + 2 * PAGE_SIZE, HAL_ACCESS_READ), EXO_ERR_BAD_ADDRESS);
    ck_assert_uint_eq(resident(space), 1);
    vm_check(space);
    vm_space_destroy(space);
    vm_object_unref(object);
}
END_TEST

struct toucher {
    struct vm_space *space;
    uint32_t number;
};

static _Atomic uint32_t g_touchers;

/* All begin at once, at the same page. */
static void touch_all(void *arg)
{
    const struct toucher *const toucher = arg;

    atomic_fetch_add(&g_touchers, 1);
    while (atomic_load(&g_touchers) < TOUCHERS) {
        thread_yield();
    }
    for (uint64_t i = 0; i < PAGES; i++) {
        put(toucher->space, BASE + i * PAGE_SIZE + toucher->number * 4, toucher->number + 1);
    }
}

/* Spaces that touch the same pages at once agree on one frame for each. */
START_TEST(vm_shared_pages_are_made_once)
{
    struct vm_object *const object = shared_make(PAGES);
    const struct vm_map_spec spec = { .prot = RW, .flags = VM_MAP_SHARED, .object = object };
    struct toucher toucher[TOUCHERS];

    for (uint32_t i = 0; i < ARRAY_COUNT(toucher); i++) {
        toucher[i] = (struct toucher){ .space = space_make(), .number = i };
        ck_assert_int_eq(map_with(toucher[i].space, spec), EXO_OK);
    }
    atomic_store(&g_touchers, 0);
    run_threads(touch_all, toucher, sizeof(toucher[0]), ARRAY_COUNT(toucher));
    for (uint32_t i = 0; i < PAGES * ARRAY_COUNT(toucher); i++) {
        const uint32_t writer = i % ARRAY_COUNT(toucher);
        const vaddr_t at = BASE + i / ARRAY_COUNT(toucher) * PAGE_SIZE + writer * 4;

        ck_assert_uint_eq(get(toucher[3 - writer].space, at), writer + 1);
    }
    for (uint32_t i = 0; i < ARRAY_COUNT(toucher); i++) {
        vm_space_destroy(toucher[i].space);
    }
    vm_object_unref(object);
}
END_TEST

EXO_SUITE(vm_shared, EXO_TEST(vm_shared_pages_are_the_same_in_all_spaces),
          EXO_TEST(vm_shared_frames_end_with_their_object),
          EXO_TEST(vm_shared_object_can_be_copied), EXO_TEST(vm_protection_can_be_bounded),
          EXO_TEST(vm_shared_limits_are_errors), EXO_TEST(vm_shared_pages_are_made_once))
