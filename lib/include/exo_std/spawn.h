/*
 * exo_std/spawn.h - other processes: starting, waiting for and ending them.
 *
 * A process has the capabilities that it is given and no others; there is no fork. A Linux program
 * is given a console, which is its standard input, output and error, and nothing else.
 */
#ifndef EXO_STD_SPAWN_H
#define EXO_STD_SPAWN_H

#include "exo/abi/end.h"
#include "exo/abi/process.h"
#include "exo/abi/status.h"

struct exo_program {
    const char *name;        /* a path in the initial RAM file system, or a name in /bin */
    const char *const *args; /* NULL-terminated; NULL: the name alone */
    const char *const *env;  /* NULL-terminated; NULL: none */
    const struct exo_gift *gifts;
    uint32_t gift_count;
};

/* Start a program; *process is a capability for it, with all rights.
 * Errors: EXO_ERR_NOT_FOUND, EXO_ERR_BAD_FORMAT, EXO_ERR_NOT_SUPPORTED (not a program for this
 *         system), EXO_ERR_BAD_CAP and EXO_ERR_ACCESS_DENIED (a gift that cannot be given, a Linux
 *         program without console), EXO_ERR_INVALID, EXO_ERR_NO_RESOURCES, EXO_ERR_NO_MEMORY. */
exo_status_t exo_spawn(const struct exo_program *program, exo_cap_t *process);

/* The n-th capability that this process was given; EXO_CAP_NONE if there are not so many. */
exo_cap_t exo_given(uint32_t number);

/* Wait until deadline_ns for a process to end, and learn why it did; 0: only look.
 * Errors: EXO_ERR_TIMED_OUT, EXO_ERR_BAD_CAP, EXO_ERR_ACCESS_DENIED (no EXO_RIGHT_WAIT). */
exo_status_t exo_process_wait(exo_cap_t process, uint64_t deadline_ns, struct exo_end *end);

/* End a process.  Errors: EXO_ERR_BAD_CAP, EXO_ERR_ACCESS_DENIED (no EXO_RIGHT_PROCESS_KILL). */
exo_status_t exo_process_kill(exo_cap_t process);

#endif /* EXO_STD_SPAWN_H */
