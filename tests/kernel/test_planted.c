/*
 * test_planted.c - tests that fail on purpose, each in another way, so that the runners can be
 * tested.
 *
 * "all" does not name this suite: tests/hosted/test-runner.sh and tests/kernel/check-runner ask for
 * it and expect each failure by its message.
 */
#include "exo/debug/panic.h"
#include "exo/hal.h"
#include "exo/mem/heap.h"
#include "exo/mem/phys.h"
#include "exo/monitor.h"
#include "exo/sched/thread.h"
#include "exo_check.h"
#include "exo_test.h"

START_TEST(passes)
{
    ck_assert_int_eq(1 + 1, 2);
    ck_assert_str_eq("same", "same");
    ck_assert_mem_eq("same", "same", 4);
}
END_TEST

START_TEST(fails_an_assertion)
{
    const int two = 2;

    ck_assert_int_eq(two + 1, 2);
}
END_TEST

START_TEST(fails_a_text)
{
    ck_assert_str_eq("this", "that");
}
END_TEST

static void failing_thread(void *arg)
{
    ck_assert_msg(arg == NULL, "the helper says %d", 7);
}

START_TEST(fails_in_a_helper_thread)
{
    struct thread *helper = NULL;
    int argument = 0;
    const struct thread_spec spec = {
        .name = "helper", .entry = failing_thread, .arg = &argument, .cpu = THREAD_ANY_CPU
    };

    ck_assert_int_eq(thread_create(&spec, &helper), EXO_OK);
    thread_join(helper, NULL);
}
END_TEST

START_TEST(leaks_a_frame)
{
    paddr_t frame = 0;

    ck_assert_int_eq(phys_alloc(1, 1, &frame), EXO_OK);
}
END_TEST

/* One call site: the count must not be unrolled. */
static EXO_NOINLINE void leak_objects(size_t size)
{
    volatile const uint32_t count = 3;

    for (uint32_t i = 0; i < count; i++) {
        void *const object = heap_alloc_any(size);

        ck_assert_ptr_nonnull(object);
    }
}

START_TEST(leaks_heap_objects)
{
    leak_objects(72);
    leak_objects(HEAP_SMALL_MAX + 1);
}
END_TEST

static void command_leak(uint32_t argc, const char *const *argv)
{
    (void)argc;
    (void)argv;
    leak_objects(72);
    leak_objects(HEAP_SMALL_MAX + 3); /* builds without debug checks know whose these are */
}
EXO_MONITOR_COMMAND(test_leak, "a test's own: leave objects of the heap behind", command_leak);

/* Leaks in the first of its two runs only, as something that fills for good would: the heap's
 * report at the machine's end sees it. */
START_TEST(leaks_once)
{
    static bool done;

    if (!done) {
        done = true;
        leak_objects(HEAP_SMALL_MAX + 2);
    }
}
END_TEST

static void sleeping_thread(void *arg)
{
    (void)arg;
    for (;;) {
        thread_sleep_ns(1000000000);
    }
}

START_TEST(leaks_a_thread)
{
    struct thread *thread = NULL;
    const struct thread_spec spec = { .name = "left",
                                      .entry = sleeping_thread,
                                      .cpu = THREAD_ANY_CPU };

    ck_assert_int_eq(thread_create(&spec, &thread), EXO_OK);
    thread_detach(thread);
}
END_TEST

START_TEST(hangs)
{
    for (;;) {
        hal_pause();
    }
}
END_TEST

START_TEST(panics)
{
    panic("planted panic");
}
END_TEST

static void use_up_the_stack(void *arg)
{
    volatile char *here = __builtin_frame_address(0);

    (void)arg;
    for (;;) {
        *here = 0;
        here -= PAGE_SIZE;
    }
}

START_TEST(overflows_a_stack)
{
    struct thread *thread = NULL;
    const struct thread_spec spec = { .name = "deep-one",
                                      .entry = use_up_the_stack,
                                      .cpu = THREAD_ANY_CPU };

    ck_assert_int_eq(thread_create(&spec, &thread), EXO_OK);
    thread_join(thread, NULL);
}
END_TEST

START_TEST(returns_with_interrupts_off)
{
    (void)hal_irq_save();
}
END_TEST

EXO_SUITE(planted, EXO_TEST(passes), EXO_TEST(fails_an_assertion), EXO_TEST(fails_a_text),
          EXO_TEST(fails_in_a_helper_thread), EXO_TEST(leaks_a_frame), EXO_TEST(leaks_heap_objects),
          EXO_TEST(leaks_once), EXO_TEST(leaks_a_thread), EXO_TEST_TIMED(hangs, 2),
          EXO_TEST(panics), EXO_TEST(overflows_a_stack), EXO_TEST(returns_with_interrupts_off))
