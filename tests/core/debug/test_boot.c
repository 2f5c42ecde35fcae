/*
 * tests/core/debug/test_boot.c - the command line, boot steps, symbols and panics.
 */
#include "exo/debug/boot.h"
#include "exo/debug/panic.h"
#include "exo/debug/symbols.h"
#include "exo/lib/assert.h"
#include "exo/lib/fmt.h"
#include "exo/lib/string.h"
#include "exo_check.h"
#include "exo_panic.h"
#include "params.h"

static char g_seen[256];

static void seen_add(const char *a, const char *b)
{
    const size_t len = strlen(g_seen);

    fmt_print(g_seen + len, sizeof(g_seen) - len, "[%s%s%s]", a, b != NULL ? "|" : "",
              b != NULL ? b : "");
}

static void on_param(const char *key, char *value)
{
    seen_add(key, value);
}

static void on_argument(char *word)
{
    seen_add(word, NULL);
}

static void expect_walk(const char *line, const char *expected)
{
    static const struct params_visitor visitor = { .param = on_param, .argument = on_argument };
    char text[128];

    g_seen[0] = '\0';
    ck_assert(str_copy(text, sizeof(text), line));
    params_walk(text, &visitor);
    ck_assert_str_eq(g_seen, expected);
}

START_TEST(params_walk_tells_keys_from_arguments)
{
    expect_walk("", "");
    expect_walk("  a=1  b c=x=y ", "[a|1][b|][c|x=y]");
    expect_walk("a=1 -- prog x=1 -- %00", "[a|1][prog][x=1][--][%00]");
    expect_walk("-- prog", "[prog]");
    expect_walk("a=-- --b", "[a|--][--b|]");
}
END_TEST

START_TEST(params_name_program_only_with_something_behind)
{
    ck_assert(params_name_program("-- prog"));
    ck_assert(params_name_program("log=info -- prog"));
    ck_assert(!params_name_program("log=info --"));
    ck_assert(!params_name_program("a-- b"));
    ck_assert(!params_name_program(""));
}
END_TEST

static void step_one(void)
{
    seen_add("one", NULL);
}

static void step_two(void)
{
    seen_add("two", NULL);
}

static void step_three(void)
{
    seen_add("three", NULL);
}

/* Nobody registers critical steps, so the phase is the test's own. */
START_TEST(boot_steps_run_by_order_then_place)
{
    static const struct boot_step steps[] = {
        { "test-three", BOOT_CRITICAL, 7, step_three },
        { "test-one", BOOT_CRITICAL, 0, step_one },
        { "test-other", BOOT_NORMAL, 1, step_three },
        { "test-two", BOOT_CRITICAL, 0, step_two },
    };

    g_seen[0] = '\0';
    boot_phase_run(BOOT_CRITICAL, steps, ARRAY_COUNT(steps));
    ck_assert_str_eq(g_seen, "[one][two][three]");
}
END_TEST

START_TEST(boot_module_find_reports_a_missing_one)
{
    const struct boot_module *module = NULL;

    ck_assert_int_eq(boot_module_find("no-such-module", &module), EXO_ERR_NOT_FOUND);
    ck_assert_ptr_null(module);
}
END_TEST

/* The table is sorted, and an address inside a function finds it. A kernel without a table finds
 * none. */
START_TEST(symbols_are_sorted_and_found)
{
    uintptr_t offset = 99;
    const char *const name = symbol_find((uintptr_t)kprintf, &offset);

    if (g_ksym_count == 0) {
        ck_assert_ptr_null(name);
        return;
    }
    ck_assert_str_eq(name, "kprintf");
    ck_assert_uint_eq(offset, 0);
    ck_assert_str_eq(symbol_find((uintptr_t)kprintf + 1, &offset), "kprintf");
    ck_assert_uint_eq(offset, 1);
    ck_assert_ptr_null(symbol_find(0, &offset));
    for (uint32_t i = 1; i < g_ksym_count; i++) {
        ck_assert_uint_le(g_ksyms[i - 1].addr, g_ksyms[i].addr);
    }
}
END_TEST

static void panics(void *arg)
{
    panic("test reason n=%d", *(const int *)arg);
}

static void asserts(void *arg)
{
    KASSERT(*(const int *)arg == 0);
}

static void does_nothing(void *arg)
{
    (void)arg;
}

START_TEST(panic_and_assertion_tell_the_reason)
{
    int value = 7;

    ck_assert(panic_is_caught(panics, &value, "test reason n=7"));
    ck_assert(panic_is_caught(asserts, &value, "assertion failed: *(const int *)arg == 0 at "));
    ck_assert(!panic_is_caught(does_nothing, &value, ""));
    value = 0;
    ck_assert(!panic_is_caught(asserts, &value, ""));
}
END_TEST

EXO_SUITE(debug_boot, EXO_TEST(params_walk_tells_keys_from_arguments),
          EXO_TEST(params_name_program_only_with_something_behind),
          EXO_TEST(boot_steps_run_by_order_then_place),
          EXO_TEST(boot_module_find_reports_a_missing_one), EXO_TEST(symbols_are_sorted_and_found),
          EXO_TEST(panic_and_assertion_tell_the_reason))
