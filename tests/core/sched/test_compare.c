/*
 * tests/core/sched/test_compare.c - plays workloads under the policy that the command line chose
 * and prints a line of figures for each; tools/sched-compare makes tables and plots of them.
 *
 * The suite has the name of those that "all" leaves out: what is printed is the point.
 */
#include "exo/debug/panic.h"
#include "exo/lib/string.h"
#include "exo/mem/phys.h"
#include "exo_check.h"
#include "play.h"

#define NODES_THREADS 200u
#define NODES_LENGTH  2000000u /* microseconds */

static struct play g_play;

/* The wait that `permille` of the waits did not exceed, in microseconds. */
static unsigned long long wait_us(uint32_t permille)
{
    const uint64_t at = (uint64_t)g_play.wait_count * permille / 1000;

    return g_play.wait_count == 0
               ? 0
               : clock_cycles_to_ns(g_play.wait[min_u64(at, g_play.wait_count - 1)]) / NS_PER_US;
}

/* Jain's index of run time over weight, of the threads that never sleep, in thousandths; 1000 if
 * there are fewer than two. */
static uint32_t fairness(void)
{
    uint64_t sum = 0;
    uint64_t squares = 0;
    uint64_t count = 0;

    for (uint32_t i = 0; i < g_play.load->count; i++) {
        const struct player *const player = &g_play.player[i];

        if (play_is_busy(player->spec)) {
            const uint64_t ran_us = clock_cycles_to_ns(player->ran) / NS_PER_US;
            const uint64_t share = ran_us / 100 * sched_inverse_weight(player->spec->nice) >> 16;

            sum += share;
            squares += share * share;
            count++;
        }
    }
    return count < 2 || squares == 0 ? 1000 : (uint32_t)(sum * sum / (squares * count / 1000));
}

static void play_and_print(const struct workload *load, uint32_t remote_percent)
{
    uint64_t migrations = 0;
    uint64_t strays = 0;
    uint64_t worked = 0;

    g_play.load = load;
    g_play.remote_percent = remote_percent;
    play_run(&g_play);
    for (uint32_t i = 0; i < load->count; i++) {
        migrations += g_play.player[i].migrations;
        strays += g_play.player[i].strays;
        worked += g_play.player[i].worked;
    }
    kprintf("compare workload=%s policy=%s threads=%u waits=%u median_us=%llu p99_us=%llu "
            "max_us=%llu fairness=%u migrations=%llu strays=%llu switches=%llu work_ms=%llu\n",
            load->name, sched_policy_name(), load->count, atomic_load(&g_play.waits), wait_us(500),
            wait_us(990), wait_us(1000), fairness(), (unsigned long long)migrations,
            (unsigned long long)strays, (unsigned long long)g_play.switches,
            (unsigned long long)(clock_cycles_to_ns(worked) / NS_PER_MS));
}

/* All workloads that are for a machine of so many CPUs. */
START_TEST(compare_policies)
{
    for (uint32_t i = 0; i < g_workload_count; i++) {
        if (g_workloads[i].cpus == hal_caps()->cpus) {
            play_and_print(&g_workloads[i], 0);
        }
    }
    for (uint32_t i = 0; i < g_recorded_count; i++) {
        if (g_recorded[i].cpus == hal_caps()->cpus) {
            play_and_print(&g_recorded[i], 0);
        }
    }
}
END_TEST

/* A machine of several memory nodes: threads that compute and sleep, somewhat more of them than
 * CPUs, and some that never sleep. Away from its node a thread's work takes 60 percent longer. */
START_TEST(compare_nodes)
{
    static struct workload_thread thread[NODES_THREADS];
    static const struct workload load = { .name = "nodes",
                                          .cpus = 64,
                                          .length_us = NODES_LENGTH,
                                          .thread = thread,
                                          .count = NODES_THREADS };

    for (uint32_t i = 0; i < NODES_THREADS; i++) {
        thread[i] = (struct workload_thread){ .class = THREAD_CLASS_NORMAL,
                                              .arrives_us = i * 173 % 20000,
                                              .burst_us = 1000 + i * 1009 % 9000,
                                              .sleep_us = 2000 + i * 1759 % 24000 };
        if (i % 10 == 0) {
            thread[i].burst_us = 900000000;
            thread[i].sleep_us = 0;
        }
    }
    play_and_print(&load, 60);
}
END_TEST

EXO_SUITE(planted, EXO_TEST_TIMED(compare_policies, 600), EXO_TEST_TIMED(compare_nodes, 600))
