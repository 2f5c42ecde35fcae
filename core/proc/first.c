/*
 * core/proc/first.c - the boot step that runs the program named after " -- " on the command line
 * and ends the machine with its exit status.
 *
 * Statuses of its own, as shells give them: 127 if there is no such program, 126 if it is there and
 * cannot be run; the reason goes to the error stream.
 */
#include "exo/debug/boot.h"
#include "exo/debug/end.h"
#include "exo/fs/cpio.h"
#include "exo/hal.h"
#include "exo/lib/string.h"
#include "exo/mem/heap.h"
#include "exo/proc/proc.h"

#define STATUS_NOT_FOUND  127
#define STATUS_CANNOT_RUN 126

#define FIRST_ORDER 900u /* after everything that a program may need, before the monitor */

#define PATH_PREFIX "/bin/"

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

static bool has_slash(const char *text)
{
    while (*text != '\0' && *text != '/') {
        text++;
    }
    return *text == '/';
}

/* Where the archive has the program: "/bin/NAME", or what has a slash from the root on. */
static bool path_make(const char *name, char *path, size_t size)
{
    const char *to_root = name[0] == '/' ? "" : "/";
    const char *prefix = has_slash(name) ? to_root : PATH_PREFIX;
    const size_t prefix_len = strlen(prefix);

    if (prefix_len + strlen(name) >= size) {
        return false;
    }
    memcpy(path, prefix, prefix_len);
    memcpy(path + prefix_len, name, strlen(name) + 1);
    return true;
}

static void image_find(const char *program, const char *path, struct cpio_file *out)
{
    const struct boot_module *initrd = NULL;

    if (boot_module_find("initrd", &initrd) != EXO_OK) {
        fail(program, "there is no initrd", STATUS_NOT_FOUND);
    }
    const exo_status_t status = cpio_find(initrd->data, initrd->len_bytes, path, out);

    if (status == EXO_ERR_NOT_FOUND) {
        fail(program, "not found in the initrd", STATUS_NOT_FOUND);
    }
    if (status != EXO_OK) {
        fail(program,
             status == EXO_ERR_BAD_FORMAT ? "the initrd is malformed" : exo_status_text(status),
             STATUS_NOT_FOUND);
    }
    if ((out->mode & CPIO_MODE_TYPE) != CPIO_MODE_REGULAR) {
        fail(program, "not a regular file", STATUS_CANNOT_RUN);
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
    char path[PROC_PATH_MAX];
    char exe[PROC_PATH_MAX] = "/";
    uint32_t argc = 0;
    uint32_t envc = 0;
    struct cpio_file file = { 0 };
    struct proc *proc = NULL;
    const char *const *args = boot_args(&argc);

    if (argc == 0) {
        return;
    }
    if (!path_make(args[0], path, sizeof(path))) {
        fail(args[0], "name too long", STATUS_NOT_FOUND);
    }
    image_find(args[0], path, &file);
    if (!str_copy(exe + 1, sizeof(exe) - 1, file.name)) {
        fail(args[0], "its file's name is too long", STATUS_CANNOT_RUN);
    }
    const struct proc_spawn_spec spec = { .path = path,
                                          .exe = exe,
                                          .image = file.data,
                                          .image_size_bytes = file.len_bytes,
                                          .args = args,
                                          .env = boot_env(&envc) };
    const exo_status_t status = proc_spawn(&spec, &proc);

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
