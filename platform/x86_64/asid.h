/*
 * asid.h - which of a CPU's few address space identifiers (PCID) holds which space: pure functions.
 *
 * A CPU that comes back to a space finds its translations still there, unless the space was flushed
 * meanwhile. The flush itself interrupts only the CPUs that have the space loaded; all others
 * notice by its count when they load it again.
 *
 * Context: own CPU, interrupts off.  Spec: Intel SDM volume 3A section 4.10.1.
 */
#ifndef PLATFORM_X86_64_ASID_H
#define PLATFORM_X86_64_ASID_H

#include "exo/lib/types.h"

#define ASID_SLOTS    6u           /* identifiers 1 to ASID_SLOTS; 0 is the kernel's own tables */
#define ASID_NO_FLUSH (1ull << 63) /* bit of CR3: keep what the CPU remembers */

struct asid_cpu {
    struct {
        uint64_t space_id;    /* 0: none */
        uint64_t flush_count; /* of the space, up to which its translations here are sound */
    } slot[ASID_SLOTS];
    uint32_t current; /* slot of the space that is loaded */
    uint32_t next;    /* slot to give up next */
};

/* Choose the identifier for `space_id` (never 0, never used again), whose flushes so far are
 * `flush_count`; returns what CR3 needs beside the root: identifier and ASID_NO_FLUSH or not. */
uint64_t asid_choose(struct asid_cpu *cpu, uint64_t space_id, uint64_t flush_count);

/* The loaded space is being flushed for the flush_count-th time: true if dropping the pages of this
 * flush is enough, false if an earlier one was missed too, so that everything must go. */
bool asid_note_flush(struct asid_cpu *cpu, uint64_t flush_count);

#endif /* PLATFORM_X86_64_ASID_H */
