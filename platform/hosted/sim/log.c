/*
 * log.c - the decision log: written, or read and followed.
 *
 * Text, so that a tool (tools/sim-shrink) and an editor can take lines out. After the header
 * "exo-sim-log 1", "seed N" and "policy NAME", one line per decision that was not the default:
 * CPU POINT DECISION, where POINT counts the CPU's own points and DECISION is a CPU or "take".
 * Because each CPU counts for itself, taking a line out hardly moves what the others describe.
 *
 * Invariant (1): entries of one CPU have ascending points.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"

struct entry {
    uint64_t points;
    uint32_t decision;
};

/* What is to be followed, one list per CPU. */
static struct {
    struct entry *entry;
    size_t count;
    size_t room;
    size_t next; /* the first that is not behind the CPU */
} g_list[CPUS_MAX];

static FILE *g_log;

static void entry_add(uint32_t cpu, uint64_t points, uint32_t decision)
{
    if (g_list[cpu].count == g_list[cpu].room) {
        g_list[cpu].room = g_list[cpu].room * 2 + 64;
        g_list[cpu].entry =
            realloc(g_list[cpu].entry, g_list[cpu].room * sizeof(*g_list[cpu].entry));
        if (g_list[cpu].entry == NULL) {
            host_fail("no memory for the decision log");
        }
    }
    g_list[cpu].entry[g_list[cpu].count++] = (struct entry){ points, decision };
}

/* Read a number at *at and move behind it and the blank or line end that follows; false if there is
 * none. */
static bool number_take(const char **at, uint64_t *out)
{
    char *end = NULL;

    *out = strtoull(*at, &end, 10);
    if (end == *at || (*end != ' ' && *end != '\n')) {
        return false;
    }
    *at = end + 1;
    return true;
}

static void line_take(const char *path, const char *line)
{
    const char *at = line;
    uint64_t cpu = 0;
    uint64_t points = 0;
    uint64_t decision = SIM_LOG_TAKE;
    const bool known = number_take(&at, &cpu) && cpu < CPUS_MAX && number_take(&at, &points) &&
                       (strcmp(at, "take\n") == 0 || number_take(&at, &decision));

    if (!known) {
        host_fail("%s: this is no line of a decision log: %s", path, line);
    }
    entry_add((uint32_t)cpu, points, (uint32_t)decision);
}

/* The line "seed N": the log must be this seed's. */
static void seed_check(const char *path, const char *number)
{
    uint64_t seed = 0;

    if (!number_take(&number, &seed) || seed != g_sim.seed) {
        host_fail("%s was written with another seed than %llu: %s", path,
                  (unsigned long long)g_sim.seed, number);
    }
}

static void log_read(const char *path)
{
    char line[128];
    FILE *const file = fopen(path, "r");

    if (file == NULL) {
        host_fail("cannot read %s: %s", path, strerror(errno));
    }
    if (fgets(line, sizeof(line), file) == NULL || strcmp(line, "exo-sim-log 1\n") != 0) {
        host_fail("%s is no decision log", path);
    }
    while (fgets(line, sizeof(line), file) != NULL) {
        if (strncmp(line, "seed ", 5) == 0) {
            seed_check(path, line + 5);
        } else if (strncmp(line, "policy ", 7) != 0) {
            line_take(path, line);
        }
    }
    fclose(file);
}

void sim_log_open(void)
{
    if (g_sim.replay_path != NULL) {
        log_read(g_sim.replay_path);
    }
    if (g_sim.log_path != NULL) {
        g_log = fopen(g_sim.log_path, "w");
        if (g_log == NULL) {
            host_fail("cannot write %s: %s", g_sim.log_path, strerror(errno));
        }
        fprintf(g_log, "exo-sim-log 1\nseed %llu\npolicy %s\n", (unsigned long long)g_sim.seed,
                sim_policy_name(g_sim.policy));
    }
}

void sim_log_write(uint64_t points, uint32_t decision)
{
    if (g_log == NULL) {
        return;
    }
    if (decision == SIM_LOG_TAKE) {
        fprintf(g_log, "%u %llu take\n", sim_self(), (unsigned long long)points);
    } else {
        fprintf(g_log, "%u %llu %u\n", sim_self(), (unsigned long long)points, decision);
    }
}

bool sim_log_find(uint32_t cpu, uint64_t points, uint32_t *decision)
{
    while (g_list[cpu].next < g_list[cpu].count &&
           g_list[cpu].entry[g_list[cpu].next].points < points) {
        g_list[cpu].next++;
    }
    if (g_list[cpu].next == g_list[cpu].count ||
        g_list[cpu].entry[g_list[cpu].next].points != points) {
        return false;
    }
    *decision = g_list[cpu].entry[g_list[cpu].next].decision;
    return true;
}

uint64_t sim_log_gap(uint32_t cpu, uint64_t points)
{
    size_t next = g_list[cpu].next;

    while (next < g_list[cpu].count && g_list[cpu].entry[next].points <= points) {
        next++;
    }
    return next < g_list[cpu].count ? g_list[cpu].entry[next].points - points : INT64_MAX / 4;
}

void sim_log_close(void)
{
    if (g_log != NULL) {
        fclose(g_log);
        g_log = NULL;
    }
}
