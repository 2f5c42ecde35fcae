/*
 * exo/debug/profile.h - counting where kernel code is when the timer strikes.
 *
 * Each CPU has a table of the stacks that were seen on it, functions not addresses, with a count
 * each. The sampler (core/monitor/profile.c) owns the timers and the tables' memory.
 */
#ifndef EXO_DEBUG_PROFILE_H
#define EXO_DEBUG_PROFILE_H

#include "exo/lib/fmt.h"
#include "exo/lib/types.h"

#define PROFILE_DEPTH_MAX 28u /* frames of a stack that are kept, the innermost ones */

#define PROFILE_STACK_BYTES         ((size_t)128)
#define PROFILE_TABLE_BYTES(stacks) (CACHE_LINE + (size_t)(stacks)*PROFILE_STACK_BYTES)

/* Give `cpu` a table for `stacks` different ones (a power of two) over `memory`, which is cleared;
 * NULL takes it away.  Owns: memory stays the caller's.  Context: no sample is taken meanwhile. */
void profile_table_set(uint32_t cpu, void *memory, uint32_t stacks);

/* Count the stack that the interrupt under way struck.  Context: inside core_irq_enter() and
 * core_irq_exit(). */
void profile_sample(void);

struct profile_stats {
    uint64_t samples;
    uint64_t lost;   /* of these, with no room for their stack */
    uint32_t stacks; /* different ones */
    uint32_t size;   /* of the table; 0: there is none */
};

void profile_stats(uint32_t cpu, struct profile_stats *out);

/* The function that was running itself in most samples of `cpu`, and in how many; NULL if none.
 * Context: any; one caller at a time. */
const char *profile_top(uint32_t cpu, uint64_t *count);

/* Write what was counted as folded stacks, "outermost;...;innermost COUNT\n", to `sink`.
 * Context: any, a panic included. */
void profile_export(struct fmt_sink *sink);

#endif /* EXO_DEBUG_PROFILE_H */
