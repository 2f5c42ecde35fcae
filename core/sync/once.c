/*
 * core/sync/once.c - NEW -(once_run_slow)-> RUNNING -(fn succeeds)-> DONE
 *                                           RUNNING -(fn fails)-> NEW
 *
 * Invariant: (1) only who turned NEW into RUNNING calls fn, and leaves RUNNING.
 */
#include "exo/sync/once.h"

#include "exo/debug/panic.h"
#include "exo/lib/assert.h"

void once_init(struct once *once)
{
    atomic_store_explicit(&once->state, ONCE_NEW, memory_order_relaxed);
    atomic_store_explicit(&once->runner, NULL, memory_order_relaxed);
    wait_queue_init(&once->queue);
}

void once_fini(struct once *once)
{
    if (atomic_load_explicit(&once->state, memory_order_acquire) == ONCE_RUNNING) {
        panic("once: it goes, but its function runs");
    }
    wait_queue_fini(&once->queue);
}

/* True if the caller shall call fn, or need not: *done tells. */
static bool claim(struct once *once, bool *done)
{
    uint32_t state = ONCE_NEW;

    *done = false;
    if (atomic_compare_exchange_strong_explicit(&once->state, &state, ONCE_RUNNING,
                                                memory_order_acquire, memory_order_acquire)) {
        return true;
    }
    *done = state == ONCE_DONE;
    return *done;
}

exo_status_t once_run_slow(struct once *once, exo_status_t (*fn)(void *arg), void *arg)
{
    exo_status_t status = EXO_OK;
    bool done = false;

    assert_may_block("once_run");
    if (atomic_load_explicit(&once->runner, memory_order_relaxed) == hal_current()) {
        panic("once: run by its own function");
    }
    WAIT_UNTIL(&once->queue, claim(once, &done), WAIT_FOREVER, &status);
    KASSERT(status == EXO_OK); /* without deadline */
    if (done) {
        return EXO_OK;
    }
    atomic_store_explicit(&once->runner, hal_current(), memory_order_relaxed);
    status = fn(arg);
    atomic_store_explicit(&once->runner, NULL, memory_order_relaxed);
    KASSERT(atomic_load_explicit(&once->state, memory_order_relaxed) == ONCE_RUNNING);
    atomic_store_explicit(&once->state, status == EXO_OK ? ONCE_DONE : ONCE_NEW,
                          memory_order_release);
    wait_wake_all(&once->queue);
    return status;
}
