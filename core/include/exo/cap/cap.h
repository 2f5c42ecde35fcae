/*
 * exo/cap/cap.h - capabilities: tables of entries that name objects, and what is derived from what.
 *
 * A process names objects by entries of its table, a `struct cap_space`. An entry has an object,
 * rights and a badge; none of them changes while it lives, so rights only ever shrink from one
 * entry to the next. The entries of one object form a forest over all tables: what was derived from
 * an entry lies below it, and goes when it is revoked. Closing an entry takes nothing else along:
 * what was below it is then below the one above.
 *
 * Locks:   RANK_CAP_TREE and RANK_CAP_SPACE inside; no object code is called under them.
 * Context: thread, no lock held, may block (growing a table is serialised by a mutex).
 * Spec:    docs/capabilities.md.
 */
#ifndef EXO_CAP_CAP_H
#define EXO_CAP_CAP_H

#include "exo/abi/cap.h"
#include "exo/abi/status.h"
#include "exo/cap/lookup.h"
#include "exo/lib/types.h"
#include "exo/sync/kobj.h"

/* ---- tables ---- */

/* What tables may use; several can share one. Keys: [c] constant after init, [a] atomic. */
struct cap_quota {
    uint64_t entries_max;     /* [c] */
    uint64_t bytes_max;       /* [c] of memory for entries, in whole frames */
    _Atomic uint64_t entries; /* [a] in use */
    _Atomic uint64_t bytes;   /* [a] */
};

void cap_quota_init(struct cap_quota *quota, uint64_t entries_max, uint64_t bytes_max);

/* Make an empty table, charged to `quota`, which must outlive it.
 * Owns:    one reference; cap_space_destroy().  Errors: EXO_ERR_NO_MEMORY. */
EXO_MUST_CHECK exo_status_t cap_space_create(struct cap_quota *quota, struct cap_space **out);

/* Close all entries, let no new ones in, and give the reference of cap_space_create() back. May
 * run while others use the table, each with a reference of their own. */
void cap_space_destroy(struct cap_space *space);

/* Who may call any of these functions while another thread destroys the table needs a reference. */
struct cap_space *cap_space_ref(struct cap_space *space); /* returns `space` */
void cap_space_unref(struct cap_space *space);            /* the last one frees the memory */

/* ---- entries ---- */

/* Give `object` its first entry, or another one that no entry can revoke.
 * Owns:    the caller keeps its reference of `object`.
 * Errors:  EXO_ERR_INVALID (rights that the type does not have), EXO_ERR_DEAD (the table is being
 *          destroyed), EXO_ERR_NO_RESOURCES (quota, CAP_SLOTS_MAX), EXO_ERR_NO_MEMORY. */
EXO_MUST_CHECK exo_status_t cap_insert(struct cap_space *space, struct kobj *object,
                                       exo_rights_t rights, uint64_t badge, exo_cap_t *out);

/* Make an entry beside `cap`, with the same badge and these rights, in the table `dst`, which may
 * be the same. Who can revoke `cap` can revoke it.
 * Errors:  EXO_ERR_BAD_CAP, EXO_ERR_ACCESS_DENIED (more rights than `cap` has, or it lacks
 *          EXO_RIGHT_DUPLICATE, or for another table EXO_RIGHT_SEND), and those of cap_insert()
 *          but INVALID. */
EXO_MUST_CHECK exo_status_t cap_duplicate(struct cap_space *space, exo_cap_t cap,
                                          exo_rights_t rights, struct cap_space *dst,
                                          exo_cap_t *out);

struct cap_grant {
    exo_rights_t rights;
    uint64_t badge; /* 0: that of the entry it is derived from */
};

/* Make an entry below `cap` in the table `dst`, which may be the same. A badge is given once: an
 * entry that has one hands it down.
 * Errors:  as cap_duplicate(), with EXO_RIGHT_DERIVE; EXO_ERR_ACCESS_DENIED also for a badge where
 *          there is one. */
EXO_MUST_CHECK exo_status_t cap_derive(struct cap_space *space, exo_cap_t cap,
                                       const struct cap_grant *grant, struct cap_space *dst,
                                       exo_cap_t *out);

/* Take `cap` out of its table and into `dst`: same rights, badge and place in the tree.
 * Owns:    on failure `cap` is as it was.
 * Errors:  EXO_ERR_BAD_CAP, EXO_ERR_ACCESS_DENIED (no EXO_RIGHT_SEND), those of cap_insert() but
 *          INVALID. */
EXO_MUST_CHECK exo_status_t cap_move(struct cap_space *space, exo_cap_t cap, struct cap_space *dst,
                                     exo_cap_t *out);

/* Close all that was derived from `cap`, in every table. On return none of it can be looked up any
 * more; sections that borrowed through it may still run to their end, and references last. Takes
 * the time that closing them one by one takes, preemptible in between.
 * Errors:  EXO_ERR_BAD_CAP, EXO_ERR_ACCESS_DENIED (no EXO_RIGHT_REVOKE). */
EXO_MUST_CHECK exo_status_t cap_revoke(struct cap_space *space, exo_cap_t cap);

/* Forget `cap`. The object's on_last_cap() may run before return.  Errors: EXO_ERR_BAD_CAP. */
EXO_MUST_CHECK exo_status_t cap_close(struct cap_space *space, exo_cap_t cap);

/* ---- facts ---- */

struct cap_info {
    uint32_t type; /* enum exo_type */
    exo_rights_t rights;
    uint64_t badge;
};

/* Say what `cap` is.  Errors: EXO_ERR_BAD_CAP.  Context: any but NMI, no lock is taken. */
EXO_MUST_CHECK exo_status_t cap_query(const struct cap_space *space, exo_cap_t cap,
                                      struct cap_info *out);

struct cap_space_stats {
    uint32_t entries;       /* in use */
    uint32_t slots;         /* for them, so far */
    uint32_t slots_retired; /* whose generations are used up */
};
void cap_space_stats(struct cap_space *space, struct cap_space_stats *out);

/* Panic unless the forest of `object` is whole; returns its entries, revoked ones that still wait
 * to be closed included. The caller holds a reference.  Context: tests; the time under the lock is
 * proportional to the entries. */
uint64_t cap_check(struct kobj *object);

#endif /* EXO_CAP_CAP_H */
