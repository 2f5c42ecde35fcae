/*
 * core/cap/cap.c - what is done with entries, one object's lock at a time.
 *
 * An operation finds its entry without a lock, takes the lock of the entry's object and looks at
 * the entry again: while that lock is held, no entry of the object comes or goes. The lock of a
 * table is taken inside, for the time that a slot is filled or emptied, one table at a time. So two
 * operations on one object come one after the other, whatever tables they concern, and those on
 * different objects meet in the tables' locks only.
 *
 * A revocation takes the children away from its entry, in one step, and hangs them on
 * object->doomed; then it closes what hangs there and below, some at a time. What is doomed works
 * until it is closed, so copies of it may still be made. Who adds an entry of an object also closes
 * HELP doomed ones, so that adding cannot outrun closing.
 *
 * Invariants while object->lock is free:
 *   (1) each entry of the object is in one of its two trees, derived and doomed, and in no other;
 *   (2) object->is_named exactly if there is an entry; this is worth one reference;
 *   (3) object, rights and badge of an entry are what they were when it was made.
 */
#include "cap_private.h"

#define BATCH 64u /* entries closed per time that the lock is held */
#define HELP  2u

struct entry {
    struct kobj *object;
    struct cap_node *node;
    exo_rights_t rights;
};

/* ---- the lock of an object ---- */

/* Close up to `count` of the doomed entries. */
static void close_doomed_locked(struct kobj *object, uint32_t count)
{
    for (uint32_t i = 0; i < count && object->doomed != NULL; i++) {
        struct cap_node *const node = object->doomed;

        cap_tree_remove(node);
        cap_slot_empty(node);
    }
}

/* Let the lock go, and what the entries held if none is left: invariant (2). */
static void object_unlock(struct kobj *object)
{
    const bool was_last = object->is_named && object->derived == NULL && object->doomed == NULL;

    if (was_last) {
        object->is_named = false;
    }
    spin_unlock(&object->lock);
    if (was_last) {
        if (object->ops->on_last_cap != NULL) {
            object->ops->on_last_cap(object);
        }
        kobj_unref(object);
    }
}

/* Find `cap` and lock its object, out->object, which the caller unlocks.
 * Errors: EXO_ERR_BAD_CAP, EXO_ERR_ACCESS_DENIED (not all rights in `need`); nothing is locked. */
static exo_status_t entry_lock(const struct cap_space *space, exo_cap_t cap, exo_rights_t need,
                               struct entry *out)
{
    exo_status_t status = EXO_ERR_BAD_CAP;

    epoch_enter();
    struct cap_slot *const slot = cap_slot_of(space, cap);
    const uint64_t word =
        slot == NULL ? 0 : atomic_load_explicit(&slot->word, memory_order_acquire);

    if (!cap_word_is(word, cap)) {
        epoch_exit();
        return status;
    }
    struct kobj *const object = atomic_load_explicit(&slot->object, memory_order_acquire);

    spin_lock(&object->lock); /* borrowed: it may be the wrong one, or past its last reference */
    if (atomic_load_explicit(&slot->word, memory_order_relaxed) == word) {
        status = (word & need) == need ? EXO_OK : EXO_ERR_ACCESS_DENIED;
    }
    if (status != EXO_OK) {
        spin_unlock(&object->lock);
    }
    epoch_exit(); /* from here on the entry's own reference keeps the object */
    if (status == EXO_OK) {
        *out =
            (struct entry){ object, cap_node_of_slot(slot), (exo_rights_t)word & EXO_RIGHTS_ALL };
    }
    return status;
}

/* ---- making entries ---- */

static exo_status_t insert_try(struct cap_space *space, const struct cap_content *content,
                               exo_cap_t *out)
{
    struct kobj *const object = content->object;
    struct cap_node *node = NULL;

    spin_lock(&object->lock);
    close_doomed_locked(object, HELP);
    const exo_status_t status = cap_slot_fill(space, content, out, &node);

    if (status == EXO_OK) {
        cap_tree_add_child(&object->derived, node);
        if (!object->is_named) {
            object->is_named = true;
            (void)kobj_ref(object);
        }
    }
    object_unlock(object);
    return status;
}

