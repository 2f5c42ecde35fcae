/*
 * exo/proc/program.h - files of the initial RAM file system, by name.
 *
 * Context: any, no lock.
 */
#ifndef EXO_PROC_PROGRAM_H
#define EXO_PROC_PROGRAM_H

#include "exo/fs/cpio.h"
#include "exo/proc/proc.h"

/* A program's file; lives for ever. */
struct program {
    char path[PROC_PATH_MAX]; /* where it was found */
    char exe[PROC_PATH_MAX];  /* the file behind that, if it is a link */
    struct cpio_file file;
};

/* Find the regular file of `path`, from the root on.
 * Errors: EXO_ERR_NOT_FOUND (no such file, or no initrd), EXO_ERR_BAD_FORMAT (a malformed initrd),
 *         EXO_ERR_ACCESS_DENIED (not a regular file), EXO_ERR_NO_RESOURCES (as cpio_find()). */
EXO_MUST_CHECK exo_status_t program_file(const char *path, struct cpio_file *out);

/* Find a program: `name` is a path if there is a slash in it, else a name in /bin.
 * Errors: those of program_file(); EXO_ERR_NO_RESOURCES also for a name beyond PROC_PATH_MAX. */
EXO_MUST_CHECK exo_status_t program_find(const char *name, struct program *out);

#endif /* EXO_PROC_PROGRAM_H */
