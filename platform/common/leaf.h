/*
 * leaf.h - who called a function that made no frame (yet).
 */
#ifndef PLATFORM_COMMON_LEAF_H
#define PLATFORM_COMMON_LEAF_H

#include "exo/lib/types.h"

/* The return address on top of the stack `sp` of code interrupted at `pc`, or 0 if it is not
 * certain that there is one: a direct call of that very function must stand in front of it.
 * Context: any; what `sp` points to is mapped. */
uintptr_t leaf_caller(uintptr_t pc, uintptr_t sp);

#endif /* PLATFORM_COMMON_LEAF_H */
