/*
 * features.h - control registers of each CPU, set by what CPUID says.
 */
#ifndef PLATFORM_X86_64_FEATURES_H
#define PLATFORM_X86_64_FEATURES_H

#include "exo/lib/types.h"

/* What is switched on; the same on all CPUs, constant after features_init(). */
struct features {
    bool smap;
    bool fsgsbase; /* user code may write its own FS and GS base */
    bool pcid;     /* translations of several spaces are kept side by side */
    bool xsave;
    bool xsaveopt;
    uint64_t xcr0;         /* states that XSAVE keeps, 0 without XSAVE */
    uint32_t vector_bytes; /* area for the vector state of one user thread, multiple of 64 */
};

const struct features *features(void);

/* Decide, on the boot CPU, after cpuid_init(); also patches CLAC into the entry code, which must
 * still be writable. */
void features_init(void);

/* Switch on, on this CPU. The kernel's own page tables must be loaded (SMEP, SMAP). */
void features_enable(void);

#endif /* PLATFORM_X86_64_FEATURES_H */
