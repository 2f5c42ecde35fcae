/*
 * run.c - one test, run and judged.
 *
 * Invariants:
 *   (1) one test at a time: g_test is its name exactly while its thread may run;
 *   (2) g_failure is written by the thread that moves g_failed from 0 to 1, and read after the
 *       test's thread was joined;
 *   (3) frames and threads are counted while nothing of the test runs. A test that leaves some
 *       behind is run once more, and is a leak only if the second run leaves some as well: what
 *       fills a cache for good (the kernel's page tables for stacks) does so once.
 */
#include "run.h"

#include <stdatomic.h>

#include "exo/hal.h"
#include "exo/lib/fmt.h"
#include "exo/mem/heap.h"
#include "exo/mem/kva.h"
#include "exo/mem/phys.h"
#include "exo/sched/thread.h"
#include "exo/sync/preempt.h"
#include "exo_test.h"
#include "watchdog.h"

#define DEFAULT_TIMEOUT_S 60u
#define SETTLE_NS         500000000u /* threads that ended give their stacks back a little later */

bool g_test_long;

static const struct exo_test *_Atomic g_test;
static _Atomic uint32_t g_failed;
static struct test_outcome g_failure;

struct census {
    uint64_t frames_free;  /* those that the heap holds count: it caches */
    uint64_t heap_objects; /* of small ones only debug builds know which lie in caches */
    size_t threads;
};

static void census_take(struct census *out)
{
    struct phys_stats stats;
    struct heap_stats heap;

    kva_flush(); /* stacks of threads that ended */
    (void)heap_reclaim();
    heap_stats(&heap);
    phys_stats(&stats);
    out->frames_free = stats.frames_free + heap.frames;
    out->heap_objects = heap.large_objects + (EXO_CONFIG_DEBUG ? heap.small_objects : 0);
    out->threads = thread_list(NULL, 0);
}

static bool census_same(const struct census *a, const struct census *b)
{
    return a->frames_free == b->frames_free && a->heap_objects == b->heap_objects &&
           a->threads == b->threads;
}

/* Count until all is as in `before`, for SETTLE_NS at most; the last count is in *after. */
static void census_settle(const struct census *before, struct census *after)
{
    const uint64_t give_up = hal_cycles() + hal_caps()->cycles_hz / (1000000000u / SETTLE_NS);

    do {
        census_take(after);
        if (census_same(before, after)) {
            return;
        }
        thread_sleep_ns(1000000);
    } while (hal_cycles() < give_up);
}

const char *test_running(void)
{
    const struct exo_test *test = atomic_load_explicit(&g_test, memory_order_acquire);

    return test == NULL ? NULL : test->name;
}

void test_fail(const char *file, int line, const char *text)
{
    uint32_t none = 0;

    if (!hal_irq_enabled() || preempt_count() != 0) {
        test_run_broken(file, line, text); /* a thread cannot end here */
    }
    if (atomic_compare_exchange_strong_explicit(&g_failed, &none, 1, memory_order_acq_rel,
                                                memory_order_acquire)) {
        g_failure.file = file;
        g_failure.line = line;
        fmt_print(g_failure.text, sizeof(g_failure.text), "%s", text);
    }
    thread_exit(1);
}

static void test_thread(void *arg)
{
    const struct exo_test *test = arg;

    (*test->test)->fn(0);
    if (!hal_irq_enabled() || preempt_count() != 0) {
        test_run_broken((*test->test)->file, (*test->test)->line,
                        "returned with interrupts or preemption off");
    }
}

/* Run the body once; true if no assertion failed. */
static bool run_body(const struct exo_test *test)
{
    struct thread *thread = NULL;
    const struct thread_spec spec = { .name = test->name,
                                      .entry = test_thread,
                                      .arg = (void *)(uintptr_t)test,
                                      .cpu = THREAD_ANY_CPU };

    atomic_store_explicit(&g_failed, 0, memory_order_relaxed);
    atomic_store_explicit(&g_test, test, memory_order_release);
    watchdog_start(test->timeout_s == 0 ? DEFAULT_TIMEOUT_S : test->timeout_s);
    if (thread_create(&spec, &thread) != EXO_OK) {
        test_run_broken(__FILE__, __LINE__, "no memory for the test's thread");
    }
    thread_join(thread, NULL);
    watchdog_stop();
    (void)phys_test_fail_after(0);
    atomic_store_explicit(&g_test, NULL, memory_order_release);
    return atomic_load_explicit(&g_failed, memory_order_acquire) == 0;
}

/* Run and count; true if it passed and left nothing. *failed says that an assertion did it. */
static bool run_counted(const struct exo_test *test, struct census *before, struct census *after,
                        bool *failed)
{
    census_take(before);
    *failed = !run_body(test);
    census_settle(before, after);
    return !*failed && census_same(before, after);
}

void test_run(const struct exo_test *test, struct test_outcome *out)
{
    struct census before;
    struct census after;
    bool failed = false;

    out->passed = run_counted(test, &before, &after, &failed);
    if (!out->passed && !failed) {
        out->passed = run_counted(test, &before, &after, &failed);
    }
    if (failed) {
        *out = g_failure;
        out->passed = false;
    }
    out->clean = census_same(&before, &after);
    if (!failed && !out->passed) {
        out->file = (*test->test)->file;
        out->line = (*test->test)->line;
        fmt_print(out->text, sizeof(out->text),
                  "leak: free frames %llu before, %llu after; heap objects %llu before, %llu "
                  "after; threads %llu before, %llu after",
                  (unsigned long long)before.frames_free, (unsigned long long)after.frames_free,
                  (unsigned long long)before.heap_objects, (unsigned long long)after.heap_objects,
                  (unsigned long long)before.threads, (unsigned long long)after.threads);
    }
    if (after.heap_objects != before.heap_objects) {
        (void)heap_leak_report(); /* the failure's text has no room for who it was */
    }
    if (!out->passed) {
        test_failure_forward(out);
    }
}
