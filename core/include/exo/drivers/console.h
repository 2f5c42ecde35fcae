/*
 * exo/drivers/console.h - bytes typed at the console.
 *
 * Locks: RANK_CONSOLE_INPUT, RANK_WAIT_QUEUE inside.
 */
#ifndef EXO_DRIVERS_CONSOLE_H
#define EXO_DRIVERS_CONSOLE_H

#include "exo/lib/types.h"
#include "exo/sync/kobj.h"

#define CONSOLE_INPUT_MAX                                                                          \
    4096u /* bytes kept; what arrives while it is full is dropped and counted */

#define CONSOLE_END 0x04 /* ^D: hosted, the end of standard input too */

#define CONSOLE_RIGHTS (EXO_RIGHTS_COMMON | EXO_RIGHT_CONSOLE_WRITE | EXO_RIGHT_CONSOLE_READ)

/* Wait for input until the clock reaches deadline_ns (UINT64_MAX: for ever) and take at most
 * len_bytes of it; returns how many, 0 after the deadline or when the thread is
 * interrupted.  Context: thread, may block. */
size_t console_read(char *buf, size_t len_bytes, uint64_t deadline_ns);

/* Bytes dropped so far because nobody read. */
uint64_t console_dropped(void);

/* The object behind capabilities of EXO_TYPE_CONSOLE; it never ends. */
struct kobj *console_object(void);

#endif /* EXO_DRIVERS_CONSOLE_H */
