/*
 * cap_private.h - the parts of capabilities for each other: trees, slots, locked entries.
 */
#ifndef CAP_PRIVATE_H
#define CAP_PRIVATE_H

#include "exo/cap/cap.h"

#define CAP_GENERATION_FIRST CAP_GENERATION_ONE
/* Of a retired slot; no entry has it. Bit 63 of a number stays clear: calls that return one return
 * their errors in the same word. */
#define CAP_GENERATION_LAST (CAP_GENERATION_MASK >> 1 & CAP_GENERATION_MASK)

/* ---- tree.c: the forest of one object; its lock is held ---- */

void cap_tree_add_child(struct cap_node **parent, struct cap_node *node);
void cap_tree_add_beside(struct cap_node *beside, struct cap_node *node);

/* Take `node` out; its children take its place, in order. */
void cap_tree_remove(struct cap_node *node);

/* Put `node` in the place of `old`, which is out then, and over its children. */
void cap_tree_replace(struct cap_node *old, struct cap_node *node);

/* Make the children of *from, if any, the first ones of *to. */
void cap_tree_move_children(struct cap_node **from, struct cap_node **to);

/* Panic unless the trees below *parent are whole; returns their nodes. */
uint64_t cap_tree_check(struct cap_node **parent);

/* ---- space.c: slots of a table ---- */

static inline struct cap_chunk *cap_chunk_of(const void *part)
{
    return (struct cap_chunk *)((uintptr_t)part & ~(uintptr_t)PAGE_MASK);
}

static inline struct cap_slot *cap_slot_of_node(const struct cap_node *node)
{
    struct cap_chunk *const chunk = cap_chunk_of(node);

    return &chunk->slot[node - chunk->node];
}

static inline struct cap_node *cap_node_of_slot(const struct cap_slot *slot)
{
    struct cap_chunk *const chunk = cap_chunk_of(slot);

    return &chunk->node[slot - chunk->slot];
}

/* Is there an entry in a slot with this word, and `cap` its number? */
static inline bool cap_word_is(uint64_t word, exo_cap_t cap)
{
    return ((word ^ cap) & CAP_GENERATION_MASK) == 0 && (word & CAP_TYPE_MASK) != 0;
}

/* What an entry is made of. */
struct cap_content {
    struct kobj *object;
    exo_rights_t rights;
    uint64_t badge;
};

/* Fill a free slot. The lock of the object is held, that of the table is taken inside.
 * Errors: EXO_ERR_DEAD, EXO_ERR_NO_RESOURCES, EXO_ERR_BUSY (no free slot: cap_space_grow()). */
EXO_MUST_CHECK exo_status_t cap_slot_fill(struct cap_space *space,
                                          const struct cap_content *content, exo_cap_t *cap,
                                          struct cap_node **node);

/* Empty a slot whose node is in no tree any more; locks as before. */
void cap_slot_empty(struct cap_node *node);

/* Make sure that there was a free slot.  Context: no lock held, may block.
 * Errors: EXO_ERR_DEAD, EXO_ERR_NO_RESOURCES, EXO_ERR_NO_MEMORY. */
EXO_MUST_CHECK exo_status_t cap_space_grow(struct cap_space *space);

#endif /* CAP_PRIVATE_H */
