/*
 * exo/cap/lookup.h - the look-up, inline, and the layout of tables that it needs.
 *
 * A number is generation (42 bits, the highest always clear) and place: directory (6), chunk (9),
 * slot (7). A slot's word has the generation, type and rights of the entry in it, type 0 while
 * there is none, and changes its generation when an entry goes: so one comparison of one word says
 * that an entry is alive, of the right type, and carries the rights. Word and object are read like
 * a record under a sequence count: word, object, word again.
 *
 * Memory order: docs/memory-order.md, "Entries of tables".
 */
#ifndef EXO_CAP_LOOKUP_H
#define EXO_CAP_LOOKUP_H

#include <stdatomic.h>

#include "exo/abi/cap.h"
#include "exo/abi/status.h"
#include "exo/lib/assert.h"
#include "exo/lib/nospec.h"
#include "exo/lib/types.h"
#include "exo/sync/kobj.h"
#include "exo/sync/mutex.h"
#include "exo/sync/spinlock.h"

#define CAP_CHUNK_SLOTS 84u  /* what fits into a frame */
#define CAP_DIR_CHUNKS  512u /* the same, of pointers */
#define CAP_SPACE_DIRS  64u
#define CAP_CHUNKS_MAX  (CAP_SPACE_DIRS * CAP_DIR_CHUNKS)
#define CAP_SLOTS_MAX   (CAP_CHUNKS_MAX * CAP_CHUNK_SLOTS) /* entries of one table */

/* Bits of a number; the generation is in the same place in a slot's word. */
#define CAP_CHUNK_SHIFT      7u
#define CAP_DIR_SHIFT        16u
#define CAP_GENERATION_SHIFT 22u
#define CAP_GENERATION_MASK  (UINT64_MAX << CAP_GENERATION_SHIFT)
#define CAP_GENERATION_ONE   ((uint64_t)1 << CAP_GENERATION_SHIFT)

/* Bits of a word below the generation: type (6), rights (16). */
#define CAP_TYPE_SHIFT 16u
#define CAP_TYPE_MASK  ((uint64_t)EXO_TYPE_MAX << CAP_TYPE_SHIFT)

struct cap_quota;
struct cap_space;

/* What a look-up reads. Changes under the locks of the table and, while there is an entry, of its
 * object. */
struct cap_slot {
    _Atomic uint64_t word;
    _Atomic(struct kobj *) object; /* of the present entry, or the last one */
};

/* The rest of an entry. Keys: [t] the lock of its object, [u] of the table, [a] atomic. */
struct cap_node {
    struct cap_node *child; /* [t] first of those derived from it, NULL if none */
    uintptr_t next;         /* [t] core/cap/tree.c; [u] while free, the next free node, 0 if none */
    struct cap_node *prev;  /* [t] */
    _Atomic uint64_t badge; /* [a] constant while the entry lives */
};

/* One frame of entries. */
struct cap_chunk {
    struct cap_space *space; /* [c] */
    uint64_t place;          /* [c] of its first slot, as in a number */
    struct cap_slot slot[CAP_CHUNK_SLOTS] EXO_ALIGNED(CACHE_LINE);
    struct cap_node node[CAP_CHUNK_SLOTS];
};

_Static_assert(sizeof(struct cap_chunk) == PAGE_SIZE, "a chunk is a frame");

struct cap_dir {
    _Atomic(struct cap_chunk *) chunk[CAP_DIR_CHUNKS]; /* set once, in order */
};

_Static_assert(sizeof(struct cap_dir) == PAGE_SIZE, "a directory is a frame");

/* Keys: [c] constant, [a] atomic, set once, in order; [g] guarded by growing, [u] by lock. */
struct cap_space {
    _Atomic(struct cap_dir *) dir[CAP_SPACE_DIRS]; /* [a] */
    struct cap_quota *quota;                       /* [c] */
    struct cap_node *free;                         /* [u] slots without entries */
    uint32_t entries;                              /* [u] */
    uint32_t retired;                              /* [u] */
    uint32_t chunks;                               /* [g] and [u] to write, either to read */
    bool is_dying;                                 /* [u] */
    struct spinlock lock;                          /* RANK_CAP_SPACE */
    _Atomic uint32_t refs;
    struct mutex growing; /* held while a chunk is added */
};

/* The slot that `cap` means, whatever is in it; NULL if there is none. */
static inline struct cap_slot *cap_slot_of(const struct cap_space *space, exo_cap_t cap)
{
    const uint64_t index = cap & ((1u << CAP_CHUNK_SHIFT) - 1);
    /* Acquire, both: what is pointed to was filled before. */
    struct cap_dir *const dir = atomic_load_explicit(
        &space->dir[(cap >> CAP_DIR_SHIFT) & (CAP_SPACE_DIRS - 1)], memory_order_acquire);

    if (EXO_UNLIKELY(dir == NULL)) {
        return NULL;
    }
    struct cap_chunk *const chunk = atomic_load_explicit(
        &dir->chunk[(cap >> CAP_CHUNK_SHIFT) & (CAP_DIR_CHUNKS - 1)], memory_order_acquire);

    if (EXO_UNLIKELY(chunk == NULL) || EXO_UNLIKELY(index >= CAP_CHUNK_SLOTS)) {
        return NULL;
    }
    return &chunk->slot[index_nospec(index, CAP_CHUNK_SLOTS)];
}

/* Why a look-up found nothing: the same question asked step by step.  Errors: those of
 * cap_lookup(), never EXO_OK. */
exo_status_t cap_lookup_failure(const struct cap_space *space, exo_cap_t cap, uint32_t type,
                                exo_rights_t need);

/* Find the object of `cap`, which must be of `type`, not NONE, and carry all rights in `need`.
 * Owns:    *object is borrowed to the end of the epoch section; kobj_try_ref() for longer.
 * Locks:   none.  Context: in an epoch section, any but NMI.
 * Errors:  EXO_ERR_BAD_CAP, EXO_ERR_WRONG_TYPE, EXO_ERR_ACCESS_DENIED, tested in that order. */
EXO_MUST_CHECK static inline exo_status_t cap_lookup(const struct cap_space *space, exo_cap_t cap,
                                                     uint32_t type, exo_rights_t need,
                                                     struct kobj **object)
{
    const uint64_t asked = (uint64_t)type << CAP_TYPE_SHIFT | need;
    struct cap_slot *const slot = cap_slot_of(space, cap);

    KASSERT_DEBUG(type != EXO_TYPE_NONE);
    KASSERT_DEBUG(preempt_count() != 0 || hal_irq_nested());
    if (EXO_LIKELY(slot != NULL)) {
        /* Acquire: the object that belongs to this word, or a later one. */
        const uint64_t word = atomic_load_explicit(&slot->word, memory_order_acquire);

        if (EXO_LIKELY((word & (CAP_GENERATION_MASK | CAP_TYPE_MASK | need)) ==
                       ((cap & CAP_GENERATION_MASK) | asked))) {
            /* Acquire: if it is a later one, the word is seen to have changed. */
            struct kobj *const found = atomic_load_explicit(&slot->object, memory_order_acquire);

            if (EXO_LIKELY(atomic_load_explicit(&slot->word, memory_order_relaxed) == word)) {
                *object = found;
                return EXO_OK;
            }
        }
    }
    const exo_status_t status = cap_lookup_failure(space, cap, type, need);

    if (status == EXO_OK) {
        __builtin_unreachable(); /* so that callers' checks are seen to suffice */
    }
    return status;
}

#endif /* EXO_CAP_LOOKUP_H */
