/*
 * tests/core/debug/test_profile.c - the sampling profiler finds what spins.
 */
#include <stdatomic.h>

#include "exo/debug/profile.h"
#include "exo/debug/symbols.h"
#include "exo/lib/assert.h"
#include "exo/lib/string.h"
#include "exo/mem/phys.h"
#include "exo/monitor.h"
#include "exo/sched/sched.h"
#include "exo/sched/thread.h"
#include "exo_check.h"

#define SAMPLES 60u
#define TURNS   20000u /* between two looks at the count */

static void command(const char *text)
{
    char line[MONITOR_LINE_MAX];

    ck_assert(str_copy(line, sizeof(line), text));
    monitor_run_line(line);
}

static uint64_t samples_of(uint32_t cpu)
{
    struct profile_stats stats;

    profile_stats(cpu, &stats);
    return stats.samples;
}

static _Atomic uint32_t
    g_left; /* turns; in memory, since interrupts of the simulator strike there */

/* Where nearly all of the time is to go. */
EXO_NOINLINE static uint32_t profile_spin_inner(uint32_t turns)
{
    atomic_store_explicit(&g_left, turns, memory_order_relaxed);
    while (atomic_load_explicit(&g_left, memory_order_relaxed) > 0) {
        atomic_fetch_sub_explicit(&g_left, 1, memory_order_relaxed);
    }
    return atomic_load_explicit(&g_left, memory_order_relaxed);
}

EXO_NOINLINE static void profile_spin_outer(void *arg)
{
    const uint32_t cpu = (uint32_t)(uintptr_t)arg;
    uint32_t left = 0;

    while (left == 0 && samples_of(cpu) < SAMPLES) {
        /* No assertion here: hosted it turns interrupts off, and what waits strikes behind it. */
        left = profile_spin_inner(TURNS);
    }
}

/* What profile_export() wrote, as long as it fits. */
struct text_sink {
    struct fmt_sink sink;
    size_t used;
    char text[16384];
};

static struct text_sink g_text;

static void text_put(struct fmt_sink *sink, const char *bytes, size_t len_bytes)
{
    struct text_sink *const to = container_of(sink, struct text_sink, sink);

    for (size_t i = 0; i < len_bytes && to->used + 1 < sizeof(to->text); i++) {
        to->text[to->used++] = bytes[i];
    }
}

static bool text_has(const char *wanted)
{
    for (size_t i = 0; i < g_text.used; i++) {
        if (str_after_prefix(&g_text.text[i], wanted) != NULL) {
            return true;
        }
    }
    return false;
}

/* A thread alone on its CPU spins in one function until there are samples enough, however long that
 * takes: the function is the top one, and the stack has who called it. */
START_TEST(profile_finds_the_function_that_spins)
{
    const uint32_t cpu = sched_online_count() - 1;
    const struct thread_spec spec = {
        .name = "spinner", .entry = profile_spin_outer, .arg = (void *)(uintptr_t)cpu, .cpu = cpu
    };
    struct thread *thread = NULL;
    struct profile_stats stats;
    uint64_t count = 0;

    command("profile start 5000");
    ck_assert_int_eq(thread_create(&spec, &thread), EXO_OK);
    thread_join(thread, NULL);
    command("profile stop");
    profile_stats(cpu, &stats);
    ck_assert_uint_ge(stats.samples, SAMPLES);
    const char *const top = profile_top(cpu, &count);

    ck_assert_ptr_nonnull(top);
    ck_assert_msg(str_after_prefix(top, "profile_spin_inner") != NULL, "%s is on top", top);
    ck_assert_uint_le(count, stats.samples);
    g_text = (struct text_sink){ .sink = { .put = text_put } };
    profile_export(&g_text.sink);
    ck_assert(text_has(";profile_spin_outer;profile_spin_inner"));
    command("profile free");
    ck_assert_ptr_null(profile_top(cpu, &count));
}
END_TEST

/* Code is found by where its function begins, and what lies far from all functions is nobody's. */
START_TEST(symbol_index_knows_its_bounds)
{
    const struct ksym *const last = &g_ksyms[g_ksym_count - 1];
    const uint32_t inner = symbol_index((uintptr_t)profile_spin_outer);

    ck_assert_uint_lt(inner, g_ksym_count);
    ck_assert_uint_eq(g_ksyms[inner].addr, (uintptr_t)profile_spin_outer);
    ck_assert_uint_eq(symbol_index((uintptr_t)profile_spin_outer + 1), inner);
    ck_assert_uint_eq(symbol_index((uintptr_t)last->addr), g_ksym_count - 1);
    ck_assert_uint_eq(symbol_index((uintptr_t)last->addr + (1u << 20)), UINT32_MAX);
    ck_assert_uint_eq(symbol_index((uintptr_t)g_ksyms[0].addr - 1), UINT32_MAX);
}
END_TEST

START_TEST(profile_stops_and_starts_afresh)
{
    struct profile_stats stats;

    command("profile start 5000");
    while (samples_of(0) < 2) {
        thread_yield();
    }
    command("profile stop");
    const uint64_t stopped = samples_of(0);

    ck_assert_uint_ge(stopped, 2);
    thread_sleep_ns(2000000); /* ten samples, if there were any */
    ck_assert_uint_eq(samples_of(0), stopped);
    command("profile start 1");
    profile_stats(0, &stats);
    ck_assert_uint_lt(stats.samples, stopped);
    command("profile start 0"); /* refused, and goes on */
    command("profile free");
    profile_stats(0, &stats);
    ck_assert_uint_eq(stats.size, 0);
}
END_TEST

START_TEST(profile_survives_a_lack_of_memory)
{
    struct profile_stats stats;

    for (uint32_t n = 1; n <= sched_online_count() && n <= 4; n++) {
        (void)phys_test_fail_after(n);
        command("profile start");
        (void)phys_test_fail_after(0);
        profile_stats(0, &stats);
        ck_assert_uint_eq(stats.size, 0);
    }
    profile_sample(); /* of no effect without a table */
}
END_TEST

EXO_SUITE(debug_profile, EXO_TEST_TIMED(profile_finds_the_function_that_spins, 60),
          EXO_TEST(symbol_index_knows_its_bounds),
          EXO_TEST_TIMED(profile_stops_and_starts_afresh, 60),
          EXO_TEST(profile_survives_a_lack_of_memory))
