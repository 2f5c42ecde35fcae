/*
 * tests/core/sync/test_misuse.c - what nobody may do with a lock panics and says what it was:
 * giving back what is another's, locking again what is one's own, letting go of a lock in use.
 */
#include "exo/hal/test.h"
#include "exo/sched/sched.h"
#include "exo/sched/thread.h"
#include "exo/sync/address.h"
#include "exo/sync/condition.h"
#include "exo/sync/epoch.h"
#include "exo/sync/once.h"
#include "exo/sync/rwlock.h"
#include "exo/sync/semaphore.h"
#include "exo_check.h"
#include "exo_panic.h"
#include "exo_test.h"

#include "workers.h"

static struct mutex g_mutex;
static struct rwlock g_rwlock;
static struct semaphore g_semaphore;
static struct condition g_condition;
static struct completion g_completion;
static struct wait_queue g_queue;
static struct once g_once;

static void mutex_twice(void *arg)
{
    (void)arg;
    mutex_lock(&g_mutex);
    (void)!mutex_lock_until(&g_mutex, 0);
}

static void mutex_foreign_unlock(void *arg)
{
    (void)arg;
    mutex_unlock(&g_mutex);
}

static void mutex_let_go(void *arg)
{
    (void)arg;
    mutex_fini(&g_mutex);
}

START_TEST(mutex_misuse_panics)
{
    mutex_init(&g_mutex);
    ck_assert(panic_is_caught(mutex_foreign_unlock, NULL, "mutex: unlocked by a thread that is"));
    mutex_fini(&g_mutex);
    mutex_init(&g_mutex);
    mutex_lock(&g_mutex);
    ck_assert(panic_is_caught(mutex_foreign_unlock, NULL, "mutex: unlocked by a thread that is"));
    ck_assert(panic_is_caught(mutex_let_go, NULL, "mutex: it goes, but somebody holds it"));
    mutex_unlock(&g_mutex);
    mutex_fini(&g_mutex);
    ck_assert(panic_is_caught(mutex_twice, NULL, "mutex: locked again by its owner"));
}
END_TEST

static void rwlock_write_twice(void *arg)
{
    (void)arg;
    rwlock_write_lock(&g_rwlock);
    rwlock_write_lock(&g_rwlock);
}

static void rwlock_read_own(void *arg)
{
    (void)arg;
    rwlock_write_lock(&g_rwlock);
    (void)!rwlock_read_lock_until(&g_rwlock, 0);
}

static void rwlock_foreign_unlock(void *arg)
{
    (void)arg;
    rwlock_write_unlock(&g_rwlock);
}

static void rwlock_write_unlock_twice(void *arg)
{
    (void)arg;
    rwlock_write_lock(&g_rwlock);
    rwlock_write_unlock(&g_rwlock);
    rwlock_write_unlock(&g_rwlock);
}

static void rwlock_read_unlock_free(void *arg)
{
    (void)arg;
    rwlock_read_unlock(&g_rwlock);
}

static void rwlock_let_go(void *arg)
{
    (void)arg;
    rwlock_fini(&g_rwlock);
}

START_TEST(rwlock_misuse_panics)
{
    rwlock_init(&g_rwlock);
    rwlock_read_lock(&g_rwlock);
    ck_assert(panic_is_caught(rwlock_foreign_unlock, NULL, "rwlock: write-unlocked by a thread"));
    ck_assert(panic_is_caught(rwlock_let_go, NULL, "rwlock: it goes, but somebody holds it"));
    rwlock_read_unlock(&g_rwlock);
    rwlock_fini(&g_rwlock);
    ck_assert(panic_is_caught(rwlock_write_twice, NULL, "rwlock: locked again by its writer"));
    rwlock_init(&g_rwlock);
    ck_assert(panic_is_caught(rwlock_write_unlock_twice, NULL, "rwlock: write-unlocked by"));
    rwlock_init(&g_rwlock);
    ck_assert(panic_is_caught(rwlock_read_own, NULL, "rwlock: locked again by its writer"));
    ck_assert(panic_is_caught(rwlock_read_unlock_free, NULL, "no reader holds it"));
}
END_TEST

static void condition_without_mutex(void *arg)
{
    (void)arg;
    (void)!condition_wait(&g_condition, &g_mutex, 0);
}

