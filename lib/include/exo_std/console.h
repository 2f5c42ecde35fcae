/*
 * exo_std/console.h - text for people.
 *
 * Errors: EXO_ERR_BAD_CAP, EXO_ERR_WRONG_TYPE, EXO_ERR_ACCESS_DENIED (no EXO_RIGHT_CONSOLE_WRITE),
 *         EXO_ERR_BAD_ADDRESS.
 */
#ifndef EXO_STD_CONSOLE_H
#define EXO_STD_CONSOLE_H

#include <stddef.h>

#include "exo/abi/cap.h"
#include "exo/abi/status.h"

/* Write all of bytes[len_bytes]; on failure a part may have been written. */
exo_status_t exo_console_write(exo_cap_t console, const void *bytes, size_t len_bytes);

/* Wait for what is typed and take at most len_bytes of it; returns how many bytes, or an error.
 * EXO_CONSOLE_END is the end of it all.
 * Errors: EXO_ERR_TIMED_OUT, EXO_ERR_INVALID (len_bytes is 0), EXO_ERR_ACCESS_DENIED (no
 *         EXO_RIGHT_CONSOLE_READ). */
#define EXO_CONSOLE_END 0x04
int64_t exo_console_read(exo_cap_t console, void *bytes, size_t len_bytes, uint64_t deadline_ns);

/* Write text, or a number in decimal, to the console that the program was started with. */
exo_status_t exo_print(const char *text);
exo_status_t exo_print_number(int64_t number);

#endif /* EXO_STD_CONSOLE_H */
