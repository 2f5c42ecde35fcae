/* tests/core/mem/virtual/test_vm.c - address spaces: areas, demand paging, limits, accounting. */
#include "exo/hal.h"
#include "exo/lib/string.h"
#include "vm_fixture.h"

static void expect_area(struct vm_space *space, uint32_t index, vaddr_t start, uint64_t pages,
                        uint32_t prot)
{
    struct vm_area_info area = { 0 };

    for (uint32_t i = 0; i <= index; i++) {
        ck_assert(vm_area_next(space, area.end, &area));
    }
    ck_assert_uint_eq(area.start, start);
    ck_assert_uint_eq(area.end, start + pages * PAGE_SIZE);
    ck_assert_uint_eq(area.prot, prot);
}

/* A space that was used gives everything back: frames, tables, the grown array of areas. */
START_TEST(vm_destroy_gives_every_frame_back)
{
    const uint64_t before = frames_free();
    struct vm_space *space = space_make();

    for (uint64_t i = 0; i < 300; i++) { /* every second page, so that they do not merge */
        ck_assert_int_eq(map_zero(space, BASE + 2 * i * PAGE_SIZE, 1, RW), EXO_OK);
        ck_assert_int_eq(vm_fault(space, BASE + 2 * i * PAGE_SIZE, HAL_ACCESS_WRITE), EXO_OK);
    }
    ck_assert_uint_eq(area_count(space), 300);
    ck_assert_uint_eq(resident(space), 300);
    vm_space_destroy(space);
    ck_assert_uint_eq(frames_free(), before);
    vm_space_destroy(NULL);
}
END_TEST

/* Chosen addresses go down from the ceiling and never overlap; a wish is granted if the place is
 * free. */
START_TEST(vm_map_chooses_downwards)
{
    struct vm_space *space = space_make();
    struct vm_object *zero = vm_object_zero();
    struct vm_map_spec spec = { .len_bytes = 2 * PAGE_SIZE, .prot = RW, .object = zero };
    vaddr_t first = 0;
    vaddr_t second = 0;
    vaddr_t wished = 0;

    vm_ceiling_set(space, 0x70000000);
    ck_assert_int_eq(vm_map(space, &spec, &first), EXO_OK);
    ck_assert_uint_eq(first, 0x70000000 - VM_STACK_GAP - 2 * PAGE_SIZE);
    spec.prot = VM_PROT_READ;
    ck_assert_int_eq(vm_map(space, &spec, &second), EXO_OK);
    ck_assert_uint_eq(second, first - 2 * PAGE_SIZE);
    spec.addr = BASE;
    ck_assert_int_eq(vm_map(space, &spec, &wished), EXO_OK);
    ck_assert_uint_eq(wished, BASE);
    spec.addr = first + PAGE_SIZE; /* taken: another place is found */
    ck_assert_int_eq(vm_map(space, &spec, &wished), EXO_OK);
    ck_assert_uint_eq(wished, second - 2 * PAGE_SIZE);
    ck_assert_int_eq(vm_unmap(space, second, PAGE_SIZE), EXO_OK);
    spec.addr = 0; /* a gap of one page is too small for two */
    ck_assert_int_eq(vm_map(space, &spec, &wished), EXO_OK);
    ck_assert_uint_eq(wished, second - 4 * PAGE_SIZE);
    spec.len_bytes = PAGE_SIZE;
    ck_assert_int_eq(vm_map(space, &spec, &wished), EXO_OK);
    ck_assert_uint_eq(wished, second);
    vm_check(space);
    vm_object_unref(zero);
    vm_space_destroy(space);
}
END_TEST

/* What lies outside the user range, is empty, unaligned or wraps is refused, and nothing
 * changes. */
