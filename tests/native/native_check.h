/*
 * tests/native/native_check.h - cases of a native test program: silent if they hold, told and
 * counted if not; the last line is "NAME: N passed, N failed".
 */
#ifndef TESTS_NATIVE_NATIVE_CHECK_H
#define TESTS_NATIVE_NATIVE_CHECK_H

#include "exo_std.h"

static int64_t g_passed;
static int64_t g_failed;

#define CHECK(condition)           check((condition), #condition)
#define CHECK_STATUS(call, status) check_status((call), (status), #call)

static inline void check(int holds, const char *text)
{
    if (holds) {
        g_passed++;
        return;
    }
    g_failed++;
    (void)exo_print("not ok - ");
    (void)exo_print(text);
    (void)exo_print("\n");
}

static inline void check_status(int64_t got, exo_status_t wanted, const char *text)
{
    check(got == wanted, text);
    if (got != wanted) {
        (void)exo_print("# got ");
        (void)exo_print(got < 0 ? exo_status_name((exo_status_t)got) : "a value");
        (void)exo_print(", wanted ");
        (void)exo_print(exo_status_name(wanted));
        (void)exo_print("\n");
    }
}

static inline int check_end(const char *name)
{
    (void)exo_print(name);
    (void)exo_print(": ");
    (void)exo_print_number(g_passed);
    (void)exo_print(" passed, ");
    (void)exo_print_number(g_failed);
    (void)exo_print(" failed\n");
    return g_failed == 0 ? 0 : 1;
}

#endif /* TESTS_NATIVE_NATIVE_CHECK_H */
