/*
 * core/monitor/run.c - `run`: a program from the initial RAM file system, and how it ended.
 */
#include "exo/debug/boot.h"
#include "exo/debug/panic.h"
#include "exo/fs/cpio.h"
#include "exo/hal.h"
#include "exo/lib/fmt.h"
#include "exo/lib/string.h"
#include "exo/monitor.h"
#include "exo/proc/proc.h"

/* The file that a word names: a path, or a name in /bin. */
static exo_status_t program_find(const char *word, char *path, size_t size, struct cpio_file *out)
{
    const struct boot_module *initrd = NULL;
    exo_status_t status = boot_module_find("initrd", &initrd);

    if (status != EXO_OK) {
        return status;
    }
    if (fmt_print(path, size, "%s%s", word[0] == '/' ? "" : "/bin/", word) >= size) {
        return EXO_ERR_NO_RESOURCES;
    }
    status = cpio_find(initrd->data, initrd->len_bytes, path, out);
    if (status == EXO_OK && (out->mode & CPIO_MODE_TYPE) != CPIO_MODE_REGULAR) {
        return EXO_ERR_BAD_FORMAT;
    }
    return status;
}

static exo_status_t program_run(const char *const *args, struct exo_end *out)
{
    char path[PROC_PATH_MAX];
    char exe[PROC_PATH_MAX];
    struct cpio_file file = { 0 };
    struct proc *proc = NULL;
    uint32_t envc = 0;
    exo_status_t status = program_find(args[0], path, sizeof(path), &file);

    if (status != EXO_OK) {
        return status;
    }
    if (fmt_print(exe, sizeof(exe), "/%s", file.name) >= sizeof(exe)) {
        return EXO_ERR_NO_RESOURCES;
    }
    const struct proc_spawn_spec spec = { .path = path,
                                          .exe = exe,
                                          .image = file.data,
                                          .image_size_bytes = file.len_bytes,
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
