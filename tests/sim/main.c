/*
 * main.c - exo-sim-unit: the test bodies on simulated CPUs, each in a process and a machine of its
 * own, for one seed or for many.
 *
 *   exo-sim-unit [OPTION]... [PATTERNS]   run all, or what "suite,suite.test,hal_*" names
 *   exo-sim-unit --list                   print the names, suite.test
 *
 * The bodies are those of the booted kernel, with its runner and its assertions (tests/kernel).
 * EXO_CHECK_LONG=1 adds slow tests; EXO_CHECK_CPUS, EXO_CHECK_NODES and EXO_CHECK_MEM shape the
 * machine; EXO_CHECK_APPEND adds words to the kernel's command line.
 *
 * Invariants:
 *   (1) a run is described by what the command that is printed for it says, and by nothing else;
 *   (2) no test run, or none matched, is a failure.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "exo/debug/fault.h"
#include "exo/time/clock.h"
#include "exo_check.h"
#include "platform/hosted/cmdline.h"
#include "platform/hosted/host.h"
#include "platform/hosted/hosted.h"
#include "platform/hosted/sim/options.h"
#include "platform/hosted/sim/sim.h"
#include "tests/kernel/select.h"

#define CPUS_DEFAULT    4u
#define MEM_DEFAULT_MIB 64u
#define HOST_LIMIT_S    60u /* of the host's time for one run: the simulator itself hangs */
#define POINTS_MAX      300000000ull /* without --points: about 6 s, many times the longest test */
#define COMMAND_MAX     512u
#define MILLION         1000000ull

enum {
    OPTION_SEEDS = 1,
    OPTION_WITHOUT,
    OPTION_BUDGET,
    OPTION_PART,
    OPTION_TWICE,
    OPTION_CUT,
    OPTION_LIST,
    OPTION_OUTPUT,
    OPTION_HELP
};

static const char g_help[] =
    "Usage: exo-sim-unit [OPTION]... [PATTERNS]\n"
    "Run tests on simulated CPUs; PATTERNS is a list like \"sched,mem_*,time.timer_fires\".\n"
    "\n" SIM_OPTIONS_HELP "  --seeds=A-B             each test with each of these seeds\n"
    "  --without=PATTERNS      leave out what these name\n"
    "  --budget=N              a test takes no further seed once its runs passed N million points\n"
    "  --part=I/N              of N processes that share the tests the one of number I, from 1 on\n"
    "  --twice                 each run twice; they must not differ\n"
    "  --cut                   user code may loop without a call; such runs are not compared\n"
    "  --output                show what the runs print, even if they pass\n"
    "  --list                  print the names of the tests\n"
    "Without --policy every other seed has another one.\n";

/* What a run was asked for and came to. */
struct run {
    const struct exo_suite *suite;
    const struct exo_test *test;
    uint64_t seed;
    bool passed;
    struct sim_result result;
};

static struct {
    uint64_t first_seed;
    uint64_t last_seed;
    const char *without; /* patterns, or NULL */
    uint64_t budget;     /* points of a test's runs together; 0: any number */
    uint32_t part;       /* tests whose number modulo parts is this */
    uint32_t parts;
    bool twice;
    bool cut;
    bool output;
    bool policy_given;
    bool is_long;
    uint32_t cpus;
    uint32_t nodes;
    uint32_t mem_mib;
    const char *append; /* words for the kernel's command line */
} g_wish = { .parts = 1 };

static struct sim_result *g_shared; /* the child's answer */
static int g_said = -1;             /* what the child printed */
static uint32_t g_passed;
static uint32_t g_failed;
static uint64_t g_decisions;
static uint64_t g_points;
static uint64_t g_left_out; /* seeds that tests had no budget for */
static uint32_t g_cut_tests;
static uint32_t g_fault_runs[64]; /* in which site i fired */

static uint32_t number_from_env(const char *name, uint32_t otherwise)
{
    const char *const text = getenv(name);

    return text == NULL ? otherwise : (uint32_t)strtoul(text, NULL, 10);
}