START_TEST(vm_map_refuses_bad_ranges)
{
    struct vm_space *space = space_make();
    struct vm_object *zero = vm_object_zero();
    struct vm_map_spec spec = { .prot = RW, .flags = VM_MAP_FIXED, .object = zero };
    vaddr_t at = 77;

    spec.addr = BASE;
    ck_assert_int_eq(vm_map(space, &spec, &at), EXO_ERR_INVALID); /* empty */
    spec.len_bytes = PAGE_SIZE;
    spec.addr = BASE + 1;
    ck_assert_int_eq(vm_map(space, &spec, &at), EXO_ERR_INVALID);
    spec.addr = BASE;
    spec.offset = 8;
    ck_assert_int_eq(vm_map(space, &spec, &at), EXO_ERR_INVALID);
    spec.offset = UINT64_MAX - PAGE_MASK;
    ck_assert_int_eq(vm_map(space, &spec, &at), EXO_ERR_INVALID); /* the offset would wrap */
    spec.offset = 0;
    spec.prot = 8;
    ck_assert_int_eq(vm_map(space, &spec, &at), EXO_ERR_INVALID);
    spec.prot = RW;
    spec.flags = 4;
    ck_assert_int_eq(vm_map(space, &spec, &at), EXO_ERR_INVALID);
    spec.flags = VM_MAP_FIXED;
    spec.addr = HAL_USER_MIN - PAGE_SIZE;
    ck_assert_int_eq(vm_map(space, &spec, &at), EXO_ERR_BAD_ADDRESS);
    spec.addr = HAL_USER_MAX - PAGE_SIZE;
    ck_assert_int_eq(vm_map(space, &spec, &at), EXO_OK);
    spec.len_bytes = 2 * PAGE_SIZE;
    ck_assert_int_eq(vm_map(space, &spec, &at), EXO_ERR_BAD_ADDRESS);
    spec.len_bytes = UINT64_MAX;
    ck_assert_int_eq(vm_map(space, &spec, &at), EXO_ERR_NO_MEMORY);
    spec.flags = 0;
    spec.addr = 0;
    spec.len_bytes = HAL_USER_MAX; /* larger than any gap */
    ck_assert_int_eq(vm_map(space, &spec, &at), EXO_ERR_NO_MEMORY);
    ck_assert_uint_eq(area_count(space), 1);
    vm_object_unref(zero);
    vm_space_destroy(space);
}
END_TEST

/* A fixed mapping replaces what it covers, pages included; NOREPLACE refuses instead. */
START_TEST(vm_map_fixed_replaces)
{
    struct vm_space *space = space_make();
    struct vm_object *zero = vm_object_zero();
    const struct vm_map_spec spec = { .addr = BASE + 2 * PAGE_SIZE,
                                      .len_bytes = PAGE_SIZE,
                                      .prot = VM_PROT_READ,
                                      .flags = VM_MAP_FIXED | VM_MAP_NOREPLACE,
                                      .object = zero };
    vaddr_t at = 0;

    ck_assert_int_eq(map_zero(space, BASE, 4, RW), EXO_OK);
    ck_assert_int_eq(vm_fault(space, BASE + PAGE_SIZE, HAL_ACCESS_WRITE), EXO_OK);
    ck_assert_int_eq(vm_fault(space, BASE + 2 * PAGE_SIZE, HAL_ACCESS_WRITE), EXO_OK);
    ck_assert_int_eq(vm_map(space, &spec, &at), EXO_ERR_EXISTS);
    ck_assert_int_eq(map_zero(space, BASE + PAGE_SIZE, 1, VM_PROT_READ), EXO_OK);
    expect_area(space, 0, BASE, 1, RW);
    expect_area(space, 1, BASE + PAGE_SIZE, 1, VM_PROT_READ);
    expect_area(space, 2, BASE + 2 * PAGE_SIZE, 2, RW);
    ck_assert_uint_eq(resident(space), 1); /* the page below the new area is gone */
    vm_object_unref(zero);
    vm_space_destroy(space);
}
END_TEST

