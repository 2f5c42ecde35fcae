/*
 * tests/core/drivers/test_console.c - console input, fed as the platform's interrupt feeds it.
 */
#include "exo/drivers/console.h"

#include <stdatomic.h>

#include "exo/hal.h"
#include "exo/lib/string.h"
#include "exo/sched/thread.h"
#include "exo/time/clock.h"
#include "exo_check.h"
#include "exo_test.h"

static void type(const char *bytes, size_t len_bytes)
{
    const hal_irq_t irq = hal_irq_save();

    core_irq_enter();
    core_on_console_input(bytes, len_bytes);
    core_irq_exit();
    hal_irq_restore(irq);
}

START_TEST(console_read_gives_what_was_typed_in_order)
{
    char buf[8];

    ck_assert_uint_eq(console_read(buf, sizeof(buf), 0), 0); /* nothing, and the deadline passed */
    type("abc", 3);
    type("defgh-ij", 8);
    ck_assert_uint_eq(console_read(buf, 8, CLOCK_NEVER), 8);
    ck_assert_mem_eq(buf, "abcdefgh", 8);
    ck_assert_uint_eq(console_read(buf, 8, CLOCK_NEVER), 3);
    ck_assert_mem_eq(buf, "-ij", 3);
}
END_TEST

static _Atomic uint32_t g_state;
static char g_read[4];

static void reader(void *arg)
{
    (void)arg;
    atomic_store(&g_state, 1);
    if (console_read(g_read, sizeof(g_read), CLOCK_NEVER) == 2) {
        atomic_store(&g_state, 2);
    }
}

START_TEST(console_input_wakes_a_reader)
{
    const struct thread_spec spec = { .name = "reader", .entry = reader, .cpu = THREAD_ANY_CPU };
    struct thread *thread = NULL;

    atomic_store(&g_state, 0);
    ck_assert_int_eq(thread_create(&spec, &thread), EXO_OK);
    ck_assert(test_wait_for(&g_state, 1, 5 * NS_PER_S));
    thread_sleep_ns(2 * NS_PER_MS); /* most likely asleep by now; it must be right either way */
    type("hi", 2);
    thread_join(thread, NULL);
    ck_assert_uint_eq(atomic_load(&g_state), 2);
    ck_assert_mem_eq(g_read, "hi", 2);
}
END_TEST

START_TEST(console_counts_what_it_drops)
{
    static char many[CONSOLE_INPUT_MAX + 10];
    const uint64_t before = console_dropped();

    memset(many, 'x', sizeof(many));
    type(many, sizeof(many));
    ck_assert_uint_eq(console_dropped() - before, 10);
    ck_assert_uint_eq(console_read(many, sizeof(many), CLOCK_NEVER), CONSOLE_INPUT_MAX);
    ck_assert_uint_eq(console_read(many, sizeof(many), 0), 0);
}
END_TEST

EXO_SUITE(drivers_console, EXO_TEST(console_read_gives_what_was_typed_in_order),
          EXO_TEST(console_input_wakes_a_reader), EXO_TEST(console_counts_what_it_drops))
