/*
 * tests/core/sched/workload_seeded.c - workloads drawn from a seed.
 */
#include "workload_seeded.h"

#include "exo/lib/string.h"

#define FOREVER_US 900000000u

static struct workload_thread g_thread[SEEDED_THREADS_MAX];
static uint64_t g_state;

/* The generator known as splitmix64: every seed, 0 as well, gives a sequence of its own. */
static uint64_t draw(void)
{
    g_state += 0x9e3779b97f4a7c15ull;
    uint64_t value = g_state;

    value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9ull;
    value = (value ^ value >> 27) * 0x94d049bb133111ebull;
    return value ^ value >> 31;
}

static uint64_t draw_from(uint64_t first, uint64_t last)
{
    return first + draw() % (last - first + 1);
}

/* Half of them are alike, most others near, few far apart. */
static int draw_nice(void)
{
    const uint64_t kind = draw() % 8;

    if (kind < 4) {
        return 0;
    }
    return kind < 7 ? (int)draw_from(0, 10) - 5 : (int)draw_from(0, 39) + NICE_MIN;
}

static void draw_normal(struct workload_thread *thread, uint32_t cpus, uint64_t length_us)
{
    const uint64_t kind = draw() % 16;

    *thread = (struct workload_thread){ .class = THREAD_CLASS_NORMAL,
                                        .nice = draw_nice(),
                                        .arrives_us = draw() % 2 * draw_from(0, length_us / 4) };
    if (kind < 7) {
        thread->burst_us = FOREVER_US;
    } else if (kind < 12) {
        thread->burst_us = draw_from(50, 3000);
        thread->sleep_us = draw_from(1000, 30000);
    } else {
        thread->burst_us = draw_from(4000, 60000);
        thread->sleep_us = draw_from(500, 40000);
        thread->bursts = kind == 15 ? (uint32_t)draw_from(1, 4) : 0;
    }
    if (draw() % 4 == 0) {
        thread->affinity = 1ull << draw() % cpus;
    }
    if (draw() % 32 == 0) {
        thread->class = THREAD_CLASS_IDLE;
    }
}

/* Real time, on one CPU, for `percent` of it. */
static void draw_real_time(struct workload_thread *thread, uint32_t cpus, uint64_t percent)
{
    const uint64_t period_us = draw_from(2000, 40000);

    *thread = (struct workload_thread){ .class = draw() % 2 == 0 ? THREAD_CLASS_FIFO
                                                                 : THREAD_CLASS_ROUND_ROBIN,
                                        .priority = (uint32_t)draw_from(0, REALTIME_MAX),
                                        .burst_us = period_us * percent / 100,
                                        .sleep_us = period_us * (100 - percent) / 100,
                                        .affinity = 1ull << draw() % cpus };
    if (draw() % 8 == 0) {
        thread->burst_us = FOREVER_US; /* it never lets go: the limit has to hold it */
        thread->sleep_us = 0;
    }
}

/* Deadlines, for `percent` of a CPU; it uses nine tenths of its budget. */
static void draw_deadline(struct workload_thread *thread, uint64_t percent)
{
    const uint64_t period_us = draw_from(8000, 80000);
    const uint64_t deadline_us = draw() % 2 == 0 ? period_us : draw_from(period_us / 2, period_us);

    *thread = (struct workload_thread){ .class = THREAD_CLASS_NORMAL,
                                        .arrives_us = draw_from(0, 20000),
                                        .runtime_us = deadline_us * percent / 100,
                                        .deadline_us = deadline_us,
                                        .period_us = period_us };
    thread->burst_us = thread->runtime_us * 9 / 10;
}

void workload_seeded(uint64_t seed, uint32_t cpus, struct workload *out)
{
    g_state = seed;
    const uint64_t shift = draw() % 4; /* few threads as often as many */
    const uint32_t count = (uint32_t)draw_from(1, SEEDED_THREADS_MAX >> shift);
    const uint32_t urgent = seed % 2 == 0 ? 0 : (uint32_t)draw_from(1, 4 + cpus);
    /* Long enough for several turns of everybody. */
    const uint64_t length_us = 300000 + (uint64_t)count * 60000 / cpus;

    for (uint32_t i = 0; i < count; i++) {
        if (i >= urgent || count < 2) {
            draw_normal(&g_thread[i], cpus, length_us);
        } else if (draw() % 2 == 0) {
            draw_real_time(&g_thread[i], cpus, draw_from(2, 20));
        } else {
            draw_deadline(&g_thread[i], draw_from(2, 30));
        }
    }
    *out = (struct workload){
        .name = "seeded", .cpus = cpus, .length_us = length_us, .thread = g_thread, .count = count
    };
}
