/*
 * stack.h - kernel stacks, as the fault report needs them; see exo/hal.h for the rest.
 */
#ifndef PLATFORM_X86_64_STACK_H
#define PLATFORM_X86_64_STACK_H

#include "exo/lib/types.h"

#define KERNEL_STACK_BYTES (16u << 10)

/* As hal_stack_guard_hit(), and the boot CPU's own stack too.  Context: any, no lock taken. */
bool stack_guard_find(vaddr_t address, void **stack_base);

#endif /* PLATFORM_X86_64_STACK_H */
