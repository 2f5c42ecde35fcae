/*
 * entropy.h - hal_entropy() from RDSEED, else RDRAND, each word tried ten times.
 */
#ifndef PLATFORM_X86_64_ENTROPY_H
#define PLATFORM_X86_64_ENTROPY_H

#include "exo/lib/types.h"

/* Try the sources and leave off one that is stuck (the same word every time; reported).
 * Context: boot CPU, after cpuid_init(). Before it hal_entropy() gives nothing. */
void entropy_init(void);

#endif /* PLATFORM_X86_64_ENTROPY_H */
