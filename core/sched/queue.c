/*
 * core/sched/queue.c - what all policies do alike with a run queue.
 *
 * Invariants while queue->lock is free:
 *   (1) count is the number of threads with entity.queued whose entity.home is the queue;
 *   (2) stealable counts those of them that every CPU may run, choosy those that some but not all
 *       other CPUs may run.
 */
#include "exo/lib/assert.h"

#include "sched_private.h"

#define SCAN_MAX 16u /* threads looked at per list in search of one that another CPU may run */

/* 2^26 / (1024 * 1.25^-nice): one step of nice is a quarter more or less of the CPU. */
static const uint32_t g_inverse[NICE_MAX - NICE_MIN + 1] = {
    /* -20 */ 756,     944,     1181,    1476,    1845,
    /* -15 */ 2306,    2882,    3603,    4504,    5629,
    /* -10 */ 7037,    8796,    10995,   13744,   17180,
    /*  -5 */ 21475,   26844,   33554,   41943,   52429,
    /*   0 */ 65536,   81920,   102400,  128000,  160000,
    /*   5 */ 200000,  250000,  312500,  390625,  488281,
    /*  10 */ 610352,  762939,  953674,  1192093, 1490116,
    /*  15 */ 1862645, 2328306, 2910383, 3637979, 4547474,
};

uint32_t sched_inverse_weight(int nice)
{
    KASSERT(nice >= NICE_MIN && nice <= NICE_MAX);
    return g_inverse[nice - NICE_MIN];
}

int sched_nice_of(uint32_t inverse)
{
    int nice = NICE_MIN;

    while (nice < NICE_MAX && g_inverse[nice - NICE_MIN] < inverse) {
        nice++;
    }
    return nice;
}

void run_queue_init(struct run_queue *queue)
{
    *queue = (struct run_queue){ .count = 0 };
    spin_init(&queue->lock, RANK_RUN_QUEUE);
    for (uint32_t i = 0; i < BUCKETS; i++) {
        list_init(&queue->bucket[i]);
    }
    for (uint32_t i = 0; i < ARRAY_COUNT(queue->level); i++) {
        list_init(&queue->level[i]);
    }
}

struct thread *run_queue_scan(struct list_node *list, uint32_t thief, bool cold_only)
{
    uint32_t looked_at = 0;

    LIST_FOR_EACH(node, list)
    {
        struct thread *const thread = container_of(node, struct thread, entity.node);

        /* Acquire: its saved context is whole before another CPU runs it. */
        if (thread_allows(thread, thief) &&
            (!cold_only || thread->entity.temperature == TEMPERATURE_COLD) &&
            !atomic_load_explicit(&thread->on_cpu, memory_order_acquire)) {
            return thread;
        }
        looked_at++;
        if (looked_at == SCAN_MAX) {
            break;
        }
    }
    return NULL;
}
