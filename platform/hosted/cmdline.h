/*
 * cmdline.h - what main() of a hosted kernel makes of its options.
 *
 * All of them end the process by host_fail() if what was asked for cannot be.
 */
#ifndef HOSTED_CMDLINE_H
#define HOSTED_CMDLINE_H

#include "exo/hal/boot_info.h"

/* The kernel command line as it grows. */
struct hosted_cmdline {
    char text[BOOT_CMDLINE_MAX];
    size_t used;
};

/* Add a word: `prefix` as it is, then `text`, percent-encoded if `encode`. */
void hosted_cmdline_add(struct hosted_cmdline *line, const char *prefix, const char *text,
                        bool encode);

/* Add a variable NAME=VALUE of the program's environment. */
void hosted_cmdline_env(struct hosted_cmdline *line, const char *text);

/* The number above 0 that `text` is; `option` is named if it is none. */
uint32_t hosted_number_parse(const char *option, const char *text);

/* Take an option of the machine, which all programs have: c, m, n, i, a, e, t, P of --help, with
 * its value; false if `option` is none of them. */
struct hosted_config;
bool hosted_option_take(int option, const char *value, struct hosted_config *config,
                        struct hosted_cmdline *line);

/* Take what stands behind the options, from argv[first]: a program after "--", or nothing. */
void hosted_arguments_take(int argc, char **argv, int first, struct hosted_config *config,
                           struct hosted_cmdline *line);

#endif /* HOSTED_CMDLINE_H */
