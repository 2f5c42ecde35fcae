/*
 * hosted.h - starting the hosted kernel: what main() of a hosted program fills in and calls.
 */
#ifndef HOSTED_H
#define HOSTED_H

#include "exo/lib/types.h"

#define HOSTED_CPUS_DEFAULT_MAX 4u /* without --cpus: as many as the host has, at most this */
#define HOSTED_MEM_MIB_DEFAULT  256u
#define HOSTED_MEM_MIB_MIN      16u
#define HOSTED_MEM_MIB_MAX      (1024u * 1024u) /* 1 TiB of addresses are free there */

struct hosted_config {
    uint32_t cpus;            /* simulated CPUs, 1..CPUS_MAX; 0: the default */
    uint32_t mem_mib;         /* physical memory; 0: the default */
    uint32_t nodes;           /* memory nodes, CPUs dealt out in runs; 0: one */
    const char *initrd_path;  /* file that becomes the module "initrd", or NULL */
    const char *cmdline;      /* kernel command line, NULL for an empty one */
    const char *trace_path;   /* file for the trace, or NULL */
    const char *profile_path; /* file for the profile, or NULL */
    bool pin;                 /* bind each simulated CPU to a host CPU */
    bool console_input;       /* read standard input */
    bool terminal_raw;   /* and if it is a terminal, byte by byte: no echo, no signals from keys */
    char **restart_argv; /* hal_restart() runs this program file again so; NULL: it ends instead */
};

/* Turn this process into a machine and boot it. The calling thread becomes the housekeeper: it
 * reads standard input, waits for host signals and ends the process; the CPUs are threads of their
 * own. A mistake in `config` or a refusal of the host is told on standard error and ends the
 * process with status 2. Never returns: the process ends with the status given to hal_shutdown(),
 * through exit(). Owns: everything in `config` must live as long as the process.
 * Context: once per process (a forked child counts as new), no other threads. */
_Noreturn void hosted_boot(const struct hosted_config *config);

/* Write `text` percent-encoded (docs/boot.md) with a final NUL to out[out_bytes]; false if it does
 * not fit. An empty text becomes "%00". */
bool hosted_encode(char *out, size_t out_bytes, const char *text);

#endif /* HOSTED_H */
