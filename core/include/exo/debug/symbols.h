/*
 * exo/debug/symbols.h - the table of the kernel's own functions, for backtraces.
 *
 * tools/mksyms generates the strong definitions from a first link; a kernel that was linked without
 * them has an empty table and prints bare addresses.
 */
#ifndef EXO_DEBUG_SYMBOLS_H
#define EXO_DEBUG_SYMBOLS_H

#include "exo/lib/types.h"

struct ksym {
    uint64_t addr;    /* first byte of the function */
    const char *name; /* NUL-terminated */
};

extern const struct ksym g_ksyms[]; /* sorted by address */
extern const uint32_t g_ksym_count;

/* Index of the function that holds `pc`: the last one that begins at or below it; UINT32_MAX if
 * there is none, as for code behind the kernel's (hosted: the C library's). */
uint32_t symbol_index(uintptr_t pc);

#endif /* EXO_DEBUG_SYMBOLS_H */
