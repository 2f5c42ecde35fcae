/*
 * core/sched/policy_fair.c - the default: deadlines, then real time, then shares by weight, idle.
 *
 * LEVEL_NORMAL is a ring of buckets of virtual time. A thread's virtual time is the cycles that it
 * has run times 1024 / weight. It waits in the bucket of its virtual time plus a delay of 0, 1 or 2
 * buckets if it is hot, normal or cold: a constant, which orders threads but leaves their shares
 * alone. The earliest bucket goes first, first come first served inside.
 *
 * Invariants while queue->lock is free:
 *   (1) bit n of bucket_bits (level_bits) is set exactly when bucket (level) n has threads;
 *       LEVEL_NORMAL when bucket_bits is not zero, LEVEL_DEADLINE when the heap is not empty;
 *   (2) every thread in a bucket was put there for a number in [base, base + BUCKETS), so the order
 *       of the buckets from base on, round the ring, is the order of the numbers;
 *   (3) base only grows. With (2): a waiting thread is overtaken only by those whose number is not
 *       above its own, and every run of those moves them on, so everybody's turn comes;
 *   (4) a thread in a bucket has a virtual time of at least base - CREDIT buckets, whatever it did
 *       before (it slept, had another level, ran on another CPU): no more than that is saved up;
 *       nor is a debt beyond the ring remembered;
 *   (5) the current thread's home is this queue, so its virtual time is on this queue's scale.
 */
#include "exo/lib/assert.h"
#include "exo/time/clock.h"

#include "fair.h"
#include "limit.h"
#include "sched_private.h"

#define BUCKET_NS     4000000u /* virtual time per bucket, within a factor of two */
#define HOT_NS        500000u  /* bursts up to this on average are hot */
#define COLD_NS       8000000u /* and from this on cold */
#define CREDIT        2u
#define BASE_AT_FIRST 8u
#define BURST_SHIFT   8u /* averages are kept in units of 2^8 cycles */
#define AVERAGE_SHIFT 2u /* a new burst counts a quarter */

uint32_t g_fair_bucket_shift = 23;
static uint64_t g_hot_cycles = 1 << 20; /* HOT_NS */
static uint64_t g_cold_cycles = 1 << 24;

static void fair_init(struct run_queue *queue)
{
    const uint64_t hz = hal_caps()->cycles_hz;

    (void)queue;
    sched_limit_init();
    if (hz == 0 || g_hot_cycles == HOT_NS / 1000 * max_u64(hz / 1000000, 1)) {
        return; /* known already: other CPUs may be reading */
    }
    const uint64_t per_us = max_u64(hz / 1000000, 1);

    g_hot_cycles = HOT_NS / 1000 * per_us;
    g_cold_cycles = COLD_NS / 1000 * per_us;
    g_fair_bucket_shift = 63u - (uint32_t)__builtin_clzll(BUCKET_NS / 1000 * per_us);
}

static bool deadline_less(const struct pheap_node *a, const struct pheap_node *b)
{
    return container_of(a, struct thread, budget.node)->budget.deadline_ns <
           container_of(b, struct thread, budget.node)->budget.deadline_ns;
}

static void base_raise(struct run_queue *queue, uint64_t to)
{
    if (to > fair_base(queue)) {
        atomic_store_explicit(&queue->base, to, memory_order_relaxed);
    }
}

/* Its temperature by its bursts so far and the one that it is in, and when that changes. */
static void temperature_set(struct sched_entity *entity)
{
    const uint64_t average = (uint64_t)entity->burst_average << BURST_SHIFT;
    const uint64_t burst = max_u64(entity->burst, average);

    if (burst >= g_cold_cycles) {
        entity->temperature = TEMPERATURE_COLD;
        entity->burst_limit = UINT64_MAX;
    } else if (burst > g_hot_cycles) {
        entity->temperature = TEMPERATURE_NORMAL;
        entity->burst_limit = g_cold_cycles;
    } else {
        entity->temperature = TEMPERATURE_HOT;
        entity->burst_limit = g_hot_cycles + 1;
    }
}

/* The buckets with threads as seen from base: bit n is the one n after it. */
static uint64_t bits_from_base(const struct run_queue *queue)
{
    const uint32_t turn = fair_base(queue) % BUCKETS;

    return queue->bucket_bits >> turn | queue->bucket_bits << ((BUCKETS - turn) % BUCKETS);
}

