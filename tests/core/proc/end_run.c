/*
 * end_run.c - small programs run for the record of their end (end_run.h).
 */
#include "tests/core/proc/end_run.h"

#include "exo_check.h"
#include "image.h"

_Static_assert(END_FILE_SIZE == IMAGE_SIZE && END_CODE_AT == IMAGE_BASE + IMAGE_CODE &&
                   END_DATA_AT == IMAGE_BASE + IMAGE_DATA,
               "as image.h makes it");

struct proc *end_spawn(uint8_t *file, const uint8_t *code, size_t len_bytes)
{
    static const char *const args[] = { "test", NULL };
    const struct proc_spawn_spec spec = { .path = "/bin/test",
                                          .exe = "/bin/test",
                                          .image = file,
                                          .image_size_bytes = IMAGE_SIZE,
                                          .args = args,
                                          .env = args + 1 };
    struct proc *proc = NULL;

    (void)image_make(file, code, len_bytes);
    ck_assert_int_eq(proc_spawn(&spec, &proc), EXO_OK);
    return proc;
}

struct exo_end end_run(uint8_t *file, const uint8_t *code, size_t len_bytes)
{
    struct exo_end end = { .reason = UINT32_MAX };

    proc_wait_end(end_spawn(file, code, len_bytes), &end);
    return end;
}
