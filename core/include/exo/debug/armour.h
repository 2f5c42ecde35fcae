/*
 * exo/debug/armour.h - bytes as lines of text, for channels that carry text: a serial line, the
 * debug console of an emulator.
 *
 *   exo-file NAME begin        the file is empty now
 *   exo-file NAME BASE64       the next bytes, at most ARMOUR_BYTES of them
 *
 * tools/trace-convert finds such lines in any log and makes the file again.
 */
#ifndef EXO_DEBUG_ARMOUR_H
#define EXO_DEBUG_ARMOUR_H

#include "exo/lib/types.h"

#define ARMOUR_BYTES    54u
#define ARMOUR_LINE_MAX 112u /* newline included; names have at most 16 bytes */

/* Call put(line, length) with whole lines. `name` has no blanks. */
void armour_begin(const char *name, void (*put)(const char *line, size_t len));
void armour_write(const char *name, const void *bytes, size_t len_bytes,
                  void (*put)(const char *line, size_t len));

#endif /* EXO_DEBUG_ARMOUR_H */