START_TEST(condition_wait_without_its_mutex_panics)
{
    mutex_init(&g_mutex);
    condition_init(&g_condition);
    ck_assert(panic_is_caught(condition_without_mutex, NULL, "condition: waited for without"));
    mutex_lock(&g_mutex);
    ck_assert(panic_is_caught(condition_without_mutex, NULL, "condition: waited for without"));
    mutex_unlock(&g_mutex);
}
END_TEST

/* ---- letting go of what somebody waits for ---- */

static exo_status_t g_status;

static void wait_semaphore(void *arg)
{
    (void)arg;
    g_status = semaphore_down(&g_semaphore, WAIT_FOREVER);
}

static void wait_condition(void *arg)
{
    (void)arg;
    mutex_lock(&g_mutex);
    g_status = condition_wait(&g_condition, &g_mutex, WAIT_FOREVER);
    mutex_unlock(&g_mutex);
}

static void wait_completion(void *arg)
{
    (void)arg;
    g_status = completion_wait(&g_completion, WAIT_FOREVER);
}

static void fini_semaphore(void *arg)
{
    (void)arg;
    semaphore_fini(&g_semaphore);
}

static void fini_condition(void *arg)
{
    (void)arg;
    condition_fini(&g_condition);
}

static void fini_completion(void *arg)
{
    (void)arg;
    completion_fini(&g_completion);
}

static void wait_prepared(void *arg)
{
    (void)arg;
    wait_queue_fini(&g_queue);
}

/* `wait` waits until it is interrupted; meanwhile `fini` panics, afterwards it does not. */
static void fini_is_checked(void (*wait)(void *), void (*fini)(void *))
{
    struct thread *thread = NULL;

    one_cpu(10);
    start_on_one_cpu(&thread, wait, NULL, 50);
    ck_assert(panic_is_caught(fini, NULL, "wait: a queue goes, but somebody waits in it"));
    thread_interrupt(thread);
    thread_join(thread, NULL);
    ck_assert_int_eq(g_status, EXO_ERR_INTERRUPTED);
    fini(NULL);
    all_cpus();
}

START_TEST(locks_that_go_with_waiters_panic)
{
    struct wait_entry entry = { .thread = thread_current() };

    if (!sched_heeds_classes()) {
        return; /* who runs when is decided by priorities here */
    }
    semaphore_init(&g_semaphore, 0);
    mutex_init(&g_mutex);
    condition_init(&g_condition);
    completion_init(&g_completion);
    wait_queue_init(&g_queue);
    fini_is_checked(wait_semaphore, fini_semaphore);
    fini_is_checked(wait_condition, fini_condition);
    fini_is_checked(wait_completion, fini_completion);
    list_init(&entry.node);
    wait_prepare(&g_queue, &entry);
    ck_assert(panic_is_caught(wait_prepared, NULL, "wait: a queue goes"));
    wait_finish(&g_queue, &entry);
    wait_queue_fini(&g_queue);
}
END_TEST

static exo_status_t succeed(void *arg)
{
    (void)arg;
    return EXO_OK;
}

static exo_status_t run_itself(void *arg)
{
    return once_run(&g_once, run_itself, arg);
}

static exo_status_t let_itself_go(void *arg)
{
    (void)arg;
    once_fini(&g_once);
    return EXO_OK;
}

static void once_recursive(void *arg)
{
    (void)arg;
    (void)!once_run(&g_once, run_itself, NULL);
}

static void once_fini_inside(void *arg)
{
    (void)arg;
    (void)!once_run(&g_once, let_itself_go, NULL);
}

static exo_status_t fail_always(void *arg)
{
    (void)arg;
    return EXO_ERR_NO_MEMORY;
}

/* Trying again after a failure is no misuse. */
START_TEST(once_may_be_tried_again)
{
    once_init(&g_once);
    ck_assert_int_eq(once_run(&g_once, fail_always, NULL), EXO_ERR_NO_MEMORY);
    ck_assert_int_eq(once_run(&g_once, fail_always, NULL), EXO_ERR_NO_MEMORY);
    ck_assert_int_eq(once_run(&g_once, succeed, NULL), EXO_OK);
    ck_assert_int_eq(once_run(&g_once, fail_always, NULL), EXO_OK);
    once_fini(&g_once);
}
END_TEST

