/*
 * exo/debug/end.h - the end of the machine, and who wants to do something before it.
 *
 * Hooks register in the linker section `exo_end_hooks`. They run once, whatever the end: a
 * shutdown, a restart, a panic (interrupts off, other CPUs stopped). So they take no lock and do
 * not wait.
 */
#ifndef EXO_DEBUG_END_H
#define EXO_DEBUG_END_H

#include "exo/lib/types.h"

#define EXO_END_HOOK(ident, function)                                                              \
    static void (*const end_hook_ptr_##ident)(void) EXO_SECTION(exo_end_hooks) = (function)

/* hal_shutdown() and hal_restart(), after the hooks.  Context: any. */
_Noreturn void kernel_shutdown(int status);
_Noreturn void kernel_restart(void);

#endif /* EXO_DEBUG_END_H */