exo_status_t cap_insert(struct cap_space *space, struct kobj *object, exo_rights_t rights,
                        uint64_t badge, exo_cap_t *out)
{
    const struct cap_content content = { object, rights, badge };
    exo_status_t status = EXO_OK;

    if ((rights & ~object->ops->rights) != 0) {
        return EXO_ERR_INVALID;
    }
    while (status == EXO_OK) {
        status = insert_try(space, &content, out);
        if (status != EXO_ERR_BUSY) {
            return status;
        }
        status = cap_space_grow(space);
    }
    return status;
}

/* What is made from an entry. */
struct copy {
    exo_rights_t need;
    exo_rights_t rights;
    uint64_t badge; /* 0: as it was */
    bool is_child;
};

/* Decide what a copy of a locked entry will be.  Errors: EXO_ERR_ACCESS_DENIED. */
static exo_status_t copy_content(const struct entry *entry, const struct copy *copy,
                                 struct cap_content *out)
{
    const uint64_t badge = atomic_load_explicit(&entry->node->badge, memory_order_relaxed);

    if ((copy->rights & ~entry->rights) != 0 || (copy->badge != 0 && badge != 0)) {
        return EXO_ERR_ACCESS_DENIED;
    }
    *out = (struct cap_content){ entry->object, copy->rights, badge | copy->badge };
    return EXO_OK;
}

static exo_status_t copy_try(struct cap_space *space, exo_cap_t cap, const struct copy *copy,
                             struct cap_space *dst, exo_cap_t *out)
{
    struct cap_content content;
    struct cap_node *node = NULL;
    struct entry entry;
    exo_status_t status = entry_lock(space, cap, copy->need, &entry);

    if (status != EXO_OK) {
        return status;
    }
    status = copy_content(&entry, copy, &content);
    if (status == EXO_OK) {
        status = cap_slot_fill(dst, &content, out, &node);
    }
    if (status == EXO_OK) {
        if (copy->is_child) {
            cap_tree_add_child(&entry.node->child, node);
        } else {
            cap_tree_add_beside(entry.node, node);
        }
        close_doomed_locked(entry.object, HELP); /* perhaps the new one too */
    }
    object_unlock(entry.object);
    return status;
}

static exo_status_t copy_entry(struct cap_space *space, exo_cap_t cap, const struct copy *copy,
                               struct cap_space *dst, exo_cap_t *out)
{
    exo_status_t status = EXO_OK;

    while (status == EXO_OK) {
        status = copy_try(space, cap, copy, dst, out);
        if (status != EXO_ERR_BUSY) {
            return status;
        }
        status = cap_space_grow(dst);
    }
    return status;
}

exo_status_t cap_duplicate(struct cap_space *space, exo_cap_t cap, exo_rights_t rights,
                           struct cap_space *dst, exo_cap_t *out)
{
    const exo_rights_t send = dst == space ? 0 : EXO_RIGHT_SEND;
    const struct copy copy = { .need = EXO_RIGHT_DUPLICATE | send, .rights = rights };

    return copy_entry(space, cap, &copy, dst, out);
}

exo_status_t cap_derive(struct cap_space *space, exo_cap_t cap, const struct cap_grant *grant,
                        struct cap_space *dst, exo_cap_t *out)
{
    const exo_rights_t send = dst == space ? 0 : EXO_RIGHT_SEND;
    const struct copy copy = { .need = EXO_RIGHT_DERIVE | send,
                               .rights = grant->rights,
                               .badge = grant->badge,
                               .is_child = true };

    return copy_entry(space, cap, &copy, dst, out);
}

/* ---- moving and closing ---- */

