/*
 * main.c - exo-sim: options, the kernel's command line, boot on simulated CPUs.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "options.h"
#include "platform/hosted/cmdline.h"
#include "platform/hosted/host.h"
#include "platform/hosted/hosted.h"
#include "sim.h"

#define CPUS_DEFAULT    4u
#define MEM_DEFAULT_MIB 64u

static const char g_help[] =
    "Usage: exo-sim [OPTION]... [-- PROGRAM [ARGUMENT]...]\n"
    "Boot the Exo-OS kernel on simulated CPUs whose every step follows from a seed.\n"
    "\n" SIM_OPTIONS_HELP "  -c, --cpus=N            simulate N CPUs (1-64; default 4)\n"
    "  -m, --mem=MIB           give it MIB MiB of memory (default 64)\n"
    "  -n, --nodes=N           split memory and CPUs into N nodes (1-8; default 1)\n"
    "  -i, --initrd=FILE       cpio archive (newc) with the programs\n"
    "  -a, --append=\"K=V ...\"  add words to the kernel command line, for example log=info\n"
    "  -e, --env=NAME=VALUE    put NAME into the program's environment; may be given again\n"
    "  -t, --trace=FILE        record a trace for Perfetto; trace=KIND,... chooses what\n"
    "  -P, --profile=FILE      sample where kernel code spends virtual time, as folded stacks\n"
    "  -h, --help              print this and exit\n"
    "  -V, --version           print the version and exit\n"
    "\n"
    "The exit status is the program's own; 134 after a kernel panic; 3 after a deadlock or "
    "livelock;\n"
    "2 if it could not be started. The last lines on standard error describe the run.\n";

/* Take an option of the machine, or one of the simulator. */
static void option_take(int option, struct hosted_config *config, struct hosted_cmdline *line)
{
    switch (option) {
    case 'h':
        fputs(g_help, stdout);
        exit(EXIT_SUCCESS);
    case 'V':
        printf("exo-sim %s (%s)\n", EXO_VERSION, EXO_COMMIT);
        exit(EXIT_SUCCESS);
    default:
        if (!hosted_option_take(option, optarg, config, line) && !sim_option_take(option, optarg)) {
            host_fail("see exo-sim --help");
        }
    }
}

/* Read the options; the index of the first argument after them. */
static int options_parse(int argc, char **argv, struct hosted_config *config,
                         struct hosted_cmdline *line)
{
    static const struct option options[] = {
        SIM_OPTIONS_LONG,
        { "cpus", required_argument, NULL, 'c' },
        { "mem", required_argument, NULL, 'm' },
        { "nodes", required_argument, NULL, 'n' },
        { "initrd", required_argument, NULL, 'i' },
        { "append", required_argument, NULL, 'a' },
        { "env", required_argument, NULL, 'e' },
        { "trace", required_argument, NULL, 't' },
        { "profile", required_argument, NULL, 'P' },
        { "help", no_argument, NULL, 'h' },
        { "version", no_argument, NULL, 'V' },
        { NULL, 0, NULL, 0 },
    };
    int option;

    while ((option = getopt_long(argc, argv, "+c:m:n:i:a:e:t:P:hV", options, NULL)) != -1) {
        option_take(option, config, line);
    }
    return optind;
}

int main(int argc, char **argv)
{
    static struct hosted_cmdline line;
    struct hosted_config config = { .cpus = CPUS_DEFAULT,
                                    .mem_mib = MEM_DEFAULT_MIB,
                                    .console_input = true,
                                    .restart_argv = argv };

    sim_addresses_fix(argv);
    sim_command_set(argc, argv);
    const int first = options_parse(argc, argv, &config, &line);

    hosted_arguments_take(argc, argv, first, &config, &line);
    hosted_boot(&config);
}
