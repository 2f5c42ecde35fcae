/*
 * core/proc/first.c - the boot step that runs the program named after " -- " on the command line,
 * or init, and ends the machine with its exit status.
 *
 * Without a program on the command line, without an init in the initrd, or with `recovery`, the
 * monitor starts instead.
 *
 * Statuses of its own, as shells give them: 127 if there is no such program, 126 if it is there and
 * cannot be run; the reason goes to the error stream.
 */
#include "exo/debug/boot.h"
#include "exo/debug/end.h"
#include "exo/hal.h"
#include "exo/lib/string.h"
#include "exo/mem/heap.h"
#include "exo/proc/program.h"

#define STATUS_NOT_FOUND  127
#define STATUS_CANNOT_RUN 126

#define FIRST_ORDER (BOOT_ORDER_MONITOR - 1) /* after everything that a program may need */

static const char *const g_init[] = { "/bin/init", NULL };

static void say(const char *text)
{
    hal_console_write(HAL_STREAM_ERR, text, strlen(text));
}

static _Noreturn void fail(const char *program, const char *reason, int status)
{
    say("exo: ");
    say(program);
    say(": ");
    say(reason);
    say("\n");
    kernel_shutdown(status);
}

static _Noreturn void fail_find(const char *program, exo_status_t status)
{
    const struct boot_module *initrd = NULL;

    switch (status) {
    case EXO_ERR_NOT_FOUND:
        fail(program,
             boot_module_find("initrd", &initrd) == EXO_OK ? "not found in the initrd"
                                                           : "there is no initrd",
             STATUS_NOT_FOUND);
    case EXO_ERR_BAD_FORMAT:
        fail(program, "the initrd is malformed", STATUS_NOT_FOUND);
    case EXO_ERR_ACCESS_DENIED:
        fail(program, "not a regular file", STATUS_CANNOT_RUN);
    case EXO_ERR_NO_RESOURCES:
        fail(program, "its name is too long, or leads through too many links", STATUS_NOT_FOUND);
    default:
        fail(program, exo_status_text(status), STATUS_NOT_FOUND);
    }
}

static const char *spawn_reason(exo_status_t status)
{
    switch (status) {
    case EXO_ERR_BAD_FORMAT:
        return "not an ELF executable, or a malformed one";
    case EXO_ERR_NOT_SUPPORTED:
        return "neither a static x86_64 nor a static-PIE program";
    default:
        return exo_status_text(status);
    }
}

static void first_program_run(void)
{
    uint32_t argc = 0;
    uint32_t envc = 0;
    struct program program;
    struct proc *proc = NULL;
    const char *const *args = boot_args(&argc);

    if (argc == 0) {
        args = g_init;
    }
    if (boot_is_recovery() && argc == 0) {
        return;
    }
    exo_status_t status = program_find(args[0], &program);

    if (status == EXO_ERR_NOT_FOUND && argc == 0) {
        return; /* an initrd without init, or none */
    }
    if (status != EXO_OK) {
        fail_find(args[0], status);
    }
    const struct proc_spawn_spec spec = { .path = program.path,
                                          .exe = program.exe,
                                          .image = program.file.data,
                                          .image_size_bytes = program.file.len_bytes,
                                          .args = args,
                                          .env = boot_env(&envc) };

    status = proc_spawn(&spec, &proc);

    if (status != EXO_OK) {
        fail(args[0], spawn_reason(status), STATUS_CANNOT_RUN);
    }
    const int ended = proc_wait(proc);

    if (EXO_CONFIG_TEST) {
        (void)heap_leak_report();
    }
    kernel_shutdown(ended);
}

EXO_BOOT_STEP(first_program, BOOT_NORMAL, FIRST_ORDER, first_program_run);
