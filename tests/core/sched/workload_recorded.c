/*
 * tests/core/sched/workload_recorded.c - what threads did in runs of the kernel, made by
 * tools/trace-workload of traces. Of each thread its first steps: it runs, then sleeps, in
 * microseconds.
 *
 *   locks      the tests of mutexes, read-write locks and threads on 4 CPUs (`trace on sched`,
 *              `check sync_mutex*,sync_rwlock*,sched_thread.*`, `trace dump` in the monitor of
 *              exo-unit --boot)
 *   processes  a producer and three consumers at a ring, on 2 CPUs (exo-hosted --cpus 2 --trace
 *              FILE --append trace=sched -- demo_crowd)
 *   rings      ten processes, two at a time, that talk over rings (the same, native_rings)
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

static const struct workload_step g_processes_0[] = {
    /* demo_crowd */
    { 450, 7843 }, { 44, 46 }, { 61, 43 }, { 82, 52 },  { 121, 58 }, { 22, 45 }, { 60, 58 },
    { 11, 35 },    { 48, 55 }, { 66, 46 }, { 104, 37 }, { 31, 59 },  { 24, 76 }, { 35, 58 },
    { 27, 73 },    { 34, 68 }, { 40, 31 }, { 28, 31 },  { 17, 41 },  { 29, 49 },
};
static const struct workload_step g_processes_1[] = {
    /* demo_crowd */
    { 386, 3777 }, { 106, 7 }, { 27, 11 }, { 31, 10 }, { 24, 21 }, { 13, 24 },  { 31, 10 },
    { 37, 12 },    { 25, 16 }, { 24, 11 }, { 31, 11 }, { 22, 19 }, { 27, 7 },   { 13, 6 },
    { 34, 73 },    { 12, 76 }, { 58, 47 }, { 18, 47 }, { 26, 84 }, { 25, 117 },
};
static const struct workload_step g_processes_2[] = {
    /* demo_crowd */
    { 299, 44 }, { 46, 61 }, { 43, 82 }, { 52, 121 }, { 13, 46 },  { 82, 16 }, { 28, 7 },
    { 14, 23 },  { 33, 53 }, { 20, 24 }, { 21, 64 },  { 95, 32 },  { 34, 16 }, { 58, 92 },
    { 56, 58 },  { 67, 64 }, { 49, 88 }, { 56, 65 },  { 59, 106 }, { 98, 89 },
};
static const struct workload_step g_processes_3[] = {
    /* demo_crowd */
    { 13192, 106 },
    { 24606, 0 },
};
static const struct workload_step g_processes_4[] = {
    /* epoch */
    { 23, 53 },
    { 21, 139 },
};
static const struct workload_step g_processes_5[] = {
    /* main */
    { 14, 55453 },
    { 1, 0 },
};
static const struct workload_thread g_processes[] = {
    { .class = THREAD_CLASS_NORMAL, .arrives_us = 5051, .bursts = 20, .step = g_processes_0 },
    { .class = THREAD_CLASS_NORMAL, .arrives_us = 9044, .bursts = 20, .step = g_processes_1 },
    { .class = THREAD_CLASS_NORMAL, .arrives_us = 13045, .bursts = 20, .step = g_processes_2 },
    { .class = THREAD_CLASS_NORMAL, .arrives_us = 14, .bursts = 2, .step = g_processes_3 },
    { .class = THREAD_CLASS_NORMAL, .arrives_us = 55231, .bursts = 2, .step = g_processes_4 },
    { .class = THREAD_CLASS_NORMAL, .arrives_us = 0, .bursts = 2, .step = g_processes_5 },
};

