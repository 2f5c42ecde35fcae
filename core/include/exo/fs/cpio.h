/*
 * exo/fs/cpio.h - reader of cpio "newc" archives over bytes: the initial RAM file system's form.
 *
 * Trusts nothing in the archive: every size is checked against what is left of it. Nothing is
 * copied; files point into the archive.  Locks: none.  Context: any.
 * Spec: cpio(5), "New ASCII Format" (magic 070701).
 */
#ifndef EXO_FS_CPIO_H
#define EXO_FS_CPIO_H

#include "exo/abi/status.h"
#include "exo/lib/types.h"

#define CPIO_NAME_MAX  4096u /* bytes of a stored name, NUL included */
#define CPIO_PATH_MAX  256u  /* bytes of a path that is looked up, NUL included */
#define CPIO_LINKS_MAX 8u    /* symbolic links followed by one look-up */

#define CPIO_MODE_TYPE    0170000u
#define CPIO_MODE_DIR     0040000u
#define CPIO_MODE_REGULAR 0100000u
#define CPIO_MODE_LINK    0120000u

struct cpio_file {
    const char *name;    /* as stored, without a leading "/" or "./"; NUL-terminated */
    const uint8_t *data; /* of a symbolic link: where it points, without a NUL */
    size_t len_bytes;
    uint32_t mode; /* type and permissions, CPIO_MODE_* */
};

/* A walk: start with a zeroed cursor over the same archive bytes. */
struct cpio_cursor {
    size_t offset;
};

/* Give the next file.
 * Errors: EXO_ERR_NOT_FOUND (the trailer was reached), EXO_ERR_BAD_FORMAT (malformed or cut
 *         short). */
EXO_MUST_CHECK exo_status_t cpio_next(const uint8_t *archive, size_t len_bytes,
                                      struct cpio_cursor *cursor, struct cpio_file *out);

/* Find a file by its path, with or without a leading "/"; if it is a symbolic link, what it leads
 * to. Links in the middle of a path and ".." are not followed. Of several files with one name the
 * last counts, as when the archive is unpacked.
 * Errors: EXO_ERR_NOT_FOUND, EXO_ERR_BAD_FORMAT, EXO_ERR_NO_RESOURCES (more than CPIO_LINKS_MAX
 *         links, or a path that does not fit CPIO_PATH_MAX). */
EXO_MUST_CHECK exo_status_t cpio_find(const uint8_t *archive, size_t len_bytes, const char *path,
                                      struct cpio_file *out);

#endif /* EXO_FS_CPIO_H */
