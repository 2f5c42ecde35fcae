/*
 * main.c - exo-unit: the test bodies under libcheck, each in a process and a machine of its own.
 *
 *   exo-unit [PATTERNS]            run all, or what a list like "suite,suite.test,hal_*" names;
 *                                  CK_RUN_SUITE=suite and CK_RUN_CASE=test work as well
 *   exo-unit --list                print the names, suite.test
 *   exo-unit --boot ["key=value"]  boot a machine with tests to its monitor (or with check=...)
 *
 * Environment: EXO_CHECK_LONG=1 adds slow tests; EXO_CHECK_CPUS, EXO_CHECK_NODES and EXO_CHECK_MEM
 * (MiB) shape the machine; EXO_CHECK_INITRD names the initial RAM file system (default initrd.cpio,
 * if there is one); EXO_CHECK_APPEND has more words for the kernel's command line (sched=rr).
 *
 * Invariants:
 *   (1) the machine boots after libcheck's fork, so that its CPUs are threads of the test's own
 *       process;
 *   (2) no test run, or none matched, is a failure.
 */
#include <check.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hosted_unit.h"
#include "platform/hosted/hosted.h"
#include "tests/kernel/select.h"

#define CPUS_DEFAULT      4u
#define MEM_DEFAULT_MIB   128u
#define TIMEOUT_DEFAULT_S 20u
#define NAMES_MAX         4096

/* The test that libcheck's loop index names. */
struct place {
    const struct exo_suite *suite;
    const struct exo_test *test;
};

static struct place g_place[NAMES_MAX];
static int g_places;

static uint32_t number_from_env(const char *name, uint32_t otherwise)
{
    const char *text = getenv(name);

    return text == NULL ? otherwise : (uint32_t)strtoul(text, NULL, 10);
}

static bool is_long(void)
{
    return number_from_env("EXO_CHECK_LONG", 0) != 0;
}

static const char *initrd(void)
{
    const char *path = getenv("EXO_CHECK_INITRD");

    if (path == NULL) {
        path = "initrd.cpio";
    }
    return access(path, R_OK) == 0 ? path : NULL;
}

static _Noreturn void boot(const char *cmdline, bool console_input)
{
    const struct hosted_config config = {
        .cpus = number_from_env("EXO_CHECK_CPUS", CPUS_DEFAULT),
        .nodes = number_from_env("EXO_CHECK_NODES", 1),
        .mem_mib = number_from_env("EXO_CHECK_MEM", MEM_DEFAULT_MIB),
        .initrd_path = initrd(),
        .cmdline = cmdline,
        .console_input = console_input,
        .terminal_raw = console_input,
    };

    hosted_boot(&config);
}

/* libcheck calls this in a forked child; it boots and never returns. */
static void run_place(int index)
{
    static char cmdline[512];
    const struct place *place = &g_place[index];
    const char *const more = getenv("EXO_CHECK_APPEND");

    (void)snprintf(cmdline, sizeof(cmdline), "check=%s.%s check-quiet=1 check-long=%d %s",
                   place->suite->name, place->test->name, is_long() ? 1 : 0,
                   more != NULL ? more : "");
    g_libcheck_child = true;
    boot(cmdline, false);
}

static void collect(const char *patterns)
{
    for (size_t s = 0; s < test_suite_count(); s++) {
        const struct exo_suite *suite = test_suite(s);

        for (uint32_t t = 0; t < suite->count && g_places < NAMES_MAX; t++) {
            if ((!suite->test[t].slow || is_long()) &&
                test_selected(patterns, suite->name, suite->test[t].name)) {
                g_place[g_places++] = (struct place){ suite, &suite->test[t] };
            }
        }
    }
}

/* One Suite per suite, one TCase per test: a test is selected by CK_RUN_CASE and timed by itself.
 */
static SRunner *build(void)
{
    static const TTest run_place_test = { "run", run_place, __FILE__, __LINE__ };
    SRunner *runner = srunner_create(NULL);
    const struct exo_suite *open = NULL;
    Suite *suite = NULL;

    for (int i = 0; i < g_places; i++) {
        const struct exo_test *test = g_place[i].test;
        TCase *tcase = tcase_create(test->name);

        if (g_place[i].suite != open) {
            open = g_place[i].suite;
            suite = suite_create(open->name);
            srunner_add_suite(runner, suite);
        }
        tcase_set_timeout(tcase, test->timeout_s == 0 ? TIMEOUT_DEFAULT_S : test->timeout_s);
        tcase_add_loop_test(tcase, &run_place_test, i, i + 1);
        suite_add_tcase(suite, tcase);
    }
    return runner;
}

static int run_libcheck(void)
{
    SRunner *runner = build();

    srunner_run_all(runner, CK_ENV);
    const int run = srunner_ntests_run(runner);
    const int failed = srunner_ntests_failed(runner);

    srunner_free(runner);
    if (run == 0) {
        printf("no test matches\n");
    }
    printf("check-hosted: %d passed, %d failed, 0 skipped\n", run - failed, run == 0 ? 1 : failed);
    return run == 0 || failed != 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--list") == 0) {
        collect("all");
        for (int i = 0; i < g_places; i++) {
            printf("%s.%s\n", g_place[i].suite->name, g_place[i].test->name);
        }
        return EXIT_SUCCESS;
    }
    if (argc >= 2 && strcmp(argv[1], "--boot") == 0) {
        static char cmdline[512];

        /* The monitor, not init, and all CPUs all the same. */
        (void)snprintf(cmdline, sizeof(cmdline), "recovery cpus=64 %s", argc > 2 ? argv[2] : "");
        boot(cmdline, true);
    }
    if (argc > 2 || (argc == 2 && argv[1][0] == '-')) {
        fprintf(stderr, "usage: exo-unit [PATTERNS | --list | --boot [\"key=value ...\"]]\n");
        return 2;
    }
    collect(argc == 2 ? argv[1] : "all");
    return run_libcheck();
}
