/*
 * main.c - exo-bench: the benchmark bodies on the hosted kernel, the rivals beside them.
 *
 *   exo-bench [--cpus N] [key=value ...] [NAME ...]    no name: all
 *
 * bench-samples=N and other words with "=" go to the kernel's command line as they are.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "platform/hosted/hosted.h"

#define CMDLINE_MAX     2048
#define CPUS_DEFAULT    2u
#define MEM_DEFAULT_MIB 128u

static char g_cmdline[CMDLINE_MAX];

static void append(const char *text)
{
    const size_t used = strlen(g_cmdline);

    if (used + strlen(text) + 1 > sizeof(g_cmdline)) {
        fprintf(stderr, "exo-bench: too many arguments\n");
        exit(2);
    }
    memcpy(g_cmdline + used, text, strlen(text) + 1);
}

int main(int argc, char **argv)
{
    struct hosted_config config = { .cpus = CPUS_DEFAULT, .mem_mib = MEM_DEFAULT_MIB };
    bool named = false;

    append("bench=");
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--cpus") == 0 && i + 1 < argc) {
            config.cpus = (uint32_t)strtoul(argv[++i], NULL, 10);
        } else if (strchr(argv[i], '=') == NULL) {
            append(named ? "," : "");
            append(argv[i]);
            named = true;
        }
    }
    append(named ? "" : "all");
    for (int i = 1; i < argc; i++) {
        if (strchr(argv[i], '=') != NULL) {
            append(" ");
            append(argv[i]);
        }
    }
    config.cmdline = g_cmdline;
    hosted_boot(&config);
}
