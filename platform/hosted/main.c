/*
 * main.c - exo-hosted: options, the kernel's command line, boot.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "cmdline.h"
#include "exo/config.h"
#include "host.h"
#include "hosted.h"

static const char g_help[] =
    "Usage: exo-hosted [OPTION]... [-- PROGRAM [ARGUMENT]...]\n"
    "Boot the Exo-OS kernel as a process of this machine: to its monitor, or to run PROGRAM.\n"
    "\n"
    "  -c, --cpus=N            simulate N CPUs (1-64; default: as many as there are, at most 4)\n"
    "  -m, --mem=MIB           give it MIB MiB of memory (default 256)\n"
    "  -n, --nodes=N           split memory and CPUs into N nodes (1-8; default 1)\n"
    "  -i, --initrd=FILE       cpio archive (newc) with the programs\n"
    "  -a, --append=\"K=V ...\"  add words to the kernel command line, for example log=info\n"
    "  -e, --env=NAME=VALUE    put NAME into the program's environment; may be given again\n"
    "  -p, --pin               bind each simulated CPU to a CPU of this machine\n"
    "  -t, --trace=FILE        record a trace for Perfetto; trace=KIND,... chooses what\n"
    "  -P, --profile=FILE      sample where kernel code spends time, as folded stacks\n"
    "  -h, --help              print this and exit\n"
    "  -V, --version           print the version and exit\n"
    "\n"
    "The exit status is the program's own; 134 after a kernel panic; 2 if it could not be "
    "started.\n"
    "In the monitor, `help` lists the commands and `poweroff` leaves.\n";

/* Read the options into `config` and `line`; the index of the first argument after them. */
static int options_parse(int argc, char **argv, struct hosted_config *config,
                         struct hosted_cmdline *line)
{
    static const struct option options[] = {
        { "cpus", required_argument, NULL, 'c' },    { "mem", required_argument, NULL, 'm' },
        { "nodes", required_argument, NULL, 'n' },   { "initrd", required_argument, NULL, 'i' },
        { "append", required_argument, NULL, 'a' },  { "env", required_argument, NULL, 'e' },
        { "pin", no_argument, NULL, 'p' },           { "trace", required_argument, NULL, 't' },
        { "profile", required_argument, NULL, 'P' }, { "help", no_argument, NULL, 'h' },
        { "version", no_argument, NULL, 'V' },       { NULL, 0, NULL, 0 },
    };
    int option;

    while ((option = getopt_long(argc, argv, "+c:m:n:i:a:e:pt:P:hV", options, NULL)) != -1) {
        switch (option) {
        case 'p':
            config->pin = true;
            break;
        case 'h':
            fputs(g_help, stdout);
            exit(EXIT_SUCCESS);
        case 'V':
            printf("exo-hosted %s (%s)\n", EXO_VERSION, EXO_COMMIT);
            exit(EXIT_SUCCESS);
        default:
            if (!hosted_option_take(option, optarg, config, line)) {
                host_fail("see exo-hosted --help");
            }
        }
    }
    return optind;
}

int main(int argc, char **argv)
{
    static struct hosted_cmdline line;
    struct hosted_config config = { .console_input = true, .restart_argv = argv };

    hosted_clock_init();
    const int first = options_parse(argc, argv, &config, &line);

    hosted_arguments_take(argc, argv, first, &config, &line);
    hosted_boot(&config);
}
