/*
 * exo/monitor.h - the kernel monitor on the console, and how commands get into it.
 *
 * Commands register in the linker section `exo_monitor_commands`; of two with one name the one that
 * is not a stand-in wins, so a build that has the tests replaces the line that says where they are.
 */
#ifndef EXO_MONITOR_H
#define EXO_MONITOR_H

#include "exo/lib/types.h"

#define MONITOR_ARGS_MAX 16u
#define MONITOR_LINE_MAX 256u /* bytes, NUL included */

struct monitor_command {
    const char *name;
    const char *help; /* one line */
    /* argv[0] is the name; argc is at most MONITOR_ARGS_MAX.  Context: the monitor's thread. */
    void (*run)(uint32_t argc, const char *const *argv);
    bool is_stand_in;
};

#define EXO_MONITOR_COMMAND_KIND(ident, command_help, function, stand_in)                          \
    static const struct monitor_command monitor_command_##ident = {                                \
        .name = #ident, .help = (command_help), .run = (function), .is_stand_in = (stand_in)       \
    };                                                                                             \
    static const struct monitor_command *const monitor_command_ptr_##ident EXO_SECTION(            \
        exo_monitor_commands) = &monitor_command_##ident

#define EXO_MONITOR_COMMAND(ident, command_help, function)                                         \
    EXO_MONITOR_COMMAND_KIND(ident, command_help, function, false)

/* Run one line as if it had been typed: "threads". The text is cut into words in place. */
void monitor_run_line(char *line);

#endif /* EXO_MONITOR_H */