static const struct workload_step g_rings_0[] = {
    /* native_rings */
    { 1716, 42 }, { 3818, 21 }, { 26, 31 },   { 26, 21 },  { 26, 26 }, { 233, 25 }, { 26, 25 },
    { 27, 27 },   { 26, 25 },   { 25, 25 },   { 664, 25 }, { 26, 25 }, { 26, 25 },  { 25, 25 },
    { 26, 24 },   { 25, 24 },   { 5276, 24 }, { 28, 24 },  { 26, 25 }, { 25, 22 },
};
static const struct workload_step g_rings_1[] = {
    /* epoch */
    { 10, 37 }, { 9, 54 },  { 8, 32 },  { 14, 63 },    { 7, 34 },  { 16, 58 }, { 6, 94 },
    { 7, 172 }, { 7, 335 }, { 7, 731 }, { 18, 20421 }, { 10, 37 }, { 14, 58 }, { 8, 38 },
    { 14, 29 }, { 1, 28 },  { 7, 38 },  { 15, 53 },    { 7, 36 },  { 14, 55 },
};
static const struct workload_step g_rings_2[] = {
    /* native_rings */
    { 3553, 16 }, { 379, 30 }, { 23, 25 }, { 31, 25 }, { 21, 26 },  { 27, 22 },  { 237, 25 },
    { 25, 26 },   { 29, 25 },  { 26, 24 }, { 26, 21 }, { 623, 19 }, { 26, 25 },  { 26, 24 },
    { 26, 25 },   { 26, 25 },  { 25, 25 }, { 26, 22 }, { 487, 15 }, { 293, 15 },
};
static const struct workload_step g_rings_3[] = {
    /* native_rings */
    { 1146, 32 }, { 38, 26 },   { 27, 22 }, { 387, 38 },  { 139, 42 },
    { 27, 21 },   { 1162, 19 }, { 26, 33 }, { 1957, 16 }, { 15136, 0 },
};
static const struct workload_step g_rings_4[] = {
    /* native_rings */
    { 2537, 20060 },
    { 441, 0 },
};
static const struct workload_step g_rings_5[] = {
    /* native_rings */
    { 179, 20015 },
    { 325, 0 },
};
static const struct workload_step g_rings_6[] = {
    /* main */
    { 14, 499060 },
};
static const struct workload_step g_rings_7[] = {
    /* native_rings */
    { 200575, 0 },
};
static const struct workload_step g_rings_8[] = {
    /* native_rings */
    { 209, 0 },
};
static const struct workload_step g_rings_9[] = {
    /* native_rings */
    { 200356, 0 },
};
static const struct workload_thread g_rings[] = {
    { .class = THREAD_CLASS_NORMAL, .arrives_us = 14, .bursts = 20, .step = g_rings_0 },
    { .class = THREAD_CLASS_NORMAL, .arrives_us = 18575, .bursts = 20, .step = g_rings_1 },
    { .class = THREAD_CLASS_NORMAL, .arrives_us = 1612, .bursts = 20, .step = g_rings_2 },
    { .class = THREAD_CLASS_NORMAL, .arrives_us = 20335, .bursts = 10, .step = g_rings_3 },
    { .class = THREAD_CLASS_NORMAL, .arrives_us = 41935, .bursts = 2, .step = g_rings_4 },
    { .class = THREAD_CLASS_NORMAL, .arrives_us = 73567, .bursts = 2, .step = g_rings_5 },
    { .class = THREAD_CLASS_NORMAL, .arrives_us = 0, .bursts = 1, .step = g_rings_6 },
    { .class = THREAD_CLASS_NORMAL, .arrives_us = 296344, .bursts = 1, .step = g_rings_7 },
    { .class = THREAD_CLASS_NORMAL, .arrives_us = 497814, .bursts = 1, .step = g_rings_8 },
    { .class = THREAD_CLASS_NORMAL, .arrives_us = 94990, .bursts = 1, .step = g_rings_9 },
};

/* On one CPU, so that they meet. */
const struct workload g_recorded[] = {
    { .name = "locks",
      .cpus = 1,
      .length_us = 210810,
      .thread = g_locks,
      .count = ARRAY_COUNT(g_locks) },
    { .name = "processes",
      .cpus = 1,
      .length_us = 221872,
      .thread = g_processes,
      .count = ARRAY_COUNT(g_processes) },
    { .name = "rings",
      .cpus = 1,
      .length_us = 998148,
      .thread = g_rings,
      .count = ARRAY_COUNT(g_rings) },
};
const uint32_t g_recorded_count = ARRAY_COUNT(g_recorded);
