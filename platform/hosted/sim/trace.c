/*
 * trace.c - what happened, as one number: a hash over the events of the run, and a line for every
 * EVENTS_PER_LINE of them.
 *
 * Invariant (1): nothing enters the hash that is not the same in a second run of the same build:
 * no address of the host, no host time, no decision that was merely asked for.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "sim.h"

#define EVENTS_PER_LINE 4096u

static uint64_t g_events;
static uint64_t g_hash;
static FILE *g_hashes;
static FILE *g_trace;

static const char *const g_kind[] = {
    [SIM_TRACE_SWITCH] = "switch", [SIM_TRACE_TAKE] = "take",       [SIM_TRACE_ARRIVE] = "arrive",
    [SIM_TRACE_TIMER] = "timer",   [SIM_TRACE_OUTPUT] = "output",   [SIM_TRACE_INPUT] = "input",
    [SIM_TRACE_FAULT] = "fault",   [SIM_TRACE_ENTROPY] = "entropy", [SIM_TRACE_IDLE] = "idle",
};

static FILE *file_open(const char *path)
{
    FILE *const file = path != NULL ? fopen(path, "w") : NULL;

    if (path != NULL && file == NULL) {
        host_fail("cannot write %s: %s", path, strerror(errno));
    }
    return file;
}

void sim_trace_open(void)
{
    g_hash = g_sim.seed;
    g_hashes = file_open(g_sim.hashes_path);
    g_trace = file_open(g_sim.events_path);
}

static void mix(uint64_t word)
{
    g_hash = (g_hash ^ word) * 0x9fb21c651e98df25ull;
    g_hash ^= g_hash >> 32;
}

void sim_trace(enum sim_trace_kind kind, uint64_t argument)
{
    const uint32_t cpu = sim_self();

    (void)sim_points(); /* brings the CPU's own count up to date */
    mix((uint64_t)kind << 56 | (uint64_t)cpu << 48 | g_sim_cpu[cpu % CPUS_MAX].points);
    mix(argument);
    g_events++;
    if (g_trace != NULL) {
        fprintf(g_trace, "%llu cpu=%u point=%llu time_ns=%llu %s %llx\n",
                (unsigned long long)g_events, cpu,
                (unsigned long long)g_sim_cpu[cpu % CPUS_MAX].points,
                (unsigned long long)sim_now_ns(), g_kind[kind], (unsigned long long)argument);
    }
    if (g_hashes != NULL && g_events % EVENTS_PER_LINE == 0) {
        fprintf(g_hashes, "%llu %016llx\n", (unsigned long long)g_events,
                (unsigned long long)g_hash);
    }
}

uint64_t sim_trace_events(void)
{
    return g_events;
}

uint64_t sim_trace_hash(void)
{
    return g_hash;
}

void sim_trace_close(void)
{
    if (g_hashes != NULL) {
        fprintf(g_hashes, "%llu %016llx\n", (unsigned long long)g_events,
                (unsigned long long)g_hash);
        fclose(g_hashes);
        g_hashes = NULL;
    }
    if (g_trace != NULL) {
        fclose(g_trace);
        g_trace = NULL;
    }
}
