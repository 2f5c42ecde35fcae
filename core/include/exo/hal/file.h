/*
 * exo/hal/file.h - files that the machine takes out of the kernel: traces and profiles.
 *
 * Hosted they are files named on the command line (--trace, --profile). On x86_64 they leave as
 * text lines (exo/debug/armour.h) through an emulator's debug console, from which tools/qemu-run
 * makes them.
 */
#ifndef EXO_HAL_FILE_H
#define EXO_HAL_FILE_H

#include "exo/lib/types.h"

enum hal_file { HAL_FILE_TRACE, HAL_FILE_PROFILE, HAL_FILES };

/* Begin the file anew; false if the machine has nowhere to put it.  Context: any, a panic
 * included; one file at a time. */
bool hal_file_begin(enum hal_file file);

/* Append bytes to the file that was begun. What the host refuses is lost. */
void hal_file_write(enum hal_file file, const void *bytes, size_t len_bytes);

#endif /* EXO_HAL_FILE_H */