static exo_status_t move_try(struct cap_space *space, exo_cap_t cap, struct cap_space *dst,
                             exo_cap_t *out)
{
    struct cap_node *node = NULL;
    struct entry entry;
    exo_status_t status = entry_lock(space, cap, EXO_RIGHT_SEND, &entry);

    if (status != EXO_OK) {
        return status;
    }
    const struct cap_content content = {
        entry.object, entry.rights, atomic_load_explicit(&entry.node->badge, memory_order_relaxed)
    };

    status = cap_slot_fill(dst, &content, out, &node);
    if (status == EXO_OK) {
        cap_tree_replace(entry.node, node);
        cap_slot_empty(entry.node);
    }
    object_unlock(entry.object);
    return status;
}

exo_status_t cap_move(struct cap_space *space, exo_cap_t cap, struct cap_space *dst, exo_cap_t *out)
{
    exo_status_t status = EXO_OK;

    while (status == EXO_OK) {
        status = move_try(space, cap, dst, out);
        if (status != EXO_ERR_BUSY) {
            return status;
        }
        status = cap_space_grow(dst);
    }
    return status;
}

exo_status_t cap_close(struct cap_space *space, exo_cap_t cap)
{
    struct entry entry;
    const exo_status_t status = entry_lock(space, cap, 0, &entry);

    if (status == EXO_OK) {
        cap_tree_remove(entry.node);
        cap_slot_empty(entry.node);
        object_unlock(entry.object);
    }
    return status;
}

exo_status_t cap_revoke(struct cap_space *space, exo_cap_t cap)
{
    struct entry entry;
    const exo_status_t status = entry_lock(space, cap, EXO_RIGHT_REVOKE, &entry);

    if (status != EXO_OK) {
        return status;
    }
    struct kobj *const object = kobj_ref(entry.object);

    cap_tree_move_children(&entry.node->child, &object->doomed);
    while (object->doomed != NULL) {
        close_doomed_locked(object, BATCH);
        object_unlock(object); /* a preemption point */
        spin_lock(&object->lock);
    }
    object_unlock(object);
    kobj_unref(object);
    return EXO_OK;
}

/* ---- facts ---- */

exo_status_t cap_lookup_failure(const struct cap_space *space, exo_cap_t cap, uint32_t type,
                                exo_rights_t need)
{
    const struct cap_slot *const slot = cap_slot_of(space, cap);
    const uint64_t word =
        slot == NULL ? 0 : atomic_load_explicit(&slot->word, memory_order_acquire);

    if (!cap_word_is(word, cap)) {
        return EXO_ERR_BAD_CAP;
    }
    if ((word & CAP_TYPE_MASK) >> CAP_TYPE_SHIFT != type) {
        return EXO_ERR_WRONG_TYPE;
    }
    /* With all rights it is a number that was guessed before its entry was there. */
    return (word & need) != need ? EXO_ERR_ACCESS_DENIED : EXO_ERR_BAD_CAP;
}

exo_status_t cap_query(const struct cap_space *space, exo_cap_t cap, struct cap_info *out)
{
    const struct cap_slot *const slot = cap_slot_of(space, cap);
    const uint64_t word =
        slot == NULL ? 0 : atomic_load_explicit(&slot->word, memory_order_acquire);

    if (!cap_word_is(word, cap)) {
        return EXO_ERR_BAD_CAP;
    }
    /* Acquire: as for the object in cap_lookup(). */
    const uint64_t badge =
        atomic_load_explicit(&cap_node_of_slot(slot)->badge, memory_order_acquire);

    if (atomic_load_explicit(&slot->word, memory_order_relaxed) != word) {
        return EXO_ERR_BAD_CAP;
    }
    out->type = (uint32_t)((word & CAP_TYPE_MASK) >> CAP_TYPE_SHIFT);
    out->rights = (exo_rights_t)(word & EXO_RIGHTS_ALL);
    out->badge = badge;
    return EXO_OK;
}

uint64_t cap_check(struct kobj *object)
{
    spin_lock(&object->lock);
    const uint64_t count = cap_tree_check(&object->derived) + cap_tree_check(&object->doomed);

    KASSERT(object->is_named == (count != 0));
    spin_unlock(&object->lock);
    return count;
}
