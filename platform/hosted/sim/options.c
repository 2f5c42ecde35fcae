/*
 * options.c - what a run of the simulator is told on the command line.
 */
#include "options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <unistd.h>

#include "exo/time/clock.h"
#include "sim.h"

#define POINTS_MAX_DEFAULT 4000000000ull
#define CUTS_MAX_DEFAULT   100u
#define COMMAND_MAX        4096u

struct sim_options g_sim = { .seed = 1,
                             .pct_depth = 3,
                             .points_max = POINTS_MAX_DEFAULT,
                             .cuts_max = CUTS_MAX_DEFAULT,
                             .rest_ns = 60 * NS_PER_S };

static uint64_t number(const char *option, const char *text)
{
    char *end = NULL;

    errno = 0;
    const unsigned long long value = strtoull(text, &end, 10);

    if (errno != 0 || end == text || *end != '\0' || *text == '-') {
        host_fail("%s wants a number, not \"%s\"", option, text);
    }
    return value;
}

static uint32_t depth(const char *text)
{
    const uint64_t value = number("--depth", text);

    if (value > SIM_PCT_DEPTH_MAX) {
        host_fail("--depth wants a number from 0 to %u, not \"%s\"", SIM_PCT_DEPTH_MAX, text);
    }
    return (uint32_t)value;
}

bool sim_option_take(int option, const char *value)
{
    switch (option) {
    case SIM_OPTION_SEED:
        g_sim.seed = number("--seed", value);
        return true;
    case SIM_OPTION_POLICY:
        if (!sim_policy_parse(value, &g_sim.policy)) {
            host_fail("--policy is uniform, pct, round or none, not \"%s\"", value);
        }
        return true;
    case SIM_OPTION_DEPTH:
        g_sim.pct_depth = depth(value);
        return true;
    case SIM_OPTION_POINTS:
        g_sim.points_max = number("--points", value);
        return true;
    case SIM_OPTION_LOOPS:
        g_sim.cuts_max = number("--loops", value);
        return true;
    case SIM_OPTION_FAULTS:
        g_sim.fault_ns = number("--faults", value) * NS_PER_MS;
        return true;
    case SIM_OPTION_REST:
        g_sim.rest_ns = number("--rest", value) * NS_PER_S;
        return true;
    case SIM_OPTION_WEAK:
        g_sim.weak = true;
        return true;
    case SIM_OPTION_LOG:
        g_sim.log_path = value;
        return true;
    case SIM_OPTION_REPLAY:
        g_sim.replay_path = value;
        return true;
    case SIM_OPTION_HASHES:
        g_sim.hashes_path = value;
        return true;
    case SIM_OPTION_EVENTS:
        g_sim.events_path = value;
        return true;
    default:
        return false;
    }
}

/* Add `text` to the command, in quotes if a shell could take it for something else. */
static void command_add(char *command, size_t room, const char *text)
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./=,:@+-";
    const bool quote = *text == '\0' || strspn(text, plain) != strlen(text);
    size_t used = strlen(command);

    if (used + 4 * strlen(text) + 4 >= room) {
        return; /* too long to be told */
    }
    if (used != 0) {
        command[used++] = ' ';
    }
    if (quote) {
        command[used++] = '\'';
    }
    for (; *text != '\0'; text++) {
        if (*text == '\'') {
            memcpy(command + used, "'\\''", 4);
            used += 4;
        } else {
            command[used++] = *text;
        }
    }
    if (quote) {
        command[used++] = '\'';
    }
    command[used] = '\0';
}

void sim_command_set(int argc, char **argv)
{
    static char command[COMMAND_MAX];

    for (int i = 0; i < argc; i++) {
        command_add(command, sizeof(command), argv[i]);
    }
    g_sim.command = command;
}

void sim_addresses_fix(char **argv)
{
    const int now = personality(0xffffffff);

    if (now != -1 && (now & ADDR_NO_RANDOMIZE) == 0 &&
        personality((unsigned long)now | ADDR_NO_RANDOMIZE) != -1) {
        execv("/proc/self/exe", argv); /* if the host refuses, nothing that counts is different */
    }
}
