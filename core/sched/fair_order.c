/*
 * core/sched/fair_order.c - the questions asked of the fair policy while a thread runs: must it
 * make way at a tick, or for one that wakes, and whom may another CPU take?
 */
#include "fair.h"

#include "limit.h"

#define RR_SLICE_NS 10000000u

static const uint32_t g_slice_ns[TEMPERATURES] = { 4000000, 4000000, 8000000 };

struct thread *fair_find(struct run_queue *queue, uint32_t thief, bool cold_only)
{
    struct thread *found = NULL;

    for (uint64_t bits = cold_only ? 0 : queue->level_bits[0] & ~1ull; bits != 0 && found == NULL;
         bits &= bits - 1) {
        found = run_queue_scan(&queue->level[__builtin_ctzll(bits)], thief, false);
    }
    for (uint64_t bits = cold_only ? 0 : queue->level_bits[1]; bits != 0 && found == NULL;
         bits &= bits - 1) {
        const uint32_t level = 64 + (uint32_t)__builtin_ctzll(bits);

        if (level != LEVEL_NORMAL) {
            found =
                level < LEVEL_NORMAL ? run_queue_scan(&queue->level[level], thief, false) : NULL;
        }
    }
    for (uint64_t bits = queue->bucket_bits; bits != 0 && found == NULL; bits &= bits - 1) {
        found = run_queue_scan(&queue->bucket[__builtin_ctzll(bits)], thief, cold_only);
    }
    if (found == NULL && !cold_only) {
        found = run_queue_scan(&queue->level[LEVEL_IDLE], thief, false);
    }
    return found;
}

/* Do real-time threads wait that need not make way? */
static bool is_real_time_due(const struct run_queue *queue)
{
    const uint64_t normal = 1ull << (LEVEL_NORMAL - 64);

    return !sched_limit_holds(queue) && ((queue->level_bits[0] & ~(1ull << LEVEL_DEADLINE)) != 0 ||
                                         (queue->level_bits[1] & (normal - 1)) != 0);
}

bool fair_on_tick(struct run_queue *queue, uint64_t ran_ns)
{
    struct sched_entity *const entity = &queue->current->entity;
    const uint32_t level = atomic_load_explicit(&entity->level, memory_order_relaxed);
    bool is_over = false;

    if (queue->count == 0) {
        return false;
    }
    if (level >= LEVEL_NORMAL && is_real_time_due(queue)) {
        return true; /* what it had to make way for is paid back */
    }
    if (level == LEVEL_NORMAL || level == LEVEL_IDLE) {
        /* Light threads get shorter turns, so that one turn does not outrun the ring (4). */
        const uint64_t slice_ns = (uint64_t)g_slice_ns[entity->temperature] << FAIR_INVERSE_SHIFT;
        const uint64_t divisor = max_u64(entity->inverse, 1u << FAIR_INVERSE_SHIFT);

        is_over = level == LEVEL_IDLE || ran_ns + FAIR_TICK_NS / 2 >= slice_ns / divisor;
        entity->goes_last = entity->goes_last || level == LEVEL_IDLE;
    } else if (level != LEVEL_DEADLINE && entity->round_robin) {
        is_over = ran_ns + FAIR_TICK_NS / 2 >= RR_SLICE_NS;
        entity->goes_last = entity->goes_last || is_over;
    }
    if (level != LEVEL_DEADLINE && level < LEVEL_NORMAL) {
        is_over = is_over || sched_limit_holds(queue);
    }
    return is_over;
}

/* A hotter thread goes first if it is not behind, any other one if it is well ahead. */
static bool normal_preempts(const struct run_queue *queue, const struct sched_entity *woken,
                            const struct sched_entity *current)
{
    const uint64_t its = max_u64(fair_number(woken), fair_base(queue));
    const uint64_t mine = fair_number(current);

    return woken->temperature < current->temperature ? its <= mine : its + 1 < mine;
}

bool fair_preempts(const struct run_queue *queue, const struct thread *woken)
{
    const struct thread *const current = queue->current;
    const uint8_t mine = atomic_load_explicit(&current->entity.level, memory_order_relaxed);

    if (!entity_queued(&woken->entity)) {
        return false; /* its budget is spent */
    }
    const uint8_t its = woken->entity.queued_level;

    if (its != LEVEL_DEADLINE && its < LEVEL_NORMAL && mine >= LEVEL_NORMAL && queue->is_limited) {
        return false; /* what real time took is being paid back */
    }
    if (its != mine) {
        return its < mine;
    }
    if (mine == LEVEL_DEADLINE) {
        return woken->budget.deadline_ns < current->budget.deadline_ns;
    }
    return mine == LEVEL_NORMAL && normal_preempts(queue, &woken->entity, &current->entity);
}
