/*
 * exo/sync/kobj.h - kernel objects that capabilities can name: a type, references, deferred end.
 *
 * An object embeds a struct kobj. References keep its memory; capabilities keep it meaningful, and
 * all of them together hold one reference. Who looks an object up without a lock borrows it to the
 * end of an epoch section; who needs it longer, to block for instance, takes a reference in the
 * section.
 *
 * Locks:   `lock` (RANK_CAP_TREE) is cap's own, for the entries of all tables that name the object.
 * Context: any but NMI.
 */
#ifndef EXO_SYNC_KOBJ_H
#define EXO_SYNC_KOBJ_H

#include <stdatomic.h>

#include "exo/abi/cap.h"
#include "exo/lib/types.h"
#include "exo/sync/epoch.h"
#include "exo/sync/spinlock.h"

struct kobj;
struct source;   /* of exo/ipc/source.h */
struct cap_node; /* cap's own: the place of an entry among those of its object */

struct kobj_ops {
    const char *name;
    uint32_t type;       /* enum exo_type, not NONE */
    exo_rights_t rights; /* all that a capability of this type can carry */
    /* No capability names it any more: wake who waits, tell the peer. The object is alive, no lock
     * is held, preemption is on. May be NULL. */
    void (*on_last_cap)(struct kobj *object);
    /* What can be waited for in it; NULL: nothing. */
    struct source *(*source)(struct kobj *object);
    /* The last reference is gone and nobody borrows the object any more: free it. In the thread
     * `epoch`, so it must not wait long. */
    void (*destroy)(struct kobj *object);
};

/* Keys: [c] constant after init, [a] atomic, [t] guarded by lock. */
struct kobj {
    const struct kobj_ops *ops; /* [c] */
    struct cap_node *derived;   /* [t] cap's: first entry that was not made from another one */
    struct cap_node *doomed;    /* [t] cap's: first entry below what was revoked */
    struct epoch_node end;      /* once there are no references */
    struct spinlock lock;       /* RANK_CAP_TREE */
    _Atomic uint32_t refs;      /* [a] */
    bool is_named;              /* [t] cap's: capabilities hold a reference */
};

/* An object that is there from the start, with one reference. */
#define KOBJ_INIT(its_ops)                                                                         \
    {                                                                                              \
        .ops = (its_ops), .lock = SPINLOCK_INIT(RANK_CAP_TREE), .refs = 1                          \
    }

/* Make an object with one reference, the caller's. */
void kobj_init(struct kobj *object, const struct kobj_ops *ops);

/* Take another reference; the caller holds one. Returns `object`. */
struct kobj *kobj_ref(struct kobj *object);

/* Take a reference of a borrowed object; false if its end has begun.
 * Context: the epoch section in which it was found. */
EXO_MUST_CHECK bool kobj_try_ref(struct kobj *object);

/* Give a reference back; the last one ends the object. NULL is a no-op. */
void kobj_unref(struct kobj *object);

#endif /* EXO_SYNC_KOBJ_H */
