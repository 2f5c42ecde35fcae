/*
 * tests/core/sched/test_fair.c - virtual time of the fair policy across queues, levels and yields:
 * what the seeded workloads found (test_bounds.c), each by itself.
 */
#include "exo_check.h"
#include "exo_test.h"
#include "fair.h"
#include "sched_private.h"

#define CREDIT_BUCKETS 2u
#define FAR            1000u /* buckets */

static struct run_queue g_queue[2];
static struct thread g_thread[2];

static void fixture(void)
{
    for (uint32_t i = 0; i < 2; i++) {
        run_queue_init(&g_queue[i]);
        g_sched_policy_fair.init(&g_queue[i]);
        g_thread[i] = (struct thread){ .entity.inverse = sched_inverse_weight(0) };
        list_init(&g_thread[i].entity.node);
        atomic_store(&g_thread[i].entity.level, LEVEL_NORMAL);
        thread_affinity_store(&g_thread[i], AFFINITY_ALL);
    }
}

/* Run `thread` alone in `queue` for so many buckets of virtual time; it is in no queue then. */
static void run_alone(struct run_queue *queue, struct thread *thread, uint64_t buckets)
{
    g_sched_policy_fair.enqueue(queue, thread, true);
    ck_assert_ptr_eq(g_sched_policy_fair.pick(queue), thread);
    g_sched_policy_fair.charge(queue, thread, buckets << g_fair_bucket_shift);
}

/* Buckets that the thread is behind the queue's earliest; negative if it is ahead. */
static int64_t behind(const struct run_queue *queue, const struct thread *thread)
{
    return (int64_t)(fair_base(queue) - (thread->entity.vtime >> g_fair_bucket_shift));
}

/* A thread that another CPU took is on that one's scale from then on: what its old queue does while
 * it runs there neither makes it wait nor lets it go first. */
START_TEST(fair_adopted_thread_forgets_its_old_queue)
{
    fixture();
    g_sched_policy_fair.enqueue(&g_queue[0], &g_thread[0], true);
    g_sched_policy_fair.dequeue(&g_queue[0], &g_thread[0]);
    g_sched_policy_fair.adopt(&g_queue[1], &g_thread[0]);
    ck_assert_ptr_eq(entity_home(&g_thread[0].entity), &g_queue[1]);
    run_alone(&g_queue[0], &g_thread[1], FAR);
    g_sched_policy_fair.charge(&g_queue[1], &g_thread[0], 10ull << g_fair_bucket_shift);
    g_sched_policy_fair.enqueue(&g_queue[1], &g_thread[0], false);
    ck_assert_int_eq(behind(&g_queue[1], &g_thread[0]), 0);
    ck_assert_uint_ge(fair_base(&g_queue[1]), 10);
    ck_assert_uint_lt(fair_base(&g_queue[1]), FAR);
}
END_TEST

/* Who was of the idle class, or in a queue that went on without it, has saved up no more than a
 * sleeper: otherwise nobody else would run until it had caught up. */
START_TEST(fair_credit_is_limited_however_it_came)
{
    fixture();
    atomic_store(&g_thread[0].entity.level, LEVEL_IDLE);
    g_sched_policy_fair.enqueue(&g_queue[0], &g_thread[0], true);
    run_alone(&g_queue[0], &g_thread[1], FAR);
    g_sched_policy_fair.dequeue(&g_queue[0], &g_thread[0]);
    atomic_store(&g_thread[0].entity.level, LEVEL_NORMAL);
    g_sched_policy_fair.enqueue(&g_queue[0], &g_thread[0], false);
    ck_assert_int_le(behind(&g_queue[0], &g_thread[0]), CREDIT_BUCKETS);

    fixture();
    g_sched_policy_fair.enqueue(&g_queue[0], &g_thread[0], true);
    g_sched_policy_fair.dequeue(&g_queue[0], &g_thread[0]);
    run_alone(&g_queue[0], &g_thread[1], FAR);
    g_sched_policy_fair.enqueue(&g_queue[1], &g_thread[0], false);
    ck_assert_int_le(behind(&g_queue[1], &g_thread[0]), CREDIT_BUCKETS);
    ck_assert_int_ge(behind(&g_queue[1], &g_thread[0]), 0);
}
END_TEST

/* Yielding when nobody waits is over at once: it does not put the thread behind all others when it
 * wakes the next time. */
START_TEST(fair_yield_is_forgotten)
{
    for (uint32_t i = 0; i < 10; i++) {
        thread_yield();
        const hal_irq_t irq = hal_irq_save();

        ck_assert(!thread_current()->entity.goes_last);
        hal_irq_restore(irq);
    }
}
END_TEST

EXO_SUITE(sched_fair, EXO_TEST(fair_adopted_thread_forgets_its_old_queue),
          EXO_TEST(fair_credit_is_limited_however_it_came), EXO_TEST(fair_yield_is_forgotten))
