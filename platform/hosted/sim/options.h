/*
 * options.h - the options that both programs of the simulator take: exo-sim and exo-sim-unit.
 */
#ifndef SIM_OPTIONS_H
#define SIM_OPTIONS_H

#include "exo/lib/types.h"

struct option;

#define SIM_OPTIONS_LONG                                                                           \
    { "seed", required_argument, NULL, SIM_OPTION_SEED },                                          \
        { "policy", required_argument, NULL, SIM_OPTION_POLICY },                                  \
        { "depth", required_argument, NULL, SIM_OPTION_DEPTH },                                    \
        { "points", required_argument, NULL, SIM_OPTION_POINTS },                                  \
        { "loops", required_argument, NULL, SIM_OPTION_LOOPS },                                    \
        { "faults", required_argument, NULL, SIM_OPTION_FAULTS },                                  \
        { "rest", required_argument, NULL, SIM_OPTION_REST },                                      \
        { "weak", no_argument, NULL, SIM_OPTION_WEAK },                                            \
        { "log", required_argument, NULL, SIM_OPTION_LOG },                                        \
        { "replay", required_argument, NULL, SIM_OPTION_REPLAY },                                  \
        { "hashes", required_argument, NULL, SIM_OPTION_HASHES },                                  \
    {                                                                                              \
        "events", required_argument, NULL, SIM_OPTION_EVENTS                                       \
    }

#define SIM_OPTIONS_HELP                                                                           \
    "  --seed=N                what is random is drawn from N (default 1)\n"                       \
    "  --policy=NAME           who goes on: uniform (default), pct, round or none\n"               \
    "  --depth=N               pct: priorities change N times in a round (default 3)\n"            \
    "  --points=N              a run of more points is taken for a livelock\n"                     \
    "  --loops=N               a run in which user loops were cut N times ends (default 100)\n"    \
    "  --faults=MS             the seed's faults happen for MS virtual milliseconds after boot\n"  \
    "  --rest=S                and the machine ends within S virtual seconds then (default 60)\n"  \
    "  --weak                  stores that nothing puts in order are seen late by other CPUs\n"    \
    "  --log=FILE              write the decisions to FILE\n"                                      \
    "  --replay=FILE           take the decisions from FILE (same seed)\n"                         \
    "  --hashes=FILE           write the hash of the run to FILE, every 4096 events\n"             \
    "  --events=FILE           write every event to FILE\n"

enum sim_option {
    SIM_OPTION_SEED = 0x100,
    SIM_OPTION_POLICY,
    SIM_OPTION_DEPTH,
    SIM_OPTION_POINTS,
    SIM_OPTION_LOOPS,
    SIM_OPTION_FAULTS,
    SIM_OPTION_REST,
    SIM_OPTION_WEAK,
    SIM_OPTION_LOG,
    SIM_OPTION_REPLAY,
    SIM_OPTION_HASHES,
    SIM_OPTION_EVENTS,
};

/* Take one of the options above; false if `option` is none of them. */
bool sim_option_take(int option, const char *value);

/* Put the command line together again, quoted for a shell, for whoever wants to repeat the run. */
void sim_command_set(int argc, char **argv);

/* Have the host place this process's memory at the same addresses each time; executes the program
 * anew if it does not yet. */
void sim_addresses_fix(char **argv);

#endif /* SIM_OPTIONS_H */
