/*
 * tests/core/mem/heap/test_interrupt.c - frames and objects taken and given back in interrupts,
 * while threads on the same CPUs are in the middle of the same.
 *
 * Method: on every CPU a thread arms a timer and allocates and frees until the timer has fired
 * FIRES times; its callback does the same in the interrupt and arms it again. Each keeps what it
 * has for a while, marked with its own address, so that what was given out twice is seen; and what
 * one kind allocated the other frees now and then.
 */
#include <stdatomic.h>

#include "exo/hal.h"
#include "exo/mem/heap.h"
#include "exo/mem/phys.h"
#include "exo/sched/sched.h"
#include "exo/sched/thread.h"
#include "exo/time/timer.h"
#include "exo_check.h"

#define FIRES    100u
#define KEPT     16u
#define CPUS     8u /* at most: more add nothing but time */
#define PAUSE_NS 20000u

/* What one side holds. */
struct side {
    uint64_t *object[KEPT];
    paddr_t frame[KEPT];
    uint32_t at;
    uint32_t size; /* of the next object */
};

struct place {
    struct timer timer;
    struct side thread;
    struct side interrupt;
    _Atomic(uint64_t *) passed; /* an object on its way from one side to the other */
    _Atomic uint32_t fired;
    _Atomic uint32_t not_nested;
};

static struct place g_place[CPUS];
static _Atomic uint32_t g_wrong; /* marks that were not what they should be */

static void check_mark(const uint64_t *mark, uint64_t expected)
{
    if (*mark != expected) {
        atomic_fetch_add_explicit(&g_wrong, 1, memory_order_relaxed);
    }
}

static void object_free(uint64_t *object)
{
    if (object != NULL) {
        check_mark(object, (uintptr_t)object);
        *object = 0;
        heap_free(object);
    }
}

static void frame_free(paddr_t frame)
{
    if (frame != 0) {
        check_mark(hal_phys_to_virt(frame), frame);
        phys_free(frame, 1);
    }
}

/* One round: what was kept longest goes, something new comes. No memory is no error here. */
static void side_step(struct side *side, struct place *place)
{
    const uint32_t at = side->at++ % KEPT;
    uint64_t *object = side->object[at];

    if (at % 4 == 0) {
        object = atomic_exchange_explicit(&place->passed, object, memory_order_acq_rel);
    }
    object_free(object);
    frame_free(side->frame[at]);
    side->size = side->size * 7 % 1999 + sizeof(uint64_t); /* sizes of many classes */
    side->object[at] = heap_alloc_any(side->size);
    if (side->object[at] != NULL) {
        *side->object[at] = (uintptr_t)side->object[at];
    }
    if (phys_alloc(1, 1, &side->frame[at]) == EXO_OK) {
        *(uint64_t *)hal_phys_to_virt(side->frame[at]) = side->frame[at];
    } else {
        side->frame[at] = 0;
    }
}

static void side_end(struct side *side)
{
    for (uint32_t i = 0; i < KEPT; i++) {
        object_free(side->object[i]);
        frame_free(side->frame[i]);
    }
}

static void on_timer(struct timer *timer)
{
    struct place *const place = container_of(timer, struct place, timer);

    if (!hal_irq_nested()) {
        atomic_fetch_add_explicit(&place->not_nested, 1, memory_order_relaxed);
    }
    for (uint32_t i = 0; i < KEPT; i++) {
        side_step(&place->interrupt, place);
    }
    if (atomic_fetch_add_explicit(&place->fired, 1, memory_order_release) + 1 < FIRES) {
        timer_arm(timer, clock_deadline_ns(PAUSE_NS));
    }
}

static void worker(void *arg)
{
    struct place *const place = arg;

    *place = (struct place){ .thread.size = 3, .interrupt.size = 5 };
    timer_init(&place->timer, on_timer);
    timer_arm(&place->timer, clock_deadline_ns(PAUSE_NS));
    while (atomic_load_explicit(&place->fired, memory_order_acquire) < FIRES) {
        side_step(&place->thread, place);
    }
    (void)timer_cancel_sync(&place->timer);
    side_end(&place->thread);
    side_end(&place->interrupt);
    object_free(atomic_load_explicit(&place->passed, memory_order_acquire));
}

static void run_workers(void)
{
    struct thread *thread[CPUS];
    uint32_t count = 0;

    atomic_store_explicit(&g_wrong, 0, memory_order_relaxed);
    for (uint32_t cpu = 0; cpu < CPUS && sched_is_online(cpu); cpu++) {
        const struct thread_spec spec = {
            .name = "worker", .entry = worker, .arg = &g_place[cpu], .cpu = cpu
        };

        ck_assert_int_eq(thread_create(&spec, &thread[count++]), EXO_OK);
    }
    for (uint32_t i = 0; i < count; i++) {
        thread_join(thread[i], NULL);
        ck_assert_uint_eq(atomic_load_explicit(&g_place[i].not_nested, memory_order_relaxed), 0);
    }
    ck_assert_uint_eq(atomic_load_explicit(&g_wrong, memory_order_relaxed), 0);
}

START_TEST(heap_serves_interrupts_past_the_caches)
{
    const bool was = heap_test_checked_set(false);

    run_workers();
    (void)heap_test_checked_set(was);
}
END_TEST

START_TEST(heap_serves_interrupts_with_red_zones)
{
    const bool was = heap_test_checked_set(true);

    run_workers();
    (void)heap_test_checked_set(was);
}
END_TEST

EXO_SUITE(heap_interrupt, EXO_TEST_TIMED(heap_serves_interrupts_past_the_caches, 180),
          EXO_TEST_TIMED(heap_serves_interrupts_with_red_zones, 180))
