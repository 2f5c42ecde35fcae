/*
 * log.c - the decision log: written, or read and followed.
 *
 * Text, so that a tool (tools/sim-shrink) can take lines out. After the header "exo-sim-log 2",
 * "seed N" and "policy NAME", one line per decision that was not the default: CPU POINT DECISION,
 * where POINT counts the CPU's own points and DECISION is a CPU or "take". The last line is
 * "end N", N being how many decisions there are, so that a log that was cut off anywhere is known
 * for one.
 * Because each CPU counts for itself, taking a line out hardly moves what the others describe.
 *
 * Invariants:
 *   (1) entries of one CPU have ascending points: it makes no two decisions at one of its points;
 *   (2) a log that is not whole, in every line and in their number, is not followed at all.
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
static uint64_t g_written; /* decisions in g_log */

/* The list's entries (1) ascend; false if this one would not. */
static bool entry_add(uint32_t cpu, uint64_t points, uint32_t decision)
{
    const size_t count = g_list[cpu].count;

    if (count != 0 && g_list[cpu].entry[count - 1].points >= points) {
        return false;
    }
    if (g_list[cpu].count == g_list[cpu].room) {
        g_list[cpu].room = g_list[cpu].room * 2 + 64;
        g_list[cpu].entry =
            realloc(g_list[cpu].entry, g_list[cpu].room * sizeof(*g_list[cpu].entry));
        if (g_list[cpu].entry == NULL) {
            host_fail("no memory for the decision log");
        }
    }
    g_list[cpu].entry[g_list[cpu].count++] = (struct entry){ points, decision };
    return true;
}

/* Read a number at *at and move behind it and the letter that follows, which must be `stop`; false
 * if it is not so. */
static bool number_take(const char **at, char stop, uint64_t *out)
{
    char *end = NULL;

    if (**at < '0' || **at > '9') {
        return false;
    }
    *out = strtoull(*at, &end, 10);
    if (*end != stop) {
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
    const bool known =
        number_take(&at, ' ', &cpu) && cpu < CPUS_MAX && number_take(&at, ' ', &points) &&
        (strcmp(at, "take\n") == 0 || (number_take(&at, '\n', &decision) && decision < CPUS_MAX));

    if (!known) {
        host_fail("%s: this is no line of a decision log: %s", path, line);
    }
    if (!entry_add((uint32_t)cpu, points, (uint32_t)decision)) {
        host_fail("%s: a decision out of order: %s", path, line);
    }
}

/* The lines before the decisions: the log must be of this version and of this seed. */
static void head_take(const char *path, FILE *file)
{
    char line[128];
    const char *at = line + strlen("seed ");
    uint64_t seed = 0;

    if (fgets(line, sizeof(line), file) == NULL || strcmp(line, "exo-sim-log 2\n") != 0) {
        host_fail("%s is no decision log", path);
    }
    if (fgets(line, sizeof(line), file) == NULL || strncmp(line, "seed ", 5) != 0 ||
        !number_take(&at, '\n', &seed) || seed != g_sim.seed) {
        host_fail("%s was written with another seed than %llu", path,
                  (unsigned long long)g_sim.seed);
    }
    if (fgets(line, sizeof(line), file) == NULL || strncmp(line, "policy ", 7) != 0) {
        host_fail("%s names no policy", path);
    }
}

static void log_read(const char *path)
{
    char line[128];
    uint64_t count = 0;
    uint64_t told = UINT64_MAX; /* by the line at the end, once it was read */
    FILE *const file = fopen(path, "r");

    if (file == NULL) {
        host_fail("cannot read %s: %s", path, strerror(errno));
    }
    head_take(path, file);
    while (told == UINT64_MAX && fgets(line, sizeof(line), file) != NULL) {
        const char *at = line + strlen("end ");

        if (strncmp(line, "end ", 4) != 0 || !number_take(&at, '\n', &told)) {
            line_take(path, line);
            count++;
        }
    }
    if (told != count || fgets(line, sizeof(line), file) != NULL) {
        host_fail("%s is not whole: it has %llu decisions and then no line \"end %llu\"", path,
                  (unsigned long long)count, (unsigned long long)count);
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
        fprintf(g_log, "exo-sim-log 2\nseed %llu\npolicy %s\n", (unsigned long long)g_sim.seed,
                sim_policy_name(g_sim.policy));
    }
}

void sim_log_write(uint64_t points, uint32_t decision)
{
    if (g_log == NULL) {
        return;
    }
    g_written++;
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
        fprintf(g_log, "end %llu\n", (unsigned long long)g_written);
        fclose(g_log);
        g_log = NULL;
    }
}
