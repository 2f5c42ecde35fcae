/*
 * core/monitor/run.c - `run`: a program from the initial RAM file system, and how it ended.
 */
#include "exo/debug/boot.h"
#include "exo/debug/panic.h"
#include "exo/hal.h"
#include "exo/lib/string.h"
#include "exo/monitor.h"
#include "exo/proc/program.h"

static exo_status_t program_run(const char *const *args, struct exo_end *out)
{
    struct program program;
    struct proc *proc = NULL;
    uint32_t envc = 0;
    exo_status_t status = program_find(args[0], &program);

    if (status != EXO_OK) {
        return status;
    }
    const struct proc_spawn_spec spec = { .path = program.path,
                                          .exe = program.exe,
                                          .image = program.file.data,
                                          .image_size_bytes = program.file.len_bytes,
                                          .args = args,
                                          .env = boot_env(&envc) };

    status = proc_spawn(&spec, &proc);
    if (status == EXO_OK) {
        proc_wait_end(proc, out);
    }
    return status;
}

static void command_run(uint32_t argc, const char *const *argv)
{
    const char *args[MONITOR_ARGS_MAX + 1] = { NULL };
    char text[PROC_END_TEXT_MAX];
    struct exo_end end;

    if (argc < 2) {
        kprintf("usage: run PROGRAM [ARGUMENT...]\n");
        return;
    }
    for (uint32_t i = 1; i < argc; i++) {
        args[i - 1] = argv[i];
    }
    const exo_status_t status = program_run(args, &end);

    if (status != EXO_OK) {
        kprintf("%s cannot be run: %s\n", args[0], exo_status_text(status));
        return;
    }
    proc_end_format(&end, text, sizeof(text));
    kprintf("%s %s\n", args[0], text);
}
EXO_MONITOR_COMMAND(run, "run a program of the initrd and say how it ended", command_run);