/* Without a wish, seeds take turns at the policies that find most. */
static enum sim_policy_kind policy_of(uint64_t seed)
{
    static const enum sim_policy_kind turn[] = { SIM_POLICY_UNIFORM, SIM_POLICY_PCT };

    return g_wish.policy_given ? g_sim.policy : turn[seed % ARRAY_COUNT(turn)];
}

static void command_print(char *out, size_t out_bytes, const struct run *run)
{
    char options[96] = "";

    if (g_sim.weak) {
        strcat(options, " --weak");
    }
    if (g_sim.fault_ns != 0) {
        (void)snprintf(options + strlen(options), 40, " --faults=%llu",
                       (unsigned long long)(g_sim.fault_ns / MILLION));
        (void)snprintf(options + strlen(options), 24, " --rest=%llu",
                       (unsigned long long)(g_sim.rest_ns / NS_PER_S));
    }
    (void)snprintf(out, out_bytes,
                   "EXO_CHECK_CPUS=%u EXO_CHECK_NODES=%u EXO_CHECK_MEM=%u%s EXO_CHECK_APPEND='%s' "
                   "./exo-sim-unit "
                   "--seed=%llu --policy=%s --depth=%u%s %s.%s",
                   g_wish.cpus, g_wish.nodes, g_wish.mem_mib,
                   g_wish.is_long ? " EXO_CHECK_LONG=1" : "", g_wish.append,
                   (unsigned long long)run->seed, sim_policy_name(g_sim.policy), g_sim.pct_depth,
                   options, run->suite->name, run->test->name);
}

/* In the child: boot a machine that runs one test and ends. */
static _Noreturn void run_child(const struct run *run)
{
    static char cmdline[512];
    static char command[COMMAND_MAX];
    const struct hosted_config config = {
        .cpus = g_wish.cpus, .nodes = g_wish.nodes, .mem_mib = g_wish.mem_mib, .cmdline = cmdline
    };

    (void)snprintf(cmdline, sizeof(cmdline), "check=%s.%s check-quiet=1 check-long=%d %s",
                   run->suite->name, run->test->name, g_wish.is_long ? 1 : 0, g_wish.append);
    g_sim.seed = run->seed;
    g_sim.policy = policy_of(run->seed);
    g_sim.status_tells = true;
    g_sim.silent = !g_wish.output;
    g_sim.result = g_shared;
    command_print(command, sizeof(command), run);
    g_sim.command = command;
    if (!g_wish.output) {
        dup2(g_said, STDOUT_FILENO);
        dup2(g_said, STDERR_FILENO);
    }
    alarm(HOST_LIMIT_S);
    hosted_boot(&config);
}

/* Show what the child printed. */
static void said_show(void)
{
    char text[4096];
    ssize_t got;

    lseek(g_said, 0, SEEK_SET);
    while ((got = read(g_said, text, sizeof(text))) > 0) {
        fwrite(text, 1, (size_t)got, stdout);
    }
    fflush(stdout);
}