/* The virtual time that it has at least, whatever it has saved up (4). */
static void credit_limit(const struct run_queue *queue, struct sched_entity *entity)
{
    const uint64_t base = fair_base(queue);
    const uint64_t least = (base > CREDIT ? base - CREDIT : 0) << g_fair_bucket_shift;

    entity->vtime = (int64_t)(entity->vtime - least) < 0 ? least : entity->vtime;
}

/* Its virtual time on the scale of another queue: as far from the earliest as before. */
static void fair_adopt(struct run_queue *queue, struct thread *thread)
{
    struct sched_entity *const entity = &thread->entity;
    const uint64_t base = fair_base(queue);
    const uint64_t start = max_u64(base, BASE_AT_FIRST);

    base_raise(queue, start);
    if (entity_home(entity) == NULL) {
        entity->vtime = start << g_fair_bucket_shift;
    } else {
        const uint64_t ahead =
            entity->vtime - (fair_base(entity_home(entity)) << g_fair_bucket_shift);

        entity->vtime = (start << g_fair_bucket_shift) + ahead;
    }
    credit_limit(queue, entity); /* the other queue may have gone on without it */
    entity_home_set(entity, queue);
}

static void charge_normal(struct sched_entity *entity, uint64_t cycles)
{
    entity->burst += cycles;
    entity->vtime += cycles * entity->inverse >> FAIR_INVERSE_SHIFT;
    if (EXO_UNLIKELY(entity->burst >= entity->burst_limit)) {
        temperature_set(entity);
    }
}

static void fair_charge(struct run_queue *queue, struct thread *thread, uint64_t cycles)
{
    struct sched_entity *const entity = &thread->entity;

    charge_normal(entity, cycles);
    if (queue->bucket_bits == 0 && entity_home(entity) == queue &&
        atomic_load_explicit(&entity->level, memory_order_relaxed) == LEVEL_NORMAL) {
        base_raise(queue, entity->vtime >> g_fair_bucket_shift); /* alone, it is what time it is */
    }
    const uint8_t level = atomic_load_explicit(&entity->level, memory_order_relaxed);

    if (level != LEVEL_DEADLINE) {
        sched_limit_charge(queue, cycles, level < LEVEL_NORMAL);
    }
    if (EXO_UNLIKELY(thread->has_deadlines)) {
        thread->budget.left_ns -= (int64_t)clock_cycles_to_ns(cycles);
    }
}

/* The end of a burst, and what it says of the thread. */
static void wake(struct run_queue *queue, struct sched_entity *entity)
{
    const uint32_t burst = (uint32_t)min_u64(entity->burst >> BURST_SHIFT, UINT32_MAX);

    entity->burst_average += (burst >> AVERAGE_SHIFT) - (entity->burst_average >> AVERAGE_SHIFT);
    entity->burst = 0;
    temperature_set(entity);
    credit_limit(queue, entity);
}

static void level_mark(struct run_queue *queue, uint32_t level)
{
    queue->level_bits[level / 64] |= 1ull << (level % 64);
}

static void level_clear(struct run_queue *queue, uint32_t level)
{
    queue->level_bits[level / 64] &= ~(1ull << (level % 64));
}

static void normal_add(struct run_queue *queue, struct sched_entity *entity, bool is_woken)
{
    const uint64_t base = fair_base(queue);
    uint64_t number = fair_number(entity);

    if (EXO_UNLIKELY((int64_t)(number - base) < 0)) {
        credit_limit(queue, entity); /* (4) */
        number = base;
    }
    if (EXO_UNLIKELY(number - base >= BUCKETS)) {
        number = base + BUCKETS - 1;
        entity->vtime = (number - entity->temperature) << g_fair_bucket_shift; /* (4) */
    }
    if (entity->goes_last && queue->bucket_bits != 0) {
        /* Behind all that wait: it let them go first. Its virtual time stays what it is. */
        number = max_u64(number, base + 63u - (uint64_t)__builtin_clzll(bits_from_base(queue)));
    }
    entity->bucket = (uint8_t)(number % BUCKETS);
    if (is_woken && entity->temperature == TEMPERATURE_HOT) {
        list_add_head(&queue->bucket[entity->bucket], &entity->node); /* it will not be long */
    } else {
        list_add_tail(&queue->bucket[entity->bucket], &entity->node);
    }
    if (queue->bucket_bits == 0) {
        level_mark(queue, LEVEL_NORMAL);
    }
    queue->bucket_bits |= 1ull << entity->bucket;
}

