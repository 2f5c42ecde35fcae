/*
 * tests/core/debug/catch.c - catching an expected panic and going on.
 */
#include <stdatomic.h>

#include "exo/debug/panic.h"
#include "exo/lib/string.h"
#include "exo/sched/thread.h"
#include "exo/sync/spinlock.h"
#include "exo_panic.h"

struct trial {
    void (*fn)(void *arg);
    void *arg;
};

static struct thread *_Atomic g_thread; /* whose panic is expected */
static char g_reason[192];

/* In the panicking thread: note the reason, undo what keeps a thread from ending, end it. */
static void on_panic(const char *reason)
{
    if (hal_current() != atomic_load(&g_thread)) {
        return;
    }
    panic_test_hook_set(NULL);
    hal_irq_disable();
    hal_percpu()->irq_depth = 0; /* a test may have pretended */
    str_copy(g_reason, sizeof(g_reason), reason);
    spin_test_release_all();
    while (preempt_count() > 0) {
        (void)hal_preempt_dec();
    }
    hal_irq_enable();
    thread_exit(1);
}

static void trial_thread(void *arg)
{
    const struct trial *const trial = arg;

    atomic_store(&g_thread, hal_current());
    panic_test_hook_set(on_panic);
    trial->fn(trial->arg);
    panic_test_hook_set(NULL);
}

bool panic_text_has(const char *text, const char *part)
{
    for (; *text != '\0'; text++) {
        if (str_after_prefix(text, part) != NULL) {
            return true;
        }
    }
    return false;
}

bool panic_is_caught(void (*fn)(void *arg), void *arg, const char *expected)
{
    struct trial trial = { .fn = fn, .arg = arg };
    const struct thread_spec spec = {
        .name = "panics", .entry = trial_thread, .arg = &trial, .cpu = THREAD_ANY_CPU
    };
    struct thread *thread = NULL;
    int status = 0;

    g_reason[0] = '\0';
    if (thread_create(&spec, &thread) != EXO_OK) {
        return false;
    }
    thread_join(thread, &status);
    return status == 1 && panic_text_has(g_reason, expected);
}