/* Unmapping splits areas at both ends and frees the frames between; holes do not matter. */
START_TEST(vm_unmap_splits)
{
    struct vm_space *space = space_make();
    const uint64_t tables = frames_free();

    ck_assert_int_eq(map_zero(space, BASE, 5, RW), EXO_OK);
    for (uint64_t i = 0; i < 5; i++) {
        ck_assert_int_eq(vm_fault(space, BASE + i * PAGE_SIZE, HAL_ACCESS_READ), EXO_OK);
    }
    ck_assert_int_eq(vm_unmap(space, BASE + 2 * PAGE_SIZE, PAGE_SIZE), EXO_OK);
    vm_check(space);
    expect_area(space, 0, BASE, 2, RW);
    expect_area(space, 1, BASE + 3 * PAGE_SIZE, 2, RW);
    ck_assert_int_eq(vm_unmap(space, BASE - PAGE_SIZE, 100 * PAGE_SIZE), EXO_OK);
    ck_assert_uint_eq(area_count(space), 0);
    ck_assert_uint_eq(resident(space), 0);
    ck_assert_uint_eq(frames_free(), tables - 3); /* the tables stay until the end */
    ck_assert_int_eq(vm_unmap(space, BASE, 0), EXO_ERR_INVALID);
    ck_assert_int_eq(vm_unmap(space, BASE + 1, PAGE_SIZE), EXO_ERR_INVALID);
    ck_assert_int_eq(vm_unmap(space, HAL_USER_MAX, PAGE_SIZE), EXO_ERR_BAD_ADDRESS);
    vm_space_destroy(space);
}
END_TEST

/* Neighbours that are alike become one; those that differ in rights, object or offset stay
 * apart. */
START_TEST(vm_areas_merge)
{
    static uint8_t bytes[8];
    struct vm_space *space = space_make();
    struct vm_object *object = NULL;

    ck_assert_int_eq(vm_object_bytes_create(bytes, sizeof(bytes), &object), EXO_OK);
    ck_assert_int_eq(map_zero(space, BASE, 1, RW), EXO_OK);
    ck_assert_int_eq(map_zero(space, BASE + 2 * PAGE_SIZE, 1, RW), EXO_OK);
    ck_assert_int_eq(map_zero(space, BASE + PAGE_SIZE, 1, RW), EXO_OK);
    expect_area(space, 0, BASE, 3, RW); /* the gap filled: three became one */
    ck_assert_int_eq(map_object(space, BASE + 3 * PAGE_SIZE, 1, RW, object, 0), EXO_OK);
    ck_assert_int_eq(map_object(space, BASE + 4 * PAGE_SIZE, 1, RW, object, PAGE_SIZE), EXO_OK);
    ck_assert_int_eq(map_object(space, BASE + 5 * PAGE_SIZE, 1, RW, object, PAGE_SIZE), EXO_OK);
    ck_assert_int_eq(map_object(space, BASE + 6 * PAGE_SIZE, 1, RX, object, 2 * PAGE_SIZE), EXO_OK);
    expect_area(space, 1, BASE + 3 * PAGE_SIZE, 2, RW);
    expect_area(space, 2, BASE + 5 * PAGE_SIZE, 1, RW);
    expect_area(space, 3, BASE + 6 * PAGE_SIZE, 1, RX);
    vm_object_unref(object);
    vm_space_destroy(space);
}
END_TEST

/* Changing rights splits, reaches pages that are there, and merges again when they are equal
 * again. */
START_TEST(vm_protect_splits_and_merges)
{
    struct vm_space *space = space_make();

    ck_assert_int_eq(map_zero(space, BASE, 4, RW), EXO_OK);
    ck_assert_int_eq(vm_fault(space, BASE + PAGE_SIZE, HAL_ACCESS_WRITE), EXO_OK);
    ck_assert_int_eq(vm_protect(space, BASE + PAGE_SIZE, 2 * PAGE_SIZE, VM_PROT_READ), EXO_OK);
    vm_check(space); /* compares the rights of pages with those of areas */
    expect_area(space, 1, BASE + PAGE_SIZE, 2, VM_PROT_READ);
    ck_assert_int_eq(vm_fault(space, BASE + PAGE_SIZE, HAL_ACCESS_WRITE), EXO_ERR_ACCESS_DENIED);
    ck_assert_int_eq(vm_fault(space, BASE + 2 * PAGE_SIZE, HAL_ACCESS_EXEC), EXO_ERR_ACCESS_DENIED);
    ck_assert_int_eq(vm_protect(space, BASE + PAGE_SIZE, PAGE_SIZE, 0), EXO_OK);
    vm_check(space);
    ck_assert_int_eq(vm_fault(space, BASE + PAGE_SIZE, HAL_ACCESS_READ), EXO_ERR_ACCESS_DENIED);
    ck_assert_int_eq(vm_protect(space, BASE, 4 * PAGE_SIZE, RW), EXO_OK);
    vm_check(space);
    expect_area(space, 0, BASE, 4, RW);
    ck_assert_uint_eq(resident(space), 1); /* no page was lost on the way */
    vm_space_destroy(space);
}
END_TEST

