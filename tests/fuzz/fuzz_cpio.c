/*
 * tests/fuzz/fuzz_cpio.c - any bytes as an archive: a walk ends, what it gives lies inside, and
 * what it gave is found.
 *
 * sources: core/fs/cpio.c core/lib/string.c
 */
#include <string.h>

#include "exo/fs/cpio.h"
#include "fuzz.h"

static void file_check(const struct cpio_file *file, const uint8_t *archive, size_t len_bytes)
{
    const uint8_t *name = (const uint8_t *)file->name;

    FUZZ_ASSERT(name >= archive && name < archive + len_bytes);
    FUZZ_ASSERT(memchr(name, 0, (size_t)(archive + len_bytes - name)) != NULL);
    FUZZ_ASSERT(strlen(file->name) < CPIO_NAME_MAX);
    FUZZ_ASSERT(file->data > name && file->data <= archive + len_bytes);
    FUZZ_ASSERT(file->len_bytes <= (size_t)(archive + len_bytes - file->data));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len_bytes)
{
    struct cpio_cursor cursor = { 0 };
    struct cpio_file file;
    struct cpio_file found;
    exo_status_t status = cpio_next(data, len_bytes, &cursor, &file);
    char last[CPIO_NAME_MAX] = "";
    size_t before = 0;

    while (status == EXO_OK) {
        FUZZ_ASSERT(cursor.offset > before && cursor.offset <= len_bytes);
        before = cursor.offset;
        file_check(&file, data, len_bytes);
        if (strlen(file.name) < sizeof(last)) {
            strcpy(last, file.name);
        }
        status = cpio_next(data, len_bytes, &cursor, &file);
    }
    FUZZ_ASSERT(status == EXO_ERR_NOT_FOUND || status == EXO_ERR_BAD_FORMAT);
    if (cpio_find(data, len_bytes, last, &found) == EXO_OK) {
        file_check(&found, data, len_bytes);
        FUZZ_ASSERT((found.mode & CPIO_MODE_TYPE) != CPIO_MODE_LINK);
    }
    return 0;
}
