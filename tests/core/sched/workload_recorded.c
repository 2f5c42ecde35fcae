/*
 * tests/core/sched/workload_recorded.c - what threads did in a run of the kernel, made by
 * tools/trace-workload of a trace: the tests of mutexes, read-write locks and threads on 4 CPUs
 * (`trace on sched`, `check sync_mutex*,sync_rwlock*,sched_thread.*`, `trace dump` in the monitor
 * of exo-unit --boot). Of each thread its first steps: it runs, then sleeps, in microseconds.
 */
#include "exo/lib/string.h"
#include "workload.h"

static const struct workload_step g_locks_0[] = {
    /* parker */
    { 1, 85 }, { 1, 12 }, { 1, 12 }, { 1, 12 }, { 1, 12 }, { 1, 87 }, { 1, 1 },
    { 1, 12 }, { 1, 12 }, { 1, 87 }, { 1, 13 }, { 1, 87 }, { 1, 12 }, { 1, 90 },
    { 1, 12 }, { 1, 88 }, { 1, 12 }, { 1, 89 }, { 1, 12 }, { 1, 88 },
};
static const struct workload_step g_locks_1[] = {
    /* epoch */
    { 10, 38 },  { 12, 1088 }, { 46, 49 },   { 20, 1045 }, { 8, 46 },   { 15, 1 },   { 1, 62 },
    { 28, 1 },   { 1, 50 },    { 13, 676 },  { 33, 45 },   { 9, 125 },  { 240, 33 }, { 19, 68 },
    { 102, 33 }, { 51, 34 },   { 208, 857 }, { 19, 35 },   { 8, 1034 }, { 7, 38 },
};
static const struct workload_step g_locks_2[] = {
    /* unpark_never_gets_lost */
    { 50, 66 }, { 71, 66 }, { 46, 73 }, { 27, 66 }, { 34, 66 }, { 35, 66 }, { 34, 66 },
    { 35, 66 }, { 34, 66 }, { 34, 66 }, { 35, 66 }, { 33, 65 }, { 29, 66 }, { 33, 66 },
    { 33, 66 }, { 53, 46 }, { 33, 66 }, { 29, 65 }, { 34, 66 }, { 34, 65 },
};
static const struct workload_step g_locks_3[] = {
    /* monitor */
    { 15, 1214 }, { 28, 1009 }, { 63, 1648 },  { 13, 1024 }, { 73, 3294 },
    { 21, 1018 }, { 72, 6 },    { 53, 999 },   { 70, 1039 }, { 19, 1023 },
    { 77, 3034 }, { 22, 1018 }, { 64, 11888 }, { 54, 1013 }, { 87, 5608 },
    { 22, 1027 }, { 72, 97 },   { 34, 1037 },  { 74, 1037 }, { 31, 1018 },
};
static const struct workload_step g_locks_4[] = {
    /* worker */
    { 7, 51 },     { 1, 65 },     { 1, 3770 },    { 12, 64 },    { 1, 3 },
    { 1, 2 },      { 1, 68 },     { 931, 100 },   { 20, 2790 },  { 8, 55 },
    { 1, 76 },     { 301, 85 },   { 4876, 442 },  { 810, 265 },  { 3495, 4767 },
    { 108, 2196 }, { 1383, 696 }, { 3794, 2119 }, { 4633, 471 }, { 740, 1562 },
};
static const struct workload_step g_locks_5[] = {
    /* worker */
    { 1, 28 }, { 10, 53 }, { 1, 3714 }, { 3, 58 }, { 18, 3 }, { 1, 2 },   { 1, 1 },
    { 1, 74 }, { 1, 105 }, { 12, 34 },  { 1, 47 }, { 7, 75 }, { 1, 107 }, { 12, 29 },
    { 1, 52 }, { 7, 99 },  { 7, 80 },   { 7, 41 }, { 1, 59 }, { 7, 99 },
};
static const struct workload_step g_locks_6[] = {
    /* worker */
    { 1, 3708 },   { 21, 45 },    { 1, 20 },     { 1, 1 },       { 1, 1 },
    { 1, 59 },     { 3862, 104 }, { 84, 249 },   { 3983, 204 },  { 750, 810 },
    { 2782, 507 }, { 7780, 624 }, { 772, 4910 }, { 5575, 2461 }, { 2642, 569 },
    { 1733, 296 }, { 831, 453 },  { 4574, 36 },  { 1, 88 },      { 1, 102 },
};
static const struct workload_step g_locks_7[] = {
    /* worker */
    { 1, 3946 }, { 8, 60 },  { 8, 14 },  { 1, 2 },  { 1, 1 },   { 1, 68 },   { 7, 98 },
    { 8, 101 },  { 12, 34 }, { 1, 66 },  { 1, 63 }, { 7, 100 }, { 12, 28 },  { 1, 66 },
    { 12, 74 },  { 1, 106 }, { 12, 28 }, { 1, 65 }, { 12, 89 }, { 7, 2838 },
};
static const struct workload_step g_locks_8[] = {
    /* worker */
    { 1, 40 },      { 10, 66 },   { 1, 80 },     { 3705, 61 },  { 1, 2 },      { 1, 2 },
    { 1, 3909 },    { 17, 59 },   { 9505, 856 }, { 2806, 433 }, { 784, 104 },  { 8343, 273 },
    { 5392, 2031 }, { 2810, 91 }, { 1870, 391 }, { 2379, 622 }, { 776, 4068 }, { 288, 0 },
};
static const struct workload_step g_locks_9[] = {
    /* worker */
    { 7, 94 },     { 3950, 20 },   { 1, 2 },       { 1, 997 },   { 2935, 183 },
    { 738, 3182 }, { 4318, 308 },  { 1518, 2516 }, { 765, 214 }, { 6963, 624 },
    { 9125, 499 }, { 4613, 2189 }, { 741, 358 },   { 7136, 0 },
};
static const struct workload_step g_locks_10[] = {
    /* thread_create_survives_ */
    { 42, 3 }, { 9, 1020 }, { 54, 6 }, { 15, 1029 }, { 63, 6 }, { 15, 1024 }, { 1, 0 },
};
static const struct workload_step g_locks_11[] = {
    /* mutex_is_handed_to_who_ */
    { 151, 1019 },
    { 14, 30 },
    { 72, 15 },
    { 1, 0 },
};

