/*
 * remote.h - run a short function on other CPUs and wait until they have.
 */
#ifndef PLATFORM_X86_64_REMOTE_H
#define PLATFORM_X86_64_REMOTE_H

#include "exo/lib/types.h"

#define REMOTE_ALL UINT64_MAX

/* Run function(arg) once on every online CPU whose bit is set in `cpus`, this one included,
 * interrupts off there; returns when all have.
 * Locks: RANK_PLATFORM inside, or none if only this CPU is meant.  Context: thread, interrupts on:
 * two CPUs that call each other serve each other while they wait. */
void remote_call(uint64_t cpus, void (*function)(void *arg), void *arg);

/* Register the vector.  Context: boot CPU, once. */
void remote_init(void);

#endif /* PLATFORM_X86_64_REMOTE_H */
