/*
 * runner.c - the check= run: picks tests, runs them in order, prints TAP and ends the machine.
 *
 * What tools/check-kernel reads:
 *   TAP version 13, 1..N (tests left from check-from on), then for each test
 *   "# run suite.test then suite.next" before it starts ("then -" for the last one),
 *   "ok I - suite.test" or "not ok I - suite.test # file:line message", and
 *   "# check: P passed, F failed" when all have run; objects of the heap that are left then make
 *   the machine's status a failure. The machine may end earlier: after a crash, a hang, or a failed
 *   test that left threads or memory behind; the tool then boots again with check-from= the test
 *   after it.
 *
 * Invariants:
 *   (1) a line of TAP is one call of kprintf(), begun at the start of a line;
 *   (2) check= naming no test is a failure.
 */
#include "exo/debug/boot.h"
#include "exo/debug/panic.h"
#include "exo/hal.h"
#include "exo/lib/fmt.h"
#include "exo/lib/string.h"
#include "exo/mem/heap.h"
#include "exo/monitor.h"
#include "run.h"
#include "select.h"

static const char *g_check;
static const char *g_from;
static bool g_quiet; /* one process per test: libcheck prints */

static exo_status_t check_set(const char *value)
{
    g_check = value;
    return EXO_OK;
}

static exo_status_t check_from_set(const char *value)
{
    g_from = value;
    return EXO_OK;
}

static exo_status_t flag_value(const char *value, bool *out)
{
    if ((value[0] != '0' && value[0] != '1') || value[1] != '\0') {
        return EXO_ERR_INVALID;
    }
    *out = value[0] == '1';
    return EXO_OK;
}

static exo_status_t check_long_set(const char *value)
{
    return flag_value(value, &g_test_long);
}

static exo_status_t check_quiet_set(const char *value)
{
    return flag_value(value, &g_quiet);
}

/* A place in the registered suites. */
struct cursor {
    size_t suite;
    uint32_t test;
};

static const struct exo_test *cursor_test(const struct cursor *at)
{
    return &test_suite(at->suite)->test[at->test];
}

/* Move to the first test at or after *at that `patterns` names; false if there is none. */
static bool cursor_find(struct cursor *at, const char *patterns)
{
    for (; at->suite < test_suite_count(); at->suite++, at->test = 0) {
        const struct exo_suite *suite = test_suite(at->suite);

        for (; at->test < suite->count; at->test++) {
            const struct exo_test *test = &suite->test[at->test];

            if ((!test->slow || g_test_long) && test_selected(patterns, suite->name, test->name)) {
                return true;
            }
        }
    }
    return false;
}

/* Move to the test named `from`, or past the end if there is none. */
static void cursor_seek(struct cursor *at, const char *from)
{
    for (; at->suite < test_suite_count(); at->suite++, at->test = 0) {
        const struct exo_suite *suite = test_suite(at->suite);

        for (; at->test < suite->count; at->test++) {
            if (test_name_is(from, suite->name, suite->test[at->test].name)) {
                return;
            }
        }
    }
}

static uint32_t cursor_count(struct cursor at, const char *patterns)
{
    uint32_t count = 0;

    while (cursor_find(&at, patterns)) {
        count++;
        at.test++;
    }
    return count;
}

static struct cursor g_at; /* the test that runs */
static uint32_t g_number;  /* its number in TAP */

static void print_not_ok(const char *file, int line, const char *text)
{
    kprintf("not ok %u - %s.%s # %s:%d %s\n", g_number, test_suite(g_at.suite)->name,
            cursor_test(&g_at)->name, file, line, text);
}

void test_run_broken(const char *file, int line, const char *text)
{
    const struct test_outcome outcome = { .file = file, .line = line };
    struct test_outcome copy = outcome;

    for (size_t i = 0; i + 1 < sizeof(copy.text) && text[i] != '\0'; i++) {
        copy.text[i] = text[i];
    }
    test_failure_forward(&copy);
    print_not_ok(file, line, text);
    hal_shutdown(1);
}