static const struct workload_thread g_locks[] = {
    { .class = THREAD_CLASS_NORMAL, .arrives_us = 16965, .bursts = 20, .step = g_locks_0 },
    { .class = THREAD_CLASS_NORMAL, .arrives_us = 76, .bursts = 20, .step = g_locks_1 },
    { .class = THREAD_CLASS_NORMAL, .arrives_us = 16916, .bursts = 20, .step = g_locks_2 },
    { .class = THREAD_CLASS_NORMAL, .arrives_us = 0, .bursts = 20, .step = g_locks_3 },
    { .class = THREAD_CLASS_NORMAL, .arrives_us = 51508, .bursts = 20, .step = g_locks_4 },
    { .class = THREAD_CLASS_NORMAL, .arrives_us = 51593, .bursts = 20, .step = g_locks_5 },
    { .class = THREAD_CLASS_NORMAL, .arrives_us = 51684, .bursts = 20, .step = g_locks_6 },
    { .class = THREAD_CLASS_NORMAL, .arrives_us = 51444, .bursts = 20, .step = g_locks_7 },
    { .class = THREAD_CLASS_NORMAL, .arrives_us = 51515, .bursts = 18, .step = g_locks_8 },
    { .class = THREAD_CLASS_NORMAL, .arrives_us = 51408, .bursts = 14, .step = g_locks_9 },
    { .class = THREAD_CLASS_NORMAL, .arrives_us = 5088, .bursts = 7, .step = g_locks_10 },
    { .class = THREAD_CLASS_NORMAL, .arrives_us = 47396, .bursts = 4, .step = g_locks_11 },
};

/* On one CPU, so that they meet. */
const struct workload g_recorded[] = {
    { .name = "locks",
      .cpus = 1,
      .length_us = 210810,
      .thread = g_locks,
      .count = ARRAY_COUNT(g_locks) },
};
const uint32_t g_recorded_count = ARRAY_COUNT(g_recorded);