/* A hole stops the change where it begins: below it the rights are new, above they are old. */
START_TEST(vm_protect_stops_at_a_hole)
{
    struct vm_space *space = space_make();

    ck_assert_int_eq(map_zero(space, BASE, 2, RW), EXO_OK);
    ck_assert_int_eq(map_zero(space, BASE + 3 * PAGE_SIZE, 1, RW), EXO_OK);
    ck_assert_int_eq(vm_protect(space, BASE + PAGE_SIZE, 3 * PAGE_SIZE, VM_PROT_READ),
                     EXO_ERR_NOT_FOUND);
    expect_area(space, 0, BASE, 1, RW);
    expect_area(space, 1, BASE + PAGE_SIZE, 1, VM_PROT_READ);
    expect_area(space, 2, BASE + 3 * PAGE_SIZE, 1, RW);
    ck_assert_int_eq(vm_protect(space, BASE + 2 * PAGE_SIZE, PAGE_SIZE, RW), EXO_ERR_NOT_FOUND);
    ck_assert_int_eq(vm_protect(space, BASE, PAGE_SIZE, 8), EXO_ERR_INVALID);
    vm_space_destroy(space);
}
END_TEST

/* Faults: nothing there, rights, the first page of anonymous memory alone and zero. */
START_TEST(vm_fault_brings_in_one_zero_page)
{
    struct vm_space *space = space_make();
    struct vm_stats stats;

    ck_assert_int_eq(map_zero(space, BASE, 4, VM_PROT_READ), EXO_OK);
    ck_assert_int_eq(vm_fault(space, BASE - 1, HAL_ACCESS_READ), EXO_ERR_BAD_ADDRESS);
    ck_assert_int_eq(vm_fault(space, BASE + 4 * PAGE_SIZE, HAL_ACCESS_READ), EXO_ERR_BAD_ADDRESS);
    ck_assert_int_eq(vm_fault(space, 0, HAL_ACCESS_READ), EXO_ERR_BAD_ADDRESS);
    ck_assert_int_eq(vm_fault(space, UINT64_MAX, HAL_ACCESS_READ), EXO_ERR_BAD_ADDRESS);
    ck_assert_int_eq(vm_fault(space, BASE, HAL_ACCESS_WRITE), EXO_ERR_ACCESS_DENIED);
    ck_assert_int_eq(vm_fault(space, BASE, HAL_ACCESS_EXEC), EXO_ERR_ACCESS_DENIED);
    ck_assert_uint_eq(resident(space), 0);
    ck_assert_int_eq(vm_fault(space, BASE + 5, HAL_ACCESS_READ), EXO_OK);
    ck_assert_int_eq(vm_fault(space, BASE + 5, HAL_ACCESS_READ), EXO_OK); /* it is there already */
    vm_stats(space, &stats);
    ck_assert_uint_eq(stats.pages_resident, 1);
    ck_assert_uint_eq(stats.pages_filled, 1);
    ck_assert_uint_eq(stats.faults, 2);
    vm_space_destroy(space);
}
END_TEST

/* The third page in a row, upwards or downwards, brings the rest of its window; others come
 * alone. */
