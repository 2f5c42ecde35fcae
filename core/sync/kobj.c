/*
 * core/sync/kobj.c - references of kernel objects.
 *
 * refs: 1 -(kobj_ref, kobj_try_ref)-> n -(kobj_unref)-> 0 -(epoch)-> ops->destroy()
 *
 * Invariants:
 *   (1) refs never leaves 0;
 *   (2) destroy() is called once, after every section in which the object could be found.
 */
#include "exo/sync/kobj.h"

#include "exo/lib/assert.h"

#define REFS_MAX (UINT32_MAX / 2) /* more than that are not held but miscounted */

void kobj_init(struct kobj *object, const struct kobj_ops *ops)
{
    KASSERT(ops->type != EXO_TYPE_NONE);
    KASSERT(ops->type <= EXO_TYPE_MAX);
    KASSERT((ops->rights & ~EXO_RIGHTS_ALL) == 0);
    object->ops = ops;
    object->derived = NULL;
    object->doomed = NULL;
    object->is_named = false;
    spin_init(&object->lock, RANK_CAP_TREE);
    atomic_init(&object->refs, 1);
}

struct kobj *kobj_ref(struct kobj *object)
{
    const uint32_t refs = atomic_fetch_add_explicit(&object->refs, 1, memory_order_relaxed);

    KASSERT(refs - 1 < REFS_MAX);
    return object;
}

bool kobj_try_ref(struct kobj *object)
{
    uint32_t refs = atomic_load_explicit(&object->refs, memory_order_relaxed);

    do {
        if (refs == 0) {
            return false;
        }
        KASSERT(refs < REFS_MAX);
    } while (!atomic_compare_exchange_weak_explicit(&object->refs, &refs, refs + 1,
                                                    memory_order_relaxed, memory_order_relaxed));
    return true;
}

static void object_end(struct epoch_node *node)
{
    struct kobj *const object = container_of(node, struct kobj, end);

    object->ops->destroy(object);
}

void kobj_unref(struct kobj *object)
{
    if (object == NULL) {
        return;
    }
    /* Release: what this holder did with the object comes before its end; acquire: for the last. */
    const uint32_t refs = atomic_fetch_sub_explicit(&object->refs, 1, memory_order_acq_rel);

    KASSERT(refs != 0);
    if (refs == 1) {
        epoch_defer(&object->end, object_end);
    }
}
