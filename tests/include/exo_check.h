/*
 * exo_check.h - tests written once: libcheck hosted, the stand-in of tests/kernel/check.h booted.
 *
 * A test file includes this, writes START_TEST(fact) { ... } END_TEST bodies and ends with
 * EXO_SUITE(suite, EXO_TEST(fact), ...). A body runs in a kernel thread of its own, in a freshly
 * booted kernel hosted, in the running one booted. EXO_SUITE_ON registers a suite that one platform
 * alone has.
 *
 * Macros that both sides have, and the only ones to use:
 *   START_TEST END_TEST ck_assert ck_assert_msg ck_abort_msg
 *   ck_assert_int_eq ne lt le gt ge   ck_assert_uint_eq ne lt le gt ge
 *   ck_assert_str_eq ne   ck_assert_ptr_eq ne null nonnull   ck_assert_mem_eq
 */
#ifndef EXO_CHECK_H
#define EXO_CHECK_H

#include <check.h>

#include "exo/lib/types.h"

struct exo_test {
    const char *name;
    const TTest *const *test; /* the variable that START_TEST made */
    uint32_t timeout_s;       /* watchdog, 0 = the default (10 s hosted, 60 s booted) */
    bool slow;                /* only with check-long */
};

struct exo_suite {
    const char *name;
    const struct exo_test *test;
    uint32_t count;
};

#define EXO_TEST(fact)                                                                             \
    {                                                                                              \
        .name = #fact, .test = &fact                                                               \
    }
#define EXO_TEST_TIMED(fact, seconds)                                                              \
    {                                                                                              \
        .name = #fact, .test = &fact, .timeout_s = (seconds)                                       \
    }
#define EXO_TEST_LONG(fact, seconds)                                                               \
    {                                                                                              \
        .name = #fact, .test = &fact, .timeout_s = (seconds), .slow = true                         \
    }

#define EXO_SUITE(suite, ...)                                                                      \
    static const struct exo_test exo_tests_##suite[] = { __VA_ARGS__ };                            \
    static const struct exo_suite exo_suite_##suite = { .name = #suite,                            \
                                                        .test = exo_tests_##suite,                 \
                                                        .count = ARRAY_COUNT(exo_tests_##suite) }; \
    static const struct exo_suite *const exo_suite_ptr_##suite EXO_SECTION(exo_suites) =           \
        &exo_suite_##suite;

#endif /* EXO_CHECK_H */
