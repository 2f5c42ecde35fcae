/*
 * exo/lib/list.h - circular doubly linked lists of nodes embedded in their objects.
 *
 * A head and a node have the same shape. A node that is in no list points to itself, so that
 * list_remove() on it is harmless and list_is_linked() is a question that can be asked.
 *
 * Locks: none; the owner of the head serialises.  Context: any.
 */
#ifndef EXO_LIB_LIST_H
#define EXO_LIB_LIST_H

#include "exo/lib/types.h"

struct list_node {
    struct list_node *next;
    struct list_node *prev;
};

#define LIST_INIT(name)                                                                            \
    {                                                                                              \
        .next = &(name), .prev = &(name)                                                           \
    }

static inline void list_init(struct list_node *node)
{
    node->next = node;
    node->prev = node;
}

static inline bool list_is_empty(const struct list_node *head)
{
    return head->next == head;
}

static inline bool list_is_linked(const struct list_node *node)
{
    return node->next != node;
}

static inline void list_insert_after(struct list_node *place, struct list_node *node)
{
    node->next = place->next;
    node->prev = place;
    place->next->prev = node;
    place->next = node;
}

static inline void list_add_head(struct list_node *head, struct list_node *node)
{
    list_insert_after(head, node);
}

static inline void list_add_tail(struct list_node *head, struct list_node *node)
{
    list_insert_after(head->prev, node);
}

/* Unlink `node` and leave it pointing to itself. */
static inline void list_remove(struct list_node *node)
{
    node->next->prev = node->prev;
    node->prev->next = node->next;
    list_init(node);
}

/* Unlink and return the first node, NULL if there is none. */
static inline struct list_node *list_pop_head(struct list_node *head)
{
    struct list_node *node = head->next;

    if (node == head) {
        return NULL;
    }
    list_remove(node);
    return node;
}

/* Move all nodes of `from` to the end of `to`; `from` is empty then. */
static inline void list_splice_tail(struct list_node *to, struct list_node *from)
{
    if (list_is_empty(from)) {
        return;
    }
    from->next->prev = to->prev;
    to->prev->next = from->next;
    from->prev->next = to;
    to->prev = from->prev;
    list_init(from);
}

/* Walk a list that does not change meanwhile. */
#define LIST_FOR_EACH(node, head)                                                                  \
    for (struct list_node *node = (head)->next; node != (head); node = node->next)

#endif /* EXO_LIB_LIST_H */
