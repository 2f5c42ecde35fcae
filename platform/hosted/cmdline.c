/*
 * cmdline.c - options that become words of the kernel command line, and numbers among options.
 */
#include "cmdline.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host.h"
#include "hosted.h"

void hosted_cmdline_add(struct hosted_cmdline *line, const char *prefix, const char *text,
                        bool encode)
{
    const size_t room = sizeof(line->text) - line->used;
    const int len =
        snprintf(line->text + line->used, room, "%s%s", line->used != 0 ? " " : "", prefix);
    bool fits = (size_t)len < room;

    if (fits) {
        char *const at = line->text + line->used + len;
        const size_t left = room - (size_t)len;

        fits =
            encode ? hosted_encode(at, left, text) : (size_t)snprintf(at, left, "%s", text) < left;
    }
    if (!fits) {
        host_fail("options and arguments need a command line above %u bytes", BOOT_CMDLINE_MAX - 1);
    }
    line->used += strlen(line->text + line->used);
}

uint32_t hosted_number_parse(const char *option, const char *text)
{
    char *end = NULL;

    errno = 0;
    const unsigned long value = strtoul(text, &end, 10);

    if (errno != 0 || end == text || *end != '\0' || *text == '-' || value == 0 ||
        value > UINT32_MAX) {
        host_fail("%s wants a number above 0, not \"%s\"", option, text);
    }
    return (uint32_t)value;
}

void hosted_cmdline_env(struct hosted_cmdline *line, const char *text)
{
    if (strchr(text, '=') == NULL || *text == '=') {
        host_fail("--env wants NAME=VALUE, not \"%s\"", text);
    }
    hosted_cmdline_add(line, "env=", text, true);
}

bool hosted_option_take(int option, const char *value, struct hosted_config *config,
                        struct hosted_cmdline *line)
{
    switch (option) {
    case 'c':
        config->cpus = hosted_number_parse("--cpus", value);
        return true;
    case 'm':
        config->mem_mib = hosted_number_parse("--mem", value);
        return true;
    case 'n':
        config->nodes = hosted_number_parse("--nodes", value);
        return true;
    case 'i':
        config->initrd_path = value;
        return true;
    case 'a':
        hosted_cmdline_add(line, "", value, false);
        return true;
    case 'e':
        hosted_cmdline_env(line, value);
        return true;
    case 't':
        config->trace_path = value;
        hosted_cmdline_add(line, "trace=on", "", false);
        return true;
    case 'P':
        config->profile_path = value;
        hosted_cmdline_add(line, "profile=on", "", false);
        return true;
    default:
        return false;
    }
}

void hosted_arguments_take(int argc, char **argv, int first, struct hosted_config *config,
                           struct hosted_cmdline *line)
{
    if (first < argc && strcmp(argv[first - 1], "--") != 0) {
        host_fail("unexpected argument \"%s\": a program stands after \"--\" (see --help)",
                  argv[first]);
    }
    for (int i = first; i < argc; i++) {
        hosted_cmdline_add(line, i == first ? "-- " : "", argv[i], true);
    }
    config->cmdline = line->text;
    config->terminal_raw = first == argc; /* a program gets the terminal as it is */
}
