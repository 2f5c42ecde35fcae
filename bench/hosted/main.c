/*
 * main.c - exo-bench: the benchmark bodies on the hosted kernel, the rivals beside them.
 *
 *   exo-bench [--cpus N] [key=value ...] [NAME ...]    no name: all
 *   exo-bench --trace RIVAL                            for itself: see heap_rival_trace()
 *
 * bench-samples=N and other words with "=" go to the kernel's command line as they are.
 *
 * The rival allocators are opened while the program runs, and each wants a place in the block of
 * thread-local storage that every thread has from its start: glibc leaves room there for about two.
 * So the program starts itself again with more, unless the environment asks for something else.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/heap_bench.h"
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

#define TUNABLES   "GLIBC_TUNABLES"
#define TLS_WANTED "glibc.rtld.optional_static_tls=65536"

static void restart_with_tls(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "bench-count=1") == 0) {
            return; /* an instruction counter watches this process, and no rival is counted */
        }
    }
    if (getenv(TUNABLES) == NULL && setenv(TUNABLES, TLS_WANTED, 1) == 0) {
        (void)execv("/proc/self/exe", argv); /* if it fails, some rivals are not on this machine */
    }
}

int main(int argc, char **argv)
{
    restart_with_tls(argc, argv);
    if (argc == 3 && strcmp(argv[1], "--trace") == 0) {
        return heap_rival_trace(argv[2]);
    }
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