START_TEST(vm_fault_follows_a_walk)
{
    struct vm_space *space = space_make();
    const uint64_t window = VM_FAULT_AROUND * PAGE_SIZE;

    ck_assert_int_eq(map_zero(space, BASE, 5 * VM_FAULT_AROUND, RW), EXO_OK);
    ck_assert_int_eq(vm_fault(space, BASE, HAL_ACCESS_WRITE), EXO_OK);
    ck_assert_int_eq(vm_fault(space, BASE + 2 * PAGE_SIZE, HAL_ACCESS_WRITE), EXO_OK);
    ck_assert_int_eq(vm_fault(space, BASE + 4 * PAGE_SIZE, HAL_ACCESS_WRITE), EXO_OK);
    ck_assert_int_eq(vm_fault(space, BASE + 5 * PAGE_SIZE, HAL_ACCESS_WRITE), EXO_OK);
    ck_assert_uint_eq(resident(space), 4);
    ck_assert_int_eq(vm_fault(space, BASE + 6 * PAGE_SIZE, HAL_ACCESS_WRITE), EXO_OK);
    ck_assert_uint_eq(resident(space), 4 + VM_FAULT_AROUND - 6);
    for (uint64_t i = 1; i <= 3; i++) { /* downwards from the end, as a stack goes */
        ck_assert_int_eq(vm_fault(space, BASE + 5 * window - i * PAGE_SIZE, HAL_ACCESS_WRITE),
                         EXO_OK);
    }
    ck_assert_uint_eq(resident(space), 4 + VM_FAULT_AROUND - 6 + VM_FAULT_AROUND);
    vm_check(space);
    vm_space_destroy(space);
}
END_TEST

/* A page of bytes brings its window of 16 along, cut at the area's ends and round pages that are
 * there; without memory for the neighbours it comes alone. */
START_TEST(vm_fault_around_image_pages)
{
    static uint8_t bytes[PAGE_SIZE + 8];
    struct vm_space *space = space_make();
    struct vm_object *object = NULL;
    const uint64_t window = VM_FAULT_AROUND * PAGE_SIZE;

    ck_assert_int_eq(vm_object_bytes_create(bytes, sizeof(bytes), &object), EXO_OK);
    ck_assert_int_eq(map_object(space, BASE + 4 * PAGE_SIZE, 40, RX, object, 0), EXO_OK);
    ck_assert_int_eq(vm_fault(space, BASE + 5 * PAGE_SIZE, HAL_ACCESS_EXEC), EXO_OK);
    ck_assert_uint_eq(resident(space), VM_FAULT_AROUND - 4);
    ck_assert_int_eq(vm_unmap(space, BASE + window + 3 * PAGE_SIZE, PAGE_SIZE), EXO_OK);
    ck_assert_int_eq(vm_fault(space, BASE + window, HAL_ACCESS_READ), EXO_OK);
    ck_assert_uint_eq(resident(space), VM_FAULT_AROUND - 4 + 3);
    (void)phys_test_fail_after(1); /* the run fails, the single page does not */
    ck_assert_int_eq(vm_fault(space, BASE + window + 5 * PAGE_SIZE, HAL_ACCESS_READ), EXO_OK);
    (void)phys_test_fail_after(0);
    ck_assert_uint_eq(resident(space), VM_FAULT_AROUND - 4 + 4);
    vm_check(space);
    vm_object_unref(object);
    vm_space_destroy(space);
}
END_TEST

/* The break grows and shrinks by bytes, is zero again after it shrank, and stops where something
 * lies. */