static void run_once(struct run *run)
{
    int status = 0;

    fflush(stdout);
    if (ftruncate(g_said, 0) != 0 || lseek(g_said, 0, SEEK_SET) != 0) {
        host_fail("cannot empty the file of output: %s", strerror(errno));
    }
    *g_shared = (struct sim_result){ 0 };
    const pid_t pid = fork();

    if (pid == 0) {
        run_child(run);
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    run->result = *g_shared;
    run->passed = WIFEXITED(status) && (WEXITSTATUS(status) == 0 ||
                                        (g_wish.cut && WEXITSTATUS(status) == SIM_STATUS_CUT));
    g_decisions += run->result.decisions;
    g_points += run->result.points;
    if (!run->passed && !g_wish.output) {
        said_show();
        if (WIFSIGNALED(status)) {
            printf("the process died of signal %d\n", WTERMSIG(status));
        }
    }
}

static void faults_count(uint64_t fired)
{
    for (uint32_t i = 0; i < ARRAY_COUNT(g_fault_runs); i++) {
        g_fault_runs[i] += (uint32_t)(fired >> i & 1);
    }
}

static void faults_show(void)
{
    for (uint32_t i = 0; g_sim.fault_ns != 0 && i < sim_fault_sites(); i++) {
        printf("sim-unit: fault site %s fired in %u of %u runs\n", sim_fault_site(i)->name,
               g_fault_runs[i], g_passed + g_failed);
    }
}

static void run_place(const struct exo_suite *suite, const struct exo_test *test, uint64_t seed)
{
    struct run run = { .suite = suite, .test = test, .seed = seed };
    char command[COMMAND_MAX];

    run_once(&run);
    faults_count(run.result.faults);
    if (run.passed && g_wish.twice) {
        const struct sim_result first = run.result;

        run_once(&run);
        if (first.cuts == 0 && !sim_result_same(&first, &run.result)) {
            printf("two runs differ: hash %016llx and %016llx\n", (unsigned long long)first.hash,
                   (unsigned long long)run.result.hash);
            run.passed = false;
        }
    }
    if (run.passed) {
        g_passed++;
        return;
    }
    g_failed++;
    g_sim.policy = policy_of(seed);
    command_print(command, sizeof(command), &run);
    printf("not ok - %s.%s seed=%llu\nagain: %s\n", suite->name, test->name,
           (unsigned long long)seed, command);
    fflush(stdout);
}

/* One test with every seed, or as many as its budget allows. */
static void run_seeds(const struct exo_suite *suite, const struct exo_test *test)
{
    const uint64_t before = g_points;

    for (uint64_t seed = g_wish.first_seed; seed <= g_wish.last_seed; seed++) {
        if (g_wish.budget != 0 && g_points - before >= g_wish.budget) {
            g_left_out += g_wish.last_seed + 1 - seed;
            g_cut_tests++;
            return;
        }
        run_place(suite, test, seed);
    }
}

static bool wanted(const struct exo_suite *suite, const struct exo_test *test, const char *patterns)
{
    return (!test->slow || g_wish.is_long) && test_selected(patterns, suite->name, test->name) &&
           (g_wish.without == NULL || !test_selected(g_wish.without, suite->name, test->name));
}

/* Every test that `patterns` names, or only its name. */
static void each_test(const char *patterns, bool list)
{
    uint32_t number = 0;

    for (size_t s = 0; s < test_suite_count(); s++) {
        const struct exo_suite *const suite = test_suite(s);

        for (uint32_t t = 0; t < suite->count; t++) {
            if (!wanted(suite, &suite->test[t], patterns) ||
                number++ % g_wish.parts != g_wish.part) {
                continue;
            }
            if (list) {
                printf("%s.%s\n", suite->name, suite->test[t].name);
            } else {
                run_seeds(suite, &suite->test[t]);
            }
        }
    }
}

static void seeds_parse(const char *text)
{
    char *end = NULL;

    g_wish.first_seed = strtoull(text, &end, 10);
    const bool pair = end != text && *end == '-' && end[1] != '\0';

    g_wish.last_seed = pair ? strtoull(end + 1, &end, 10) : 0;
    if (!pair || *end != '\0' || g_wish.last_seed < g_wish.first_seed) {
        host_fail("--seeds wants FIRST-LAST, not \"%s\"", text);
    }
}

/* "I/N": of N processes this is number I, from 1 on. */
static void part_parse(const char *text)
{
    char *end = NULL;
    const unsigned long part = strtoul(text, &end, 10);
    const unsigned long parts = end != text && *end == '/' ? strtoul(end + 1, &end, 10) : 0;

    if (*end != '\0' || part == 0 || part > parts || parts > UINT32_MAX) {
        host_fail("--part wants I/N, not \"%s\"", text);
    }
    g_wish.part = (uint32_t)part - 1;
    g_wish.parts = (uint32_t)parts;
}

/* Take an option; true if the list of names is wanted. */
static bool option_take(int option)
{
    switch (option) {
    case OPTION_SEEDS:
        seeds_parse(optarg);
        return false;
    case OPTION_WITHOUT:
        g_wish.without = optarg;
        return false;
    case OPTION_BUDGET:
        g_wish.budget = MILLION * hosted_number_parse("--budget", optarg);
        return false;
    case OPTION_PART:
        part_parse(optarg);
        return false;
    case OPTION_TWICE:
        g_wish.twice = true;
        return false;
    case OPTION_CUT:
        g_wish.cut = true;
        return false;
    case OPTION_OUTPUT:
        g_wish.output = true;
        return false;
    case OPTION_LIST:
        return true;
    case OPTION_HELP:
        fputs(g_help, stdout);
        exit(EXIT_SUCCESS);
    default:
        if (!sim_option_take(option, optarg)) {
            host_fail("see exo-sim-unit --help");
        }
        g_wish.policy_given = g_wish.policy_given || option == SIM_OPTION_POLICY;
        return false;
    }
}

static bool options_parse(int argc, char **argv)
{
    static const struct option options[] = {
        SIM_OPTIONS_LONG,
        { "seeds", required_argument, NULL, OPTION_SEEDS },
        { "without", required_argument, NULL, OPTION_WITHOUT },
        { "budget", required_argument, NULL, OPTION_BUDGET },
        { "part", required_argument, NULL, OPTION_PART },
        { "twice", no_argument, NULL, OPTION_TWICE },
        { "cut", no_argument, NULL, OPTION_CUT },
        { "output", no_argument, NULL, OPTION_OUTPUT },
        { "list", no_argument, NULL, OPTION_LIST },
        { "help", no_argument, NULL, OPTION_HELP },
        { NULL, 0, NULL, 0 },
    };
    bool list = false;
    int option;

    while ((option = getopt_long(argc, argv, "+", options, NULL)) != -1) {
        list = option_take(option) || list;
    }
    if (optind + 1 < argc) {
        host_fail("one list of patterns, please (see --help)");
    }
    return list;
}

static void shared_make(void)
{
    g_shared =
        mmap(NULL, sizeof(*g_shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    g_said = memfd_create("exo-sim-output", MFD_CLOEXEC);
    if (g_shared == MAP_FAILED || g_said < 0) {
        host_fail("no memory for the answers of tests");
    }
}

static double host_s(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

int main(int argc, char **argv)
{
    const double start_s = host_s();

    sim_addresses_fix(argv);
    g_sim.points_max = POINTS_MAX;
    g_wish.cpus = number_from_env("EXO_CHECK_CPUS", CPUS_DEFAULT);
    g_wish.nodes = number_from_env("EXO_CHECK_NODES", 1);
    g_wish.mem_mib = number_from_env("EXO_CHECK_MEM", MEM_DEFAULT_MIB);
    g_wish.is_long = number_from_env("EXO_CHECK_LONG", 0) != 0;
    g_wish.append = getenv("EXO_CHECK_APPEND") != NULL ? getenv("EXO_CHECK_APPEND") : "";
    const bool list = options_parse(argc, argv);
    const char *const patterns = optind < argc ? argv[optind] : "all";

    if (list) {
        each_test(patterns, true);
        return EXIT_SUCCESS;
    }
    if (g_wish.last_seed == 0) {
        g_wish.first_seed = g_wish.last_seed = g_sim.seed;
    }
    shared_make();
    each_test(patterns, false);
    const double took_s = host_s() - start_s;

    if (g_passed + g_failed == 0) {
        printf("no test matches\n");
        g_failed = 1;
    }
    printf("sim-unit: seeds %llu to %llu%s: %.0f points, %.0f decisions, %.1f s, "
           "%.2f million decisions a second\n",
           (unsigned long long)g_wish.first_seed, (unsigned long long)g_wish.last_seed,
           g_wish.twice ? ", each twice" : "", (double)g_points, (double)g_decisions, took_s,
           (double)g_decisions / took_s / MILLION);
    if (g_left_out != 0) {
        printf("sim-unit: %u tests were cut short by their budget, %llu seeds left out of %llu\n",
               g_cut_tests, (unsigned long long)g_left_out,
               (unsigned long long)(g_left_out + g_passed + g_failed));
    }
    faults_show();
    printf("sim-unit: %u passed, %u failed, 0 skipped\n", g_passed, g_failed);
    return g_failed != 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
