/*
 * tests/core/sched/test_nodes.c - which idle CPUs a thread may go to, by memory node.
 *
 * That an idle CPU of another node takes work at last is what sched_wake's tests of taking show on
 * a machine of as many nodes as CPUs; that it pays, tests/sim/check-compare.
 */
#include "exo/mem/phys.h"
#include "exo_check.h"
#include "sched_private.h"

static uint64_t cpus_of(uint32_t node)
{
    uint64_t mask = 0;

    for (uint32_t cpu = 0; cpu < CPUS_MAX; cpu++) {
        mask |= phys_node_of_cpu(cpu) == node ? 1ull << cpu : 0;
    }
    return mask;
}

/* With idle CPUs in every node, only those of the own one are tried; with none there, others, but
 * only if the thread may go far. */
START_TEST(own_node_goes_first)
{
    for (uint32_t cpu = 0; cpu < CPUS_MAX; cpu++) {
        const uint64_t near = cpus_of(phys_node_of_cpu(cpu));

        ck_assert(sched_candidates(UINT64_MAX, cpu, false) == near);
        ck_assert(sched_candidates(UINT64_MAX, cpu, true) == near);
        ck_assert(sched_candidates(1ull << cpu, cpu, false) == 1ull << cpu);
        ck_assert(sched_candidates(~near, cpu, false) == 0);
        ck_assert(sched_candidates(~near, cpu, true) == ~near);
        ck_assert(sched_candidates(0, cpu, true) == 0);
    }
}
END_TEST

EXO_SUITE(sched_nodes, EXO_TEST(own_node_goes_first))
