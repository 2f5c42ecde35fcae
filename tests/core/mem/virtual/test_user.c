/* tests/core/mem/virtual/test_user.c - copies to and from a program's memory survive any
 * pointer. */
#include "exo/hal.h"
#include "exo/lib/string.h"
#include "exo/mem/phys.h"
#include "exo/mem/user.h"
#include "exo_check.h"

#define BASE 0x10000000ull

/* Two pages that can be written, one that can only be read, then nothing. */
static struct vm_space *space_make(void)
{
    struct vm_space *space = NULL;
    struct vm_object *zero = vm_object_zero();
    struct vm_map_spec spec = { .addr = BASE,
                                .len_bytes = 2 * PAGE_SIZE,
                                .prot = VM_PROT_READ | VM_PROT_WRITE,
                                .flags = VM_MAP_FIXED,
                                .object = zero };
    vaddr_t at = 0;

    ck_assert_int_eq(vm_space_create(&space), EXO_OK);
    ck_assert_int_eq(vm_map(space, &spec, &at), EXO_OK);
    spec.addr = BASE + 2 * PAGE_SIZE;
    spec.len_bytes = PAGE_SIZE;
    spec.prot = VM_PROT_READ;
    ck_assert_int_eq(vm_map(space, &spec, &at), EXO_OK);
    vm_object_unref(zero);
    return space;
}

/* What is copied out to pages never touched before is there when it is copied in again. */
START_TEST(user_copy_faults_pages_in)
{
    struct vm_space *space = space_make();
    const char text[] = "over a border";
    char back[sizeof(text)] = { 0 };
    const vaddr_t addr = BASE + PAGE_SIZE - 4;

    ck_assert_int_eq(user_copy_out(space, addr, text, sizeof(text), NULL), EXO_OK);
    ck_assert_int_eq(user_copy_in(space, back, addr, sizeof(back), NULL), EXO_OK);
    ck_assert_str_eq(back, text);
    ck_assert_int_eq(user_copy_in(space, back, BASE + 2 * PAGE_SIZE, 4, NULL), EXO_OK);
    ck_assert_mem_eq(back, "\0\0\0\0", 4);
    vm_space_destroy(space);
}
END_TEST

/* A range outside the user's is refused before anything is touched; so is one that wraps. */
START_TEST(user_copy_checks_the_range)
{
    static const struct {
        vaddr_t addr;
        size_t len;
    } bad[] = { { 0, 1 },
                { HAL_USER_MIN - 1, 1 },
                { HAL_USER_MAX, 1 },
                { HAL_USER_MAX - 1, 2 },
                { 0xffff800000000000ull, 8 },
                { UINT64_MAX, 1 },
                { BASE, SIZE_MAX },
                { UINT64_MAX - 3, 8 } };
    struct vm_space *space = space_make();
    char buf[8] = { 0 };
    vaddr_t fault = 0;

    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        ck_assert(!user_range_ok(bad[i].addr, bad[i].len));
        ck_assert_int_eq(user_copy_in(space, buf, bad[i].addr, bad[i].len, &fault),
                         EXO_ERR_BAD_ADDRESS);
        ck_assert_uint_eq(fault, bad[i].addr);
        ck_assert_int_eq(user_copy_out(space, bad[i].addr, buf, bad[i].len, &fault),
                         EXO_ERR_BAD_ADDRESS);
    }
    ck_assert(user_range_ok(HAL_USER_MIN, HAL_USER_MAX - HAL_USER_MIN));
    ck_assert(user_range_ok(0, 0));
    ck_assert_int_eq(user_copy_in(space, buf, 0, 0, NULL), EXO_OK);
    vm_space_destroy(space);
}
END_TEST

/* The first address that cannot be copied is told: read-only for out, unmapped for both. */
START_TEST(user_copy_tells_where_it_failed)
{
    struct vm_space *space = space_make();
    static char buf[2 * PAGE_SIZE];
    vaddr_t fault = 0;

    ck_assert_int_eq(user_copy_out(space, BASE + 2 * PAGE_SIZE - 8, buf, 16, &fault),
                     EXO_ERR_BAD_ADDRESS);
    ck_assert_uint_eq(fault, BASE + 2 * PAGE_SIZE);
    ck_assert_int_eq(user_copy_in(space, buf, BASE + 2 * PAGE_SIZE, PAGE_SIZE + 1, &fault),
                     EXO_ERR_BAD_ADDRESS);
    ck_assert_uint_eq(fault, BASE + 3 * PAGE_SIZE);
    vm_space_destroy(space);
}
END_TEST

