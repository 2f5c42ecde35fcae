/*
 * tests/core/monitor/test_monitor.c - from a line to a command.
 */
#include "exo/lib/string.h"
#include "exo/monitor.h"
#include "exo_check.h"

static uint32_t g_runs;
static uint32_t g_argc;
static char g_last[32];
static bool g_stand_in_ran;

static void command_probe(uint32_t argc, const char *const *argv)
{
    g_runs++;
    g_argc = argc;
    str_copy(g_last, sizeof(g_last), argv[argc - 1]);
}
EXO_MONITOR_COMMAND(test_probe, "a test's own command", command_probe);

static void command_stand_in(uint32_t argc, const char *const *argv)
{
    (void)argc;
    (void)argv;
    g_stand_in_ran = true;
}
EXO_MONITOR_COMMAND_KIND(test_twice, "stands in for the other", command_stand_in, true);

/* Another record of the same name: the identifiers of the macro differ, the names do not. */
static const struct monitor_command g_twice = { .name = "test_twice",
                                                .help = "the real one",
                                                .run = command_probe };
static const struct monitor_command *const g_twice_ptr EXO_SECTION(exo_monitor_commands) = &g_twice;

static void run(const char *text)
{
    char line[MONITOR_LINE_MAX];

    ck_assert(str_copy(line, sizeof(line), text));
    monitor_run_line(line);
}

START_TEST(monitor_cuts_a_line_into_words)
{
    g_runs = 0;
    run("  test_probe one\ttwo   three ");
    ck_assert_uint_eq(g_runs, 1);
    ck_assert_uint_eq(g_argc, 4);
    ck_assert_str_eq(g_last, "three");
    run("");
    run("   ");
    run("test_prob");
    ck_assert_uint_eq(g_runs, 1);
    run("test_probe 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18");
    ck_assert_uint_eq(g_argc, MONITOR_ARGS_MAX);
}
END_TEST

START_TEST(monitor_prefers_a_command_to_its_stand_in)
{
    g_runs = 0;
    g_stand_in_ran = false;
    run("test_twice");
    ck_assert_uint_eq(g_runs, 1);
    ck_assert(!g_stand_in_ran);
}
END_TEST

/* All of them print and return, whatever state the kernel is in. */
START_TEST(monitor_commands_that_look_return)
{
    static const char *const looks[] = { "help", "dmesg", "cpus",   "threads",
                                         "mem",  "heap",  "timers", "bootchart" };

    for (size_t i = 0; i < ARRAY_COUNT(looks); i++) {
        run(looks[i]);
    }
}
END_TEST

EXO_SUITE(monitor_commands, EXO_TEST(monitor_cuts_a_line_into_words),
          EXO_TEST(monitor_prefers_a_command_to_its_stand_in),
          EXO_TEST(monitor_commands_that_look_return))
