/*
 * exo/lib/percent.h - percent-encoding of words on the command line (docs/boot.md).
 */
#ifndef EXO_LIB_PERCENT_H
#define EXO_LIB_PERCENT_H

#include "exo/abi/status.h"
#include "exo/lib/types.h"

/* Decode `text` in place: %XX becomes one byte; "%00" alone is the empty string.
 * Errors: EXO_ERR_BAD_FORMAT (not two hexadecimal digits, or a NUL inside a longer text); `text` is
 *         then
 * unchanged. */
EXO_MUST_CHECK exo_status_t percent_decode(char *text);

#endif /* EXO_LIB_PERCENT_H */
