/*
 * core/proc/program.c - where programs come from: the initial RAM file system.
 */
#include "exo/proc/program.h"

#include "exo/debug/boot.h"
#include "exo/hal.h"
#include "exo/lib/fmt.h"

static bool has_slash(const char *text)
{
    while (*text != '\0' && *text != '/') {
        text++;
    }
    return *text == '/';
}

exo_status_t program_file(const char *path, struct cpio_file *out)
{
    const struct boot_module *initrd = NULL;
    exo_status_t status = boot_module_find("initrd", &initrd);

    if (status == EXO_OK) {
        status = cpio_find(initrd->data, initrd->len_bytes, path, out);
    }
    if (status == EXO_OK && (out->mode & CPIO_MODE_TYPE) != CPIO_MODE_REGULAR) {
        status = EXO_ERR_ACCESS_DENIED;
    }
    return status;
}

exo_status_t program_find(const char *name, struct program *out)
{
    const char *const to_root = name[0] == '/' ? "" : "/";
    const char *const prefix = has_slash(name) ? to_root : "/bin/";

    if (fmt_print(out->path, sizeof(out->path), "%s%s", prefix, name) >= sizeof(out->path)) {
        return EXO_ERR_NO_RESOURCES;
    }
    const exo_status_t status = program_file(out->path, &out->file);

    if (status != EXO_OK) {
        return status;
    }
    return fmt_print(out->exe, sizeof(out->exe), "/%s", out->file.name) < sizeof(out->exe)
               ? EXO_OK
               : EXO_ERR_NO_RESOURCES;
}
