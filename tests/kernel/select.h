/*
 * select.h - which tests a check= value names.
 *
 * A value is a comma-separated list of patterns: "all", "suite", "suite.test", each with * and ?
 * (pattern.h). "list" is the caller's business.
 */
#ifndef TESTS_KERNEL_SELECT_H
#define TESTS_KERNEL_SELECT_H

#include "exo_check.h"

/* Does `patterns` name the test? Suite and test are matched apart, so that "*" never crosses the
 * dot. */
bool test_selected(const char *patterns, const char *suite, const char *test);

/* Is `name` exactly "suite.test"? */
bool test_name_is(const char *name, const char *suite, const char *test);

/* All registered suites: g_suites[0] to g_suites[test_suite_count() - 1]. */
size_t test_suite_count(void);
const struct exo_suite *test_suite(size_t index);

#endif /* TESTS_KERNEL_SELECT_H */
