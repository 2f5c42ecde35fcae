/*
 * run.h - one test, run and judged; shared by the runners of both back ends.
 */
#ifndef TESTS_KERNEL_RUN_H
#define TESTS_KERNEL_RUN_H

#include "exo_check.h"

#define TEST_TEXT_MAX 320u /* bytes of a failure's message, NUL included */

struct test_outcome {
    bool passed;
    bool clean; /* nothing was left behind: the next test may run in this kernel */
    int line;
    const char *file;
    char text[TEST_TEXT_MAX];
};

/* Run `test` in a kernel thread and judge it: its assertions, then frames and threads left over. On
 * a hang it reports by test_run_hung() and does not return. */
void test_run(const struct exo_test *test, struct test_outcome *out);

/* The name of the test that runs, for messages; NULL between tests. */
const char *test_running(void);

/* Record a failure (the first one wins) and end the calling thread; ends the machine where a thread
 * cannot end (spinlock held, interrupts off). The platform's test_assert_failed() calls it. */
_Noreturn void test_fail(const char *file, int line, const char *text);

/* Defined by the runner: print "not ok" for the test that runs and end the machine. Any context. */
_Noreturn void test_run_broken(const char *file, int line, const char *text);

/* Defined beside the platform's test_assert_failed(): a judged failure, before it is printed.
 * Hosted, in a process of libcheck's, it tells libcheck and ends the process. */
void test_failure_forward(const struct test_outcome *outcome);

/* Set for check-long. */
extern bool g_test_long;

#endif /* TESTS_KERNEL_RUN_H */