/* A new instance for a deadline thread that wakes after its last one, or whose budget would not
 * last at the rate that was granted. */
static void budget_on_wake(struct sched_budget *budget)
{
    const uint64_t now_ns = clock_now_ns();

    if (budget->runtime_ns == 0) {
        return;
    }
    const int64_t room_ns = (int64_t)(budget->deadline_ns - now_ns);

    if (room_ns <= 0 ||
        (uint64_t)(budget->left_ns > 0 ? budget->left_ns : 0) / 1000 * (budget->period_ns / 1000) >
            (uint64_t)room_ns / 1000 * (budget->runtime_ns / 1000)) {
        budget->deadline_ns = now_ns + budget->relative_ns;
        budget->period_end_ns = now_ns + budget->period_ns;
        budget->left_ns = (int64_t)budget->runtime_ns;
    }
}

static void urgent_add(struct run_queue *queue, struct thread *thread, bool is_woken)
{
    struct sched_entity *const entity = &thread->entity;
    const uint32_t level = entity->queued_level;

    if (level == LEVEL_DEADLINE) {
        if (is_woken) {
            budget_on_wake(&thread->budget);
        }
        if (thread->budget.runtime_ns != 0 && thread->budget.left_ns <= 0) {
            thread->budget.is_spent = true; /* the scheduler arms its refill */
            entity_queued_set(entity, false);
            return;
        }
        queue->deadlines.less = deadline_less;
        pheap_add(&queue->deadlines, &thread->budget.node);
    } else if (is_woken || entity->goes_last) {
        list_add_tail(&queue->level[level], &entity->node);
    } else {
        list_add_head(&queue->level[level], &entity->node); /* preempted: still the first */
    }
    level_mark(queue, level);
    run_queue_count(queue, thread, 1);
}

static void fair_enqueue(struct run_queue *queue, struct thread *thread, bool is_woken)
{
    struct sched_entity *const entity = &thread->entity;
    const uint8_t level = atomic_load_explicit(&entity->level, memory_order_relaxed);

    if (EXO_UNLIKELY(entity_home(entity) != queue)) {
        fair_adopt(queue, thread);
    }
    if (is_woken) {
        wake(queue, entity);
    }
    entity->queued_level = level;
    entity_queued_set(entity, true);
    if (EXO_LIKELY(level == LEVEL_NORMAL)) {
        normal_add(queue, entity, is_woken);
        run_queue_count(queue, thread, 1);
    } else {
        urgent_add(queue, thread, is_woken);
    }
    entity->goes_last = false;
}

static void fair_dequeue(struct run_queue *queue, struct thread *thread)
{
    struct sched_entity *const entity = &thread->entity;
    const uint32_t level = entity->queued_level;

    entity_queued_set(entity, false);
    run_queue_count(queue, thread, -1);
    if (level == LEVEL_DEADLINE) {
        pheap_remove(&queue->deadlines, &thread->budget.node);
        if (pheap_least(&queue->deadlines) == NULL) {
            level_clear(queue, level);
        }
        return;
    }
    list_remove(&entity->node);
    if (level != LEVEL_NORMAL) {
        if (list_is_empty(&queue->level[level])) {
            level_clear(queue, level);
        }
        return;
    }
    if (list_is_empty(&queue->bucket[entity->bucket])) {
        queue->bucket_bits &= ~(1ull << entity->bucket);
        if (queue->bucket_bits == 0) {
            level_clear(queue, LEVEL_NORMAL);
        }
    }
}

static struct thread *urgent_first(const struct run_queue *queue, uint32_t level)
{
    if (level == LEVEL_DEADLINE) {
        return container_of(pheap_least(&queue->deadlines), struct thread, budget.node);
    }
    return container_of(queue->level[level].next, struct thread, entity.node);
}

static struct thread *fair_pick(struct run_queue *queue)
{
    const uint64_t normal = 1ull << (LEVEL_NORMAL - 64);
    uint64_t low = queue->level_bits[0];
    uint64_t high = queue->level_bits[1];
    struct thread *thread = NULL;

