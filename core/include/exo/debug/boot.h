/*
 * exo/debug/boot.h - boot steps in phases, with a bootchart, and the command line's parameters.
 *
 * Steps of the core stand as one readable list in core/main.c. Others (personality, tests, monitor)
 * register theirs in the linker section `exo_boot_steps`, so that core names nobody.
 */
#ifndef EXO_DEBUG_BOOT_H
#define EXO_DEBUG_BOOT_H

#include "exo/abi/status.h"
#include "exo/lib/types.h"

enum boot_phase {
    BOOT_CRITICAL, /* before any thread: memory, log, scheduler of the boot CPU */
    BOOT_NORMAL,   /* in the main thread: other CPUs, monitor or first program */
    BOOT_DEFERRED, /* after the prompt */
};

struct boot_step {
    const char *name;
    enum boot_phase phase;
    uint32_t order; /* within the phase, lowest first; equal ones in link order */
    void (*run)(void);
};

/* Places in BOOT_NORMAL: what registers there chooses its order relative to these. */
#define BOOT_ORDER_CPUS    100u /* the other CPUs are running after it */
#define BOOT_ORDER_TESTS   700u /* the test runner, if asked for, ends the machine */
#define BOOT_ORDER_PROGRAM 800u /* the first program, if given */
#define BOOT_ORDER_MONITOR 900u /* the monitor, if there is no program */

#define EXO_BOOT_STEP(ident, step_phase, step_order, function)                                     \
    static const struct boot_step boot_step_##ident = {                                            \
        .name = #ident, .phase = (step_phase), .order = (step_order), .run = (function)            \
    };                                                                                             \
    static const struct boot_step *const boot_step_ptr_##ident EXO_SECTION(exo_boot_steps) =       \
        &boot_step_##ident

/* A key of the command line: key=value words, or the bare key for "". Unknown keys are reported
 * once with a warning. Values are limited to PARAM_VALUE_MAX bytes. */
#define PARAM_VALUE_MAX 256u

struct boot_param {
    const char *key;
    const char *help;
    /* Takes the value (NUL-terminated, valid for the life of the kernel). An error is reported. */
    exo_status_t (*set)(const char *value);
};

#define EXO_BOOT_PARAM(ident, param_key, param_help, function)                                     \
    static const struct boot_param boot_param_##ident = { .key = (param_key),                      \
                                                          .help = (param_help),                    \
                                                          .set = (function) };                     \
    static const struct boot_param *const boot_param_ptr_##ident EXO_SECTION(exo_boot_params) =    \
        &boot_param_##ident

/* The boot information that the platform gave; valid from core_main() on. */
struct boot_info;
const struct boot_info *boot_info_get(void);

/* The first program's arguments, decoded from what follows " -- " on the command line; argc is 0 if
 * there are none. NULL-terminated, valid for the life of the kernel. */
#define BOOT_ARGS_MAX 128u
const char *const *boot_args(uint32_t *argc);

/* Environment given as env=NAME=VALUE words (percent-encoded like arguments). NULL-terminated. */
const char *const *boot_env(uint32_t *envc);

/* Was `recovery` on the command line: one CPU, and the monitor instead of init? */
bool boot_is_recovery(void);

/* Find module `name` in boot_info.  Errors: EXO_ERR_NOT_FOUND. */
struct boot_module;
EXO_MUST_CHECK exo_status_t boot_module_find(const char *name, const struct boot_module **out);

/* Take over the platform's facts; first thing of the boot order. `info` is kept. */
void boot_info_set(const struct boot_info *info);

/* Read the command line: call the setters, keep arguments and environment. Once, after
 * boot_info_set(). With a program given the console's log level becomes error before any setter
 * runs. */
void boot_params_read(void);

/* Run the steps of `phase`, those of core_steps[count] and the registered ones merged by order (on
 * a tie the core's first), and note the time that each took. */
void boot_phase_run(enum boot_phase phase, const struct boot_step *core_steps, size_t count);

/* Note a moment in the chart, once: "prompt". */
void bootchart_mark(const char *name);

/* Print the chart: step, phase, start and length in ns since the first kernel instruction. */
void bootchart_print(void);

#endif /* EXO_DEBUG_BOOT_H */
