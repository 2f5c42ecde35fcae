/*
 * core/cap/tree.c - forests of entries, changed by steps of constant length, without recursion.
 *
 * A list of siblings hangs on a pointer to its first node: the `child` of what they were derived
 * from, or a pointer in the object. Three words per node suffice to take any of them out at once:
 *
 *   parent pointer ->  A  <->  B  <->  C        next: A -> B -> C -> END(parent pointer)
 *                                               prev: A -> C,  B -> A,  C -> B
 *
 * Invariants, for each list:
 *   (1) the pointer is NULL exactly if the list is empty;
 *   (2) `next` of the last node is the address of the pointer, marked by its lowest bit; `prev` of
 *       the first node is the last one. So a node is the first exactly if the `next` of its `prev`
 *       is marked, and then that mark leads to the pointer;
 *   (3) `prev` of any other node is the one before it.
 */
#include "cap_private.h"

#define END ((uintptr_t)1) /* in `next`: the rest is the address of the pointer to the first */

static bool is_end(uintptr_t next)
{
    return (next & END) != 0;
}

static uintptr_t end_of(struct cap_node **parent)
{
    return (uintptr_t)parent | END;
}

static struct cap_node **parent_of(uintptr_t next)
{
    return (struct cap_node **)(next & ~END);
}

static struct cap_node *node_of(uintptr_t next)
{
    return (struct cap_node *)next;
}

/* `node` now comes before what `next` means. */
static void set_prev(uintptr_t next, struct cap_node *node)
{
    if (is_end(next)) {
        (*parent_of(next))->prev = node; /* it is the last one */
    } else {
        node_of(next)->prev = node;
    }
}

/* Put the list first..last, linked among themselves, in front of the list at *parent. */
static void add_front(struct cap_node **parent, struct cap_node *first, struct cap_node *last)
{
    struct cap_node *const old = *parent;

    first->prev = old == NULL ? last : old->prev;
    last->next = old == NULL ? end_of(parent) : (uintptr_t)old;
    if (old != NULL) {
        old->prev = last;
    }
    *parent = first;
}

void cap_tree_add_child(struct cap_node **parent, struct cap_node *node)
{
    node->child = NULL;
    add_front(parent, node, node);
}

void cap_tree_add_beside(struct cap_node *beside, struct cap_node *node)
{
    node->child = NULL;
    node->prev = beside;
    node->next = beside->next;
    beside->next = (uintptr_t)node;
    set_prev(node->next, node);
}

/* Take out a node that has no children. */
static void remove_leaf(struct cap_node *node)
{
    struct cap_node *const prev = node->prev;
    const uintptr_t next = node->next;

    KASSERT_DEBUG(node->child == NULL);
    if (is_end(prev->next)) { /* `node` is the first one, `prev` the last */
        *parent_of(prev->next) = is_end(next) ? NULL : node_of(next);
        if (!is_end(next)) {
            node_of(next)->prev = prev;
        }
        return;
    }
    prev->next = next;
    set_prev(next, prev);
}

void cap_tree_remove(struct cap_node *node)
{
    struct cap_node *const first = node->child;

    if (first != NULL) { /* its children become siblings right after it */
        struct cap_node *const last = first->prev;

        last->next = node->next;
        set_prev(last->next, last);
        node->next = (uintptr_t)first;
        first->prev = node;
        node->child = NULL;
    }
    remove_leaf(node);
}

void cap_tree_replace(struct cap_node *old, struct cap_node *node)
{
    cap_tree_add_beside(old, node);
    cap_tree_move_children(&old->child, &node->child);
    remove_leaf(old);
}

void cap_tree_move_children(struct cap_node **from, struct cap_node **to)
{
    struct cap_node *const first = *from;

    if (first != NULL) {
        *from = NULL;
        add_front(to, first, first->prev);
    }
}

/* The first node of the list at *parent, NULL if it is empty. */
static struct cap_node *check_first(struct cap_node **parent)
{
    struct cap_node *const first = *parent;

    KASSERT(first == NULL || first->prev->next == end_of(parent));
    return first;
}

/* The next node after all that is below `node`, NULL if the list at *root ends before. */
static struct cap_node *check_next(struct cap_node **root, struct cap_node *node)
{
    while (is_end(node->next)) {
        struct cap_node **const parent = parent_of(node->next);

        KASSERT((*parent)->prev == node);
        if (parent == root) {
            return NULL;
        }
        node = container_of(parent, struct cap_node, child);
    }
    KASSERT(node_of(node->next)->prev == node);
    return node_of(node->next);
}

uint64_t cap_tree_check(struct cap_node **parent)
{
    struct cap_node *node = check_first(parent);
    uint64_t count = 0;

    while (node != NULL) {
        struct cap_node *const child = check_first(&node->child);
        const uint64_t word =
            atomic_load_explicit(&cap_slot_of_node(node)->word, memory_order_relaxed);

        KASSERT((word & CAP_TYPE_MASK) != 0);
        count++;
        node = child != NULL ? child : check_next(parent, node);
    }
    return count;
}
