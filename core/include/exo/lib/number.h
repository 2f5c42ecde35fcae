/*
 * exo/lib/number.h - numbers from text.
 */
#ifndef EXO_LIB_NUMBER_H
#define EXO_LIB_NUMBER_H

#include "exo/abi/status.h"
#include "exo/lib/types.h"

/* Read the whole of `text` as an unsigned number: decimal, or hexadecimal after 0x. One suffix K, M
 * or G multiplies by 2^10, 2^20 or 2^30.
 * Errors: EXO_ERR_BAD_FORMAT (empty, a sign, any other byte), EXO_ERR_INVALID (above UINT64_MAX).
 *         */
EXO_MUST_CHECK exo_status_t number_parse(const char *text, uint64_t *out);

/* The same with an upper limit, for values that end in 32 bits.  Errors: also EXO_ERR_INVALID above
 * `max`. */
EXO_MUST_CHECK exo_status_t number_parse_max(const char *text, uint32_t max, uint32_t *out);

/* Value of one hexadecimal digit, or -1. */
int number_hex_digit(char digit);

#endif /* EXO_LIB_NUMBER_H */