START_TEST(vm_brk_moves)
{
    struct vm_space *space = space_make();
    const vaddr_t start = BASE + PAGE_SIZE;

    vm_brk_init(space, BASE + 1);
    ck_assert_uint_eq(vm_brk(space, 0), start);
    ck_assert_uint_eq(vm_brk(space, start + 10), start + 10);
    ck_assert_uint_eq(area_count(space), 1);
    ck_assert_uint_eq(vm_brk(space, start + PAGE_SIZE + 1), start + PAGE_SIZE + 1);
    expect_area(space, 0, start, 2, RW);
    ck_assert_int_eq(vm_fault(space, start + PAGE_SIZE, HAL_ACCESS_WRITE), EXO_OK);
    ck_assert_uint_eq(vm_brk(space, start + 1), start + 1);
    ck_assert_uint_eq(resident(space), 0);
    ck_assert_uint_eq(vm_brk(space, start - 1), start + 1);
    ck_assert_int_eq(map_zero(space, start + 4 * PAGE_SIZE, 1, RW), EXO_OK);
    ck_assert_uint_eq(vm_brk(space, start + 5 * PAGE_SIZE), start + 1);
    ck_assert_uint_eq(vm_brk(space, start + 4 * PAGE_SIZE), start + 4 * PAGE_SIZE);
    ck_assert_uint_eq(vm_brk(space, HAL_USER_MAX), start + 4 * PAGE_SIZE);
    ck_assert_uint_eq(vm_brk(space, UINT64_MAX), start + 4 * PAGE_SIZE);
    ck_assert_uint_eq(vm_brk(space, start), start);
    ck_assert_uint_eq(area_count(space), 1);
    vm_space_destroy(space);
}
END_TEST

/* Writing as the loader does: over page borders, against the rights, not where nothing is
 * mapped. */
START_TEST(vm_write_ignores_rights_only)
{
    struct vm_space *space = space_make();
    const char text[] = "crosses";
    char back[sizeof(text)] = { 0 };
    const vaddr_t addr = BASE + PAGE_SIZE - 3;

    ck_assert_int_eq(map_zero(space, BASE, 2, VM_PROT_READ), EXO_OK);
    ck_assert_int_eq(vm_write(space, addr, text, sizeof(text)), EXO_OK);
    ck_assert_uint_eq(hal_user_copy_in(vm_space_hal(space), back, addr, sizeof(back)), 0);
    ck_assert_str_eq(back, text);
    ck_assert_int_eq(vm_write(space, addr + 1, NULL, 4), EXO_OK);
    ck_assert_uint_eq(hal_user_copy_in(vm_space_hal(space), back, addr, sizeof(back)), 0);
    ck_assert_mem_eq(back, "c\0\0\0\0es", sizeof(back));
    ck_assert_int_eq(vm_write(space, BASE + 2 * PAGE_SIZE - 1, text, 2), EXO_ERR_BAD_ADDRESS);
    ck_assert_int_eq(vm_write(space, HAL_USER_MAX - 1, text, 2), EXO_ERR_BAD_ADDRESS);
    ck_assert_int_eq(vm_write(space, UINT64_MAX, text, 2), EXO_ERR_BAD_ADDRESS);
    ck_assert_int_eq(vm_unmap(space, BASE, PAGE_SIZE), EXO_OK);
    ck_assert_int_eq(map_zero(space, BASE, 1, 0), EXO_OK);
    (void)phys_test_fail_after(1);
    ck_assert_int_eq(vm_write(space, BASE, text, 2), EXO_ERR_NO_MEMORY);
    (void)phys_test_fail_after(0);
    vm_space_destroy(space);
}
END_TEST

/* The byte limit counts what a fixed mapping replaces, and stops one byte above. */
START_TEST(vm_limit_stops_mapping)
{
    struct vm_space *space = space_make();

    vm_limit_set(space, 3 * PAGE_SIZE);
    ck_assert_int_eq(map_zero(space, BASE, 2, RW), EXO_OK);
    ck_assert_int_eq(map_zero(space, BASE + 4 * PAGE_SIZE, 2, RW), EXO_ERR_NO_RESOURCES);
    ck_assert_int_eq(map_zero(space, BASE + PAGE_SIZE, 2, RW), EXO_OK);
    vm_brk_init(space, BASE + 8 * PAGE_SIZE);
    ck_assert_uint_eq(vm_brk(space, BASE + 9 * PAGE_SIZE), BASE + 8 * PAGE_SIZE);
    vm_space_destroy(space);
}
END_TEST

/* VM_AREAS_MAX areas and no more; a split that would make one more is refused too, an end cut is
 * not. */
