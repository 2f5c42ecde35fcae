/*
 * core/monitor/monitor.c - reading lines from the console and running commands.
 *
 * Invariant: one thread reads; every command runs in it, so commands may use static storage.
 */
#include "exo/monitor.h"

#include "exo/debug/boot.h"
#include "exo/debug/end.h"
#include "exo/debug/panic.h"
#include "exo/drivers/console.h"
#include "exo/hal.h"
#include "exo/lib/string.h"
#include "exo/sched/thread.h"
#include "exo/time/clock.h"

#include "edit.h"

#define PROMPT "exo> "

extern const struct monitor_command *const __start_exo_monitor_commands[] __attribute__((weak));
extern const struct monitor_command *const __stop_exo_monitor_commands[] __attribute__((weak));

static struct line_edit g_edit;

/* The command of that name; a stand-in only if there is no other. */
static const struct monitor_command *find_command(const char *name)
{
    const struct monitor_command *found = NULL;

    for (const struct monitor_command *const *at = __start_exo_monitor_commands;
         at < __stop_exo_monitor_commands; at++) {
        if (str_equal((*at)->name, name) && (found == NULL || found->is_stand_in)) {
            found = *at;
        }
    }
    return found;
}

/* Cut `line` into words in place; words beyond `max` are left off. */
static uint32_t split(char *line, const char **words, uint32_t max)
{
    uint32_t count = 0;
    char *at = line;

    while (count < max) {
        while (*at == ' ' || *at == '\t') {
            at++;
        }
        if (*at == '\0') {
            break;
        }
        words[count++] = at;
        while (*at != ' ' && *at != '\t' && *at != '\0') {
            at++;
        }
        if (*at != '\0') {
            *at++ = '\0';
        }
    }
    return count;
}

void monitor_run_line(char *line)
{
    const char *words[MONITOR_ARGS_MAX];
    const uint32_t count = split(line, words, MONITOR_ARGS_MAX);

    if (count == 0) {
        return;
    }
    const struct monitor_command *const command = find_command(words[0]);

    if (command == NULL) {
        kprintf("%s: no such command; `help` lists what there is\n", words[0]);
        return;
    }
    command->run(count, words);
}

static void write_out(const char *bytes, size_t len_bytes)
{
    hal_console_write(HAL_STREAM_OUT, bytes, len_bytes);
}

static void feed(char byte)
{
    char poweroff[] = "poweroff";

    switch (edit_feed(&g_edit, byte)) {
    case EDIT_MORE:
        break;
    case EDIT_LINE:
        monitor_run_line(g_edit.text);
        edit_begin(&g_edit);
        break;
    case EDIT_END:
        kprintf("%s\n", poweroff);
        monitor_run_line(poweroff);
    }
}

static void monitor_thread(void *unused)
{
    char bytes[64];

    (void)unused;
    edit_init(&g_edit, PROMPT, write_out);
    edit_begin(&g_edit);
    bootchart_mark("prompt");
    for (;;) {
        const size_t count = console_read(bytes, sizeof(bytes), CLOCK_NEVER);

        for (size_t i = 0; i < count; i++) {
            feed(bytes[i]);
        }
    }
}

static void monitor_start(void)
{
    const struct thread_spec spec = {
        .name = "monitor",
        .entry = monitor_thread,
        .cpu = THREAD_ANY_CPU,
    };
    struct thread *thread = NULL;
    uint32_t argc = 0;

    (void)boot_args(&argc);
    if (argc > 0) {
        return; /* the program has the console */
    }
    const exo_status_t status = thread_create(&spec, &thread);

    if (status != EXO_OK) {
        panic("monitor: no thread: %s", exo_status_text(status));
    }
    thread_detach(thread);
}
EXO_BOOT_STEP(monitor, BOOT_NORMAL, BOOT_ORDER_MONITOR, monitor_start);

/* The first command in alphabetical order behind `last` ("" for the very first); NULL at the end.
 * */
static const struct monitor_command *next_command(const char *last)
{
    const struct monitor_command *next = NULL;

    for (const struct monitor_command *const *at = __start_exo_monitor_commands;
         at < __stop_exo_monitor_commands; at++) {
        if (str_compare((*at)->name, last) > 0 &&
            (next == NULL || str_compare((*at)->name, next->name) < 0)) {
            next = *at;
        }
    }
    return next != NULL ? find_command(next->name) : NULL;
}

static void command_help(uint32_t argc, const char *const *argv)
{
    (void)argc;
    (void)argv;
    for (const struct monitor_command *command = next_command(""); command != NULL;
         command = next_command(command->name)) {
        kprintf("%-10s %s\n", command->name, command->help);
    }
}
EXO_MONITOR_COMMAND(help, "list the commands", command_help);