    if (EXO_UNLIKELY(sched_limit_holds(queue))) {
        low &= 1ull << LEVEL_DEADLINE;
        high &= ~(normal - 1);
    }
    if (EXO_LIKELY(low == 0 && (high & (2 * normal - 1)) == normal)) {
        const uint64_t number = fair_base(queue) + (uint64_t)__builtin_ctzll(bits_from_base(queue));

        atomic_store_explicit(&queue->base, number, memory_order_relaxed);
        thread = container_of(queue->bucket[number % BUCKETS].next, struct thread, entity.node);
    } else if (low != 0) {
        thread = urgent_first(queue, (uint32_t)__builtin_ctzll(low));
    } else if (high != 0) {
        thread = urgent_first(queue, 64 + (uint32_t)__builtin_ctzll(high));
    } else {
        return NULL;
    }
    fair_dequeue(queue, thread);
    return thread;
}

/* The turn of a thread in a queue where something else than normal threads is about. */
static EXO_NOINLINE struct thread *turn_any(struct run_queue *queue, struct thread *prev,
                                            uint64_t cycles)
{
    fair_charge(queue, prev, cycles);
    fair_enqueue(queue, prev, false);
    return fair_pick(queue);
}

/* Put `prev` at the end of the bucket `place` and take `next` out of the front of its own, which
 * may be the same one. The numbers of threads stay what they are. */
static void exchange(struct run_queue *queue, struct sched_entity *prev, uint32_t place,
                     struct sched_entity *next)
{
    struct list_node *const from = &queue->bucket[next->bucket];

    list_add_tail(&queue->bucket[place], &prev->node);
    queue->bucket_bits |= 1ull << place;
    prev->queued_level = LEVEL_NORMAL;
    prev->bucket = (uint8_t)place;
    entity_queued_set(prev, true);
    entity_queued_set(next, false);
    from->next = next->node.next; /* it is the first; what its node says means nothing now */
    from->next->prev = from;
    if (list_is_empty(from)) {
        queue->bucket_bits &= ~(1ull << next->bucket); /* not the last bit: there is `prev`'s */
    }
}

/* Written out for normal threads among themselves, with distances from `base` in place of numbers:
 * this is what every yield and every end of a slice costs. */
static struct thread *fair_turn(struct run_queue *queue, struct thread *prev, uint64_t cycles)
{
    struct sched_entity *const entity = &prev->entity;
    const uint64_t normal = 1ull << (LEVEL_NORMAL - 64);

    if (EXO_UNLIKELY((queue->level_bits[0] | queue->debt) != 0 ||
                     (queue->level_bits[1] & (2 * normal - 1)) != normal ||
                     atomic_load_explicit(&entity->level, memory_order_relaxed) != LEVEL_NORMAL ||
                     entity_home(entity) != queue || prev->has_deadlines)) {
        return turn_any(queue, prev, cycles);
    }
    charge_normal(entity, cycles);
    const uint64_t base = fair_base(queue);
    const uint64_t bits = bits_from_base(queue);
    const uint64_t first = (uint64_t)__builtin_ctzll(bits);
    uint64_t ahead = fair_number(entity) - base;

    ahead = (int64_t)ahead < 0 ? 0 : ahead;
    if (entity->goes_last) {
        ahead = max_u64(ahead, 63u - (uint64_t)__builtin_clzll(bits));
    }
    if (EXO_UNLIKELY(ahead >= BUCKETS)) {
        return turn_any(queue, prev, 0);
    }
    entity->goes_last = false;
    atomic_store_explicit(&queue->base, base + min_u64(ahead, first), memory_order_relaxed);
    if (ahead < first) {
        return prev;
    }
    struct thread *const next =
        container_of(queue->bucket[(base + first) % BUCKETS].next, struct thread, entity.node);

    exchange(queue, entity, (uint32_t)((base + ahead) % BUCKETS), &next->entity);
    if (EXO_UNLIKELY(entity->reach != next->entity.reach)) {
        run_queue_count(queue, prev, 1);
        run_queue_count(queue, next, -1);
    }
    return next;
}

const struct sched_policy g_sched_policy_fair = {
    .name = "fair",
    .heeds_classes = true,
    .tick_ns = FAIR_TICK_NS,
    .init = fair_init,
    .adopt = fair_adopt,
    .charge = fair_charge,
    .enqueue = fair_enqueue,
    .pick = fair_pick,
    .turn = fair_turn,
    .dequeue = fair_dequeue,
    .find = fair_find,
    .on_tick = fair_on_tick,
    .preempts = fair_preempts,
};
