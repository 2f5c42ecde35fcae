/*
 * asid.c - round robin over a CPU's address space identifiers.
 *
 * Invariant (1): no two slots hold the same space.
 */
#include "asid.h"

#include "exo/lib/assert.h"

uint64_t asid_choose(struct asid_cpu *cpu, uint64_t space_id, uint64_t flush_count)
{
    KASSERT_DEBUG(space_id != 0);
    for (uint32_t i = 0; i < ASID_SLOTS; i++) {
        if (cpu->slot[i].space_id != space_id) {
            continue;
        }
        const bool sound = cpu->slot[i].flush_count == flush_count;

        cpu->slot[i].flush_count = flush_count;
        cpu->current = i;
        return (i + 1) | (sound ? ASID_NO_FLUSH : 0);
    }
    const uint32_t i = cpu->next;

    cpu->next = (i + 1) % ASID_SLOTS;
    cpu->slot[i].space_id = space_id;
    cpu->slot[i].flush_count = flush_count;
    cpu->current = i;
    return i + 1;
}

bool asid_note_flush(struct asid_cpu *cpu, uint64_t flush_count)
{
    const uint64_t former = cpu->slot[cpu->current].flush_count;

    if (former >= flush_count) {
        return true; /* loaded after that flush had begun: nothing is stale */
    }
    cpu->slot[cpu->current].flush_count = flush_count;
    return former + 1 == flush_count;
}
