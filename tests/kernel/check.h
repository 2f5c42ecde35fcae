/*
 * check.h - the stand-in of libcheck's header for the kernel with tests.
 *
 * Stands first on the include path of test bodies on x86_64, so that the same source includes it as
 * <check.h>. It has the macros that tests/include/exo_check.h lists, no others. A failed assertion
 * records file, line and message and ends the thread (tests/kernel/assert.c).
 */
#ifndef TESTS_KERNEL_CHECK_H
#define TESTS_KERNEL_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct TTest {
    const char *name;
    void (*fn)(int);
    const char *file;
    int line;
} TTest;

#define START_TEST(test_name)                                                                      \
    static void test_name##_fn(int _i __attribute__((unused)));                                    \
    static const TTest test_name##_ttest = { "" #test_name, test_name##_fn, __FILE__, __LINE__ };  \
    static const TTest *test_name = &test_name##_ttest;                                            \
    static void test_name##_fn(int _i __attribute__((unused)))
#define END_TEST

/* Record the failure, unless one is recorded already, and end this thread. `format` may be NULL. */
_Noreturn void test_assert_failed(const char *file, int line, const char *expression,
                                  const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Compare like strcmp() and memcmp(): own names, since a body may test the kernel's. */
int test_string_compare(const char *a, const char *b);
int test_memory_compare(const void *a, const void *b, size_t len_bytes);

#define ck_assert_msg(expression, ...)                                                             \
    ((expression) ? (void)0                                                                        \
                  : test_assert_failed(__FILE__, __LINE__, "Assertion '" #expression "' failed",   \
                                       __VA_ARGS__))
#define ck_assert(expression) ck_assert_msg(expression, NULL)
#define ck_abort_msg(...)     test_assert_failed(__FILE__, __LINE__, "Failed", __VA_ARGS__)

#define CHECK_INT(x, op, y)                                                                        \
    do {                                                                                           \
        const long long check_x = (x);                                                             \
        const long long check_y = (y);                                                             \
        ck_assert_msg(check_x op check_y, "Assertion '%s' failed: %s == %lld, %s == %lld",         \
                      #x " " #op " " #y, #x, check_x, #y, check_y);                                \
    } while (0)
#define ck_assert_int_eq(x, y) CHECK_INT(x, ==, y)
#define ck_assert_int_ne(x, y) CHECK_INT(x, !=, y)
#define ck_assert_int_lt(x, y) CHECK_INT(x, <, y)
#define ck_assert_int_le(x, y) CHECK_INT(x, <=, y)
#define ck_assert_int_gt(x, y) CHECK_INT(x, >, y)
#define ck_assert_int_ge(x, y) CHECK_INT(x, >=, y)

#define CHECK_UINT(x, op, y)                                                                       \
    do {                                                                                           \
        const unsigned long long check_x = (x);                                                    \
        const unsigned long long check_y = (y);                                                    \
        ck_assert_msg(check_x op check_y, "Assertion '%s' failed: %s == %llu, %s == %llu",         \
                      #x " " #op " " #y, #x, check_x, #y, check_y);                                \
    } while (0)
#define ck_assert_uint_eq(x, y) CHECK_UINT(x, ==, y)
#define ck_assert_uint_ne(x, y) CHECK_UINT(x, !=, y)
#define ck_assert_uint_lt(x, y) CHECK_UINT(x, <, y)
#define ck_assert_uint_le(x, y) CHECK_UINT(x, <=, y)
#define ck_assert_uint_gt(x, y) CHECK_UINT(x, >, y)
#define ck_assert_uint_ge(x, y) CHECK_UINT(x, >=, y)

/* NULL equals nothing, itself included, as in libcheck. */
#define CHECK_STR(x, op, y)                                                                        \
    do {                                                                                           \
        const char *check_x = (x);                                                                 \
        const char *check_y = (y);                                                                 \
        ck_assert_msg(                                                                             \
            check_x != NULL && check_y != NULL && test_string_compare(check_x, check_y) op 0,      \
            "Assertion '%s' failed: %s == \"%s\", %s == \"%s\"", #x " " #op " " #y, #x,            \
            check_x == NULL ? "(null)" : check_x, #y, check_y == NULL ? "(null)" : check_y);       \
    } while (0)
#define ck_assert_str_eq(x, y) CHECK_STR(x, ==, y)
#define ck_assert_str_ne(x, y) CHECK_STR(x, !=, y)

#define CHECK_PTR(x, op, y)                                                                        \
    do {                                                                                           \
        const void *check_x = (x);                                                                 \
        const void *check_y = (y);                                                                 \
        ck_assert_msg(check_x op check_y, "Assertion '%s' failed: %s == 0x%llx, %s == 0x%llx",     \
                      #x " " #op " " #y, #x, (unsigned long long)(uintptr_t)check_x, #y,           \
                      (unsigned long long)(uintptr_t)check_y);                                     \
    } while (0)
#define ck_assert_ptr_eq(x, y)   CHECK_PTR(x, ==, y)
#define ck_assert_ptr_ne(x, y)   CHECK_PTR(x, !=, y)
#define ck_assert_ptr_null(x)    CHECK_PTR(x, ==, NULL)
#define ck_assert_ptr_nonnull(x) CHECK_PTR(x, !=, NULL)

#define ck_assert_mem_eq(x, y, len_bytes)                                                          \
    ck_assert_msg(test_memory_compare((x), (y), (len_bytes)) == 0, "%s and %s differ in %s bytes", \
                  #x, #y, #len_bytes)

#endif /* TESTS_KERNEL_CHECK_H */