static void print_start(const char *patterns)
{
    struct cursor next = g_at;

    next.test++;
    if (cursor_find(&next, patterns)) {
        kprintf("# run %s.%s then %s.%s\n", test_suite(g_at.suite)->name, cursor_test(&g_at)->name,
                test_suite(next.suite)->name, cursor_test(&next)->name);
    } else {
        kprintf("# run %s.%s then -\n", test_suite(g_at.suite)->name, cursor_test(&g_at)->name);
    }
}

/* Run one test at g_at; false if it failed. Ends the machine if it left the kernel unfit for
 * others. */
static bool run_one(const char *patterns)
{
    struct test_outcome outcome;

    if (!g_quiet) {
        print_start(patterns);
    }
    test_run(cursor_test(&g_at), &outcome);
    if (outcome.passed) {
        if (!g_quiet) {
            kprintf("ok %u - %s.%s\n", g_number, test_suite(g_at.suite)->name,
                    cursor_test(&g_at)->name);
        }
        return true;
    }
    print_not_ok(outcome.file, outcome.line, outcome.text);
    if (!outcome.clean) {
        kprintf("# it left threads or memory behind: this machine ends\n");
        hal_shutdown(1);
    }
    return false;
}

/* Run all tests that `patterns` names, from `from` on if it is not NULL; returns the failures, or 1
 * if nothing matched. */
static uint32_t run_all(const char *patterns, const char *from)
{
    uint32_t failed = 0;

    g_at = (struct cursor){ 0 };
    if (from != NULL) {
        cursor_seek(&g_at, from);
    }
    const uint32_t count = cursor_count(g_at, patterns);

    if (count == 0) {
        kprintf("Bail out! no test matches \"%s\"\n", patterns);
        return 1;
    }
    if (!g_quiet) {
        kprintf("TAP version 13\n1..%u\n", count);
    }
    for (g_number = 1; cursor_find(&g_at, patterns); g_number++) {
        failed += run_one(patterns) ? 0 : 1;
        g_at.test++;
    }
    if (!g_quiet) {
        kprintf("# check: %u passed, %u failed\n", count - failed, failed);
    }
    return failed;
}

static void list_all(void)
{
    struct cursor at = { 0 };

    while (cursor_find(&at, "all")) {
        kprintf("%s.%s\n", test_suite(at.suite)->name, cursor_test(&at)->name);
        at.test++;
    }
}

/* The machine ends: what the heap still holds and was not told to keep is a leak of the kernel's,
 * from before the tests or in a way that two runs of a test did not show. */
static bool heap_is_empty(void)
{
    struct test_outcome outcome = { .file = __FILE__, .line = __LINE__ };
    const uint64_t objects = heap_leak_report();

    if (objects > 0) {
        fmt_print(outcome.text, sizeof(outcome.text), "%lu objects of the heap are left", objects);
        kprintf("not ok %u - heap.end # %s:%d %s\n", g_number, outcome.file, outcome.line,
                outcome.text);
        test_failure_forward(&outcome);
    }
    return objects == 0;
}

static void runner_step(void)
{
    if (g_check == NULL) {
        return;
    }
    if (str_equal(g_check, "list")) {
        list_all();
        hal_shutdown(0);
    }
    const bool passed = run_all(g_check, g_from) == 0;

    hal_shutdown(heap_is_empty() && passed ? 0 : 1);
}

static void monitor_check(uint32_t argc, const char *const *argv)
{
    if (argc < 2) {
        kprintf("usage: check all|suite|suite.test|list ...\n");
        return;
    }
    for (uint32_t i = 1; i < argc; i++) {
        if (str_equal(argv[i], "list")) {
            list_all();
        } else {
            (void)run_all(argv[i], NULL);
        }
    }
}

EXO_BOOT_PARAM(check, "check", "tests to run: all, suite, suite.test, list; comma-separated",
               check_set);
EXO_BOOT_PARAM(check_from, "check-from", "first test to run of those that check= names",
               check_from_set);
EXO_BOOT_PARAM(check_long, "check-long", "1: slow tests as well", check_long_set);
EXO_BOOT_PARAM(check_quiet, "check-quiet", "1: print failures only", check_quiet_set);
EXO_BOOT_STEP(tests, BOOT_NORMAL, BOOT_ORDER_TESTS, runner_step);
EXO_MONITOR_COMMAND(check, "run tests: check all|suite|suite.test|list", monitor_check);
