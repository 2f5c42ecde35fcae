/*
 * exo/proc/random.h - bytes that a program's surroundings are drawn from: addresses, the seed of
 * its stack protector.
 */
#ifndef EXO_PROC_RANDOM_H
#define EXO_PROC_RANDOM_H

#include "exo/lib/types.h"

/* Fill buf[len_bytes] from the machine's source (under a seed: from the seed). Where it has none,
 * the bytes follow from time and cycles: hard to guess from outside, no secret to who can time the
 * machine.  Context: any. */
void proc_random(void *buf, size_t len_bytes);

#endif /* EXO_PROC_RANDOM_H */
