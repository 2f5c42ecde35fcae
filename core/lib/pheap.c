/*
 * core/lib/pheap.c - pairing heap.
 *
 * Invariants:
 *   (1) no child is less than its parent;
 *   (2) node->prev->next == node, or node->prev->child == node if it is a first child;
 *   (3) the root has neither prev nor next; a removed node has no links at all.
 */
#include "exo/lib/pheap.h"

#include "exo/lib/assert.h"

/* Make one tree of two whose roots have no siblings; either may be NULL. */
static struct pheap_node *meld(const struct pheap *heap, struct pheap_node *a, struct pheap_node *b)
{
    if (a == NULL || b == NULL) {
        return a == NULL ? b : a;
    }
    if (heap->less(b, a)) {
        struct pheap_node *const swap = a;

        a = b;
        b = swap;
    }
    b->prev = a;
    b->next = a->child;
    if (a->child != NULL) {
        a->child->prev = b;
    }
    a->child = b;
    return a;
}

/* Take the first tree off a chain of siblings. */
static struct pheap_node *take_first(struct pheap_node **chain)
{
    struct pheap_node *const node = *chain;

    if (node != NULL) {
        *chain = node->next;
        node->next = NULL;
        node->prev = NULL;
    }
    return node;
}

/* Make one tree of a chain of siblings: pairs from left to right, then the pairs from right to
 * left. */
static struct pheap_node *meld_chain(const struct pheap *heap, struct pheap_node *chain)
{
    struct pheap_node *pairs = NULL; /* a stack through next */
    struct pheap_node *root = NULL;

    while (chain != NULL) {
        struct pheap_node *const first = take_first(&chain);
        struct pheap_node *const pair = meld(heap, first, take_first(&chain));

        pair->next = pairs;
        pairs = pair;
    }
    while (pairs != NULL) {
        struct pheap_node *const pair = take_first(&pairs);

        root = meld(heap, root, pair);
    }
    return root;
}

void pheap_add(struct pheap *heap, struct pheap_node *node)
{
    *node = (struct pheap_node){ 0 };
    heap->root = meld(heap, heap->root, node);
}

void pheap_remove(struct pheap *heap, struct pheap_node *node)
{
    struct pheap_node *const rest = meld_chain(heap, node->child);

    if (node == heap->root) {
        heap->root = rest;
    } else {
        KASSERT(node->prev != NULL);
        if (node->prev->child == node) {
            node->prev->child = node->next;
        } else {
            node->prev->next = node->next;
        }
        if (node->next != NULL) {
            node->next->prev = node->prev;
        }
        heap->root = meld(heap, heap->root, rest);
    }
    *node = (struct pheap_node){ 0 };
}