START_TEST(vm_areas_max_is_a_limit)
{
    struct vm_space *space = space_make();
    struct vm_object *zero = vm_object_zero();
    struct vm_map_spec spec = {
        .len_bytes = 3 * PAGE_SIZE, .prot = RW, .flags = VM_MAP_FIXED, .object = zero
    };
    vaddr_t at = 0;

    for (uint64_t i = 0; i < VM_AREAS_MAX; i++) {
        spec.addr = BASE + i * 4 * PAGE_SIZE;
        ck_assert_int_eq(vm_map(space, &spec, &at), EXO_OK);
    }
    spec.addr += 4 * PAGE_SIZE;
    ck_assert_int_eq(vm_map(space, &spec, &at), EXO_ERR_NO_RESOURCES);
    ck_assert_int_eq(vm_unmap(space, BASE + PAGE_SIZE, PAGE_SIZE), EXO_ERR_NO_RESOURCES);
    ck_assert_int_eq(vm_protect(space, BASE, PAGE_SIZE, VM_PROT_READ), EXO_ERR_NO_RESOURCES);
    ck_assert_int_eq(vm_unmap(space, BASE, PAGE_SIZE), EXO_OK);
    ck_assert_uint_eq(area_count(space), VM_AREAS_MAX);
    vm_check(space);
    vm_object_unref(zero);
    vm_space_destroy(space);
}
END_TEST

/* One life of a space, for the sweep below. */
static exo_status_t live_once(void)
{
    static uint8_t bytes[3 * PAGE_SIZE];
    struct vm_space *space = NULL;
    struct vm_object *object = NULL;
    exo_status_t status = vm_space_create(&space);

    if (status != EXO_OK) {
        return status;
    }
    status = vm_object_bytes_create(bytes, sizeof(bytes), &object);
    if (status == EXO_OK) {
        status = map_object(space, BASE, 3, RX, object, 0);
    }
    vm_object_unref(object);
    if (status == EXO_OK) {
        status = vm_fault(space, BASE, HAL_ACCESS_EXEC);
    }
    if (status == EXO_OK) {
        status = map_zero(space, HAL_USER_MAX - PAGE_SIZE, 1, RW);
    }
    if (status == EXO_OK) {
        status = vm_fault(space, HAL_USER_MAX - 1, HAL_ACCESS_WRITE);
    }
    vm_check(space);
    vm_space_destroy(space);
    return status;
}

#define SWEEP_MAX                                                                                  \
    32u /* more allocations than one life makes; some failures are made good on the way */

/* Whichever allocation fails, there is a status and no frame is lost. */
START_TEST(vm_survives_every_failed_allocation)
{
    const uint64_t before = frames_free();
    exo_status_t status = EXO_ERR_NO_MEMORY;

    for (uint32_t n = 1; n <= SWEEP_MAX; n++) {
        (void)phys_test_fail_after(n);
        status = live_once();
        (void)phys_test_fail_after(0);
        ck_assert(status == EXO_OK || status == EXO_ERR_NO_MEMORY);
        ck_assert_uint_eq(frames_free(), before);
    }
    ck_assert_int_eq(status, EXO_OK);
}
END_TEST

EXO_SUITE(vm, EXO_TEST(vm_destroy_gives_every_frame_back), EXO_TEST(vm_map_chooses_downwards),
          EXO_TEST(vm_map_refuses_bad_ranges), EXO_TEST(vm_map_fixed_replaces),
          EXO_TEST(vm_unmap_splits), EXO_TEST(vm_areas_merge),
          EXO_TEST(vm_protect_splits_and_merges), EXO_TEST(vm_protect_stops_at_a_hole),
          EXO_TEST(vm_fault_brings_in_one_zero_page), EXO_TEST(vm_fault_follows_a_walk),
          EXO_TEST(vm_fault_around_image_pages), EXO_TEST(vm_brk_moves),
          EXO_TEST(vm_write_ignores_rights_only), EXO_TEST(vm_limit_stops_mapping),
          EXO_TEST(vm_areas_max_is_a_limit), EXO_TEST(vm_survives_every_failed_allocation))
