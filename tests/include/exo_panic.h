/*
 * exo_panic.h - tests of what must panic.
 */
#ifndef EXO_PANIC_H
#define EXO_PANIC_H

#include "exo/lib/types.h"

/* Run fn(arg) in a thread of its own that must panic with a reason that contains `expected`; true
 * if it did. The panic is caught: locks that the thread held are released and it ends there, so
 * `fn` must own nothing that has to be given back. Not for panics in interrupt handlers. Without
 * lock checks (EXO_CONFIG_DEBUG_LOCKS 0) `fn` must hold no lock when it panics. Context: test
 * thread. */
bool panic_is_caught(void (*fn)(void *arg), void *arg, const char *expected);

/* True if `part` occurs in `text`. */
bool panic_text_has(const char *text, const char *part);

#endif /* EXO_PANIC_H */
