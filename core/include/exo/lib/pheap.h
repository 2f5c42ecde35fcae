/*
 * exo/lib/pheap.h - pairing heap of embedded nodes: the least of many, with removal from anywhere.
 *
 * Adding costs one comparison, removing the least or any other O(log n) amortised; a node added and
 * removed again without having come first costs O(1), which is what most timers do.
 *
 * Locks: none; the owner serialises.  Context: any.
 */
#ifndef EXO_LIB_PHEAP_H
#define EXO_LIB_PHEAP_H

#include "exo/lib/types.h"

struct pheap_node {
    struct pheap_node *child; /* first child */
    struct pheap_node *next;  /* next sibling */
    struct pheap_node
        *prev; /* previous sibling, or the parent for a first child; NULL for the root */
};

struct pheap {
    struct pheap_node *root; /* the least, NULL if empty */
    bool (*less)(const struct pheap_node *a, const struct pheap_node *b); /* a strict order */
};

#define PHEAP_INIT(order)                                                                          \
    {                                                                                              \
        .root = NULL, .less = (order)                                                              \
    }

void pheap_add(struct pheap *heap, struct pheap_node *node);
void pheap_remove(struct pheap *heap, struct pheap_node *node); /* a node of this heap */

static inline struct pheap_node *pheap_least(const struct pheap *heap)
{
    return heap->root;
}

#endif /* EXO_LIB_PHEAP_H */