START_TEST(once_misuse_panics)
{
    once_init(&g_once);
    ck_assert(panic_is_caught(once_recursive, NULL, "once: run by its own function"));
    once_init(&g_once);
    ck_assert(panic_is_caught(once_fini_inside, NULL, "once: it goes, but its function runs"));
    once_init(&g_once);
    once_fini(&g_once);
}
END_TEST

static void block_with_preemption_off(void *arg)
{
    void (*const lock)(void) = *(void (*const *)(void))arg;

    preempt_disable();
    lock();
}

static void lock_mutex(void)
{
    mutex_lock(&g_mutex);
}

static void lock_mutex_until(void)
{
    (void)!mutex_lock_until(&g_mutex, 0);
}

static void read_lock(void)
{
    rwlock_read_lock(&g_rwlock);
}

static void read_lock_until(void)
{
    (void)!rwlock_read_lock_until(&g_rwlock, 0);
}

static void write_lock(void)
{
    rwlock_write_lock(&g_rwlock);
}

static void write_lock_until(void)
{
    (void)!rwlock_write_lock_until(&g_rwlock, 0);
}

static void down(void)
{
    (void)!semaphore_down(&g_semaphore, 0);
}

static void complete_wait(void)
{
    (void)!completion_wait(&g_completion, 0);
}

static void wait_at_address(void)
{
    static const struct address_key key = { .object = &g_mutex };
    static const struct address_check none = { .fn = NULL };

    (void)!address_wait(&key, &none, 0);
}

static void run_once(void)
{
    (void)!once_run(&g_once, succeed, NULL);
}

/* Whatever may block says so in debug builds, even if it would not have to this time. */
START_TEST(blocking_where_none_may_block_panics)
{
    static const struct {
        void (*call)(void);
        const char *reason;
    } calls[] = {
        { lock_mutex, "mutex_lock: may block, but the preemption count" },
        { lock_mutex_until, "mutex_lock_until: may block, but" },
        { read_lock, "rwlock_read_lock: may block, but" },
        { read_lock_until, "rwlock_read_lock_until: may block, but" },
        { write_lock, "rwlock_write_lock: may block, but" },
        { write_lock_until, "rwlock_write_lock_until: may block, but" },
        { down, "semaphore_down: may block, but" },
        { complete_wait, "completion_wait: may block, but" },
        { wait_at_address, "address_wait: may block, but" },
        { run_once, "once_run: may block, but" },
        { epoch_synchronize, "epoch_synchronize: may block, but" },
    };

    if (!EXO_CONFIG_DEBUG) {
        return;
    }
    for (uint32_t i = 0; i < ARRAY_COUNT(calls); i++) {
        mutex_init(&g_mutex);
        rwlock_init(&g_rwlock);
        semaphore_init(&g_semaphore, 1);
        completion_init(&g_completion);
        completion_complete(&g_completion);
        once_init(&g_once);
        ck_assert(panic_is_caught(block_with_preemption_off, (void *)(uintptr_t)&calls[i].call,
                                  calls[i].reason));
    }
}
END_TEST

static void wait_for_condition_with_preemption_off(void *arg)
{
    (void)arg;
    mutex_lock(&g_mutex);
    preempt_disable();
    (void)!condition_wait(&g_condition, &g_mutex, 0);
}

static void block_with_interrupts_off(void *arg)
{
    (void)arg;
    (void)hal_irq_save();
    mutex_lock(&g_mutex);
}

START_TEST(condition_wait_where_none_may_block_panics)
{
    if (!EXO_CONFIG_DEBUG) {
        return;
    }
    mutex_init(&g_mutex);
    condition_init(&g_condition);
    ck_assert(panic_is_caught(block_with_interrupts_off, NULL, "but interrupts are off"));
    ck_assert(panic_is_caught(wait_for_condition_with_preemption_off, NULL,
                              "condition_wait: may block, but"));
}
END_TEST

EXO_SUITE(sync_misuse, EXO_TEST(mutex_misuse_panics), EXO_TEST(rwlock_misuse_panics),
          EXO_TEST(condition_wait_without_its_mutex_panics),
          EXO_TEST(locks_that_go_with_waiters_panic), EXO_TEST(once_may_be_tried_again),
          EXO_TEST(once_misuse_panics), EXO_TEST(blocking_where_none_may_block_panics),
          EXO_TEST(condition_wait_where_none_may_block_panics))