/* A page that is there but allows nothing is not read by the kernel either, nor written when
 * read-only. */
START_TEST(user_copy_respects_rights)
{
    struct vm_space *space = space_make();
    char buf[8] = { 0 };
    vaddr_t fault = 0;

    ck_assert_int_eq(user_copy_out(space, BASE, "secret", 7, NULL), EXO_OK);
    ck_assert_int_eq(vm_protect(space, BASE, PAGE_SIZE, 0), EXO_OK);
    ck_assert_int_eq(user_copy_in(space, buf, BASE, 7, &fault), EXO_ERR_BAD_ADDRESS);
    ck_assert_uint_eq(fault, BASE);
    ck_assert_mem_eq(buf, "\0\0\0\0\0\0\0", 7);
    ck_assert_int_eq(vm_protect(space, BASE, PAGE_SIZE, VM_PROT_READ), EXO_OK);
    ck_assert_int_eq(user_copy_in(space, buf, BASE, 7, NULL), EXO_OK);
    ck_assert_str_eq(buf, "secret");
    ck_assert_int_eq(user_copy_out(space, BASE, "x", 1, NULL), EXO_ERR_BAD_ADDRESS);
    vm_space_destroy(space);
}
END_TEST

/* Without a frame for an absent page the status says so: no memory is not a bad pointer. */
START_TEST(user_copy_reports_exhaustion)
{
    struct vm_space *space = space_make();
    char byte = 1;
    vaddr_t fault = 0;

    (void)phys_test_fail_after(1);
    ck_assert_int_eq(user_copy_out(space, BASE, &byte, 1, &fault), EXO_ERR_NO_MEMORY);
    (void)phys_test_fail_after(0);
    ck_assert_uint_eq(fault, BASE);
    ck_assert_int_eq(user_copy_out(space, BASE, &byte, 1, &fault), EXO_OK);
    vm_space_destroy(space);
}
END_TEST

/* Strings end at their NUL even beside unmapped memory; without one in reach there is a status. */
START_TEST(user_copy_string_ends)
{
    struct vm_space *space = space_make();
    const vaddr_t end = BASE + 3 * PAGE_SIZE;
    char text[16];
    size_t len = 77;

    ck_assert_int_eq(vm_write(space, end - 4, "abc", 4), EXO_OK);
    ck_assert_int_eq(user_copy_string(space, text, sizeof(text), end - 4, &len), EXO_OK);
    ck_assert_uint_eq(len, 3);
    ck_assert_str_eq(text, "abc");
    ck_assert_int_eq(user_copy_string(space, text, 4, end - 4, &len), EXO_OK);
    ck_assert_int_eq(user_copy_string(space, text, 3, end - 4, &len), EXO_ERR_NO_RESOURCES);
    ck_assert_int_eq(vm_write(space, end - 1, "x", 1), EXO_OK);
    ck_assert_int_eq(user_copy_string(space, text, sizeof(text), end - 4, &len),
                     EXO_ERR_BAD_ADDRESS);
    ck_assert_int_eq(vm_write(space, BASE + PAGE_SIZE - 2, "over", 5), EXO_OK);
    ck_assert_int_eq(user_copy_string(space, text, sizeof(text), BASE + PAGE_SIZE - 2, &len),
                     EXO_OK);
    ck_assert_str_eq(text, "over");
    ck_assert_int_eq(user_copy_string(space, text, sizeof(text), UINT64_MAX, &len),
                     EXO_ERR_BAD_ADDRESS);
    vm_space_destroy(space);
}
END_TEST

EXO_SUITE(user_copy, EXO_TEST(user_copy_faults_pages_in), EXO_TEST(user_copy_checks_the_range),
          EXO_TEST(user_copy_tells_where_it_failed), EXO_TEST(user_copy_respects_rights),
          EXO_TEST(user_copy_reports_exhaustion), EXO_TEST(user_copy_string_ends))
