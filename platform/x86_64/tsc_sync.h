/*
 * tsc_sync.h - the comparison that the warp test is made of, for its own test.
 */
#ifndef PLATFORM_X86_64_TSC_SYNC_H
#define PLATFORM_X86_64_TSC_SYNC_H

#include <stdatomic.h>

#include "exo/lib/types.h"

struct tsc_warp {
    _Atomic uint64_t last;  /* the highest value that anybody has published */
    _Atomic uint64_t worst; /* largest step back seen so far, cycles; 0: none */
};

/* Read a time-stamp counter once by `read`, compare it with what was published, publish it.  Any
 * number of CPUs at once. */
void tsc_warp_round(struct tsc_warp *test, uint64_t (*read)(void));

#endif /* PLATFORM_X86_64_TSC_SYNC_H */
