/*
 * select.c - which tests a check= value names.
 *
 * Invariant: a pattern without a dot matches suites, one with a dot a suite and a test, apart.
 */
#include "select.h"

#include "exo/lib/string.h"
#include "pattern.h"

#define PLANTED_SUITE "planted" /* fails on purpose: only by name (test_planted.c) */

extern const struct exo_suite *const __start_exo_suites[];
extern const struct exo_suite *const __stop_exo_suites[];

size_t test_suite_count(void)
{
    return (size_t)(__stop_exo_suites - __start_exo_suites);
}

const struct exo_suite *test_suite(size_t index)
{
    return __start_exo_suites[index];
}

bool test_selected(const char *patterns, const char *suite, const char *test)
{
    for (;;) {
        const size_t len = pattern_len(patterns);
        size_t dot = 0;

        while (dot < len && patterns[dot] != '.') {
            dot++;
        }
        const bool all = len == 3 && pattern_matches(patterns, len, "all");

        if ((all && !str_equal(suite, PLANTED_SUITE)) ||
            (pattern_matches(patterns, dot, suite) &&
             (dot == len || pattern_matches(patterns + dot + 1, len - dot - 1, test)))) {
            return true;
        }
        if (patterns[len] == '\0') {
            return false;
        }
        patterns += len + 1;
    }
}

bool test_name_is(const char *name, const char *suite, const char *test)
{
    const char *rest = str_after_prefix(name, suite);

    return rest != NULL && *rest == '.' && str_equal(rest + 1, test);
}
