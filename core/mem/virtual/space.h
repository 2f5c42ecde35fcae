/*
 * core/mem/virtual/space.h - layout of an address space, shared by the files of this folder.
 *
 * Functions called x_locked want the space's lock held; those without the suffix that take a const
 * space want it too, but for vm_* ones.
 */
#ifndef EXO_MEM_VIRTUAL_SPACE_H
#define EXO_MEM_VIRTUAL_SPACE_H

#include "exo/lib/assert.h"
#include "exo/mem/pt.h"
#include "exo/mem/vm.h"
#include "exo/sync/mutex.h"

struct vm_area {
    vaddr_t start, end;       /* page-aligned, start < end */
    uint8_t prot;             /* VM_PROT_* */
    uint8_t never;            /* VM_PROT_* that it must not get */
    bool is_shared;           /* shows the object's frames, not copies */
    struct vm_object *object; /* owned reference */
    uint64_t offset;          /* of `start` in the object */
};

/* Lives at the start of a frame of its own; the areas start in the rest of that frame.
 * Keys: [c] constant after create, [l] guarded by `lock`. */
struct vm_space {
    struct mutex lock;      /* held across page_in, flushes and copies to and from user memory */
    paddr_t root;           /* [c] top-level table; the tables below are [l] */
    struct hal_space *hal;  /* [c] */
    vaddr_t ceiling;        /* [l] chosen addresses lie below */
    vaddr_t brk_start;      /* [l] */
    vaddr_t brk_end;        /* [l] as the program set it, not rounded */
    uint64_t limit_bytes;   /* [l] */
    struct vm_stats stats;  /* [l] */
    struct vm_area *area;   /* [l] sorted by address, never overlapping; stats.areas of them */
    uint32_t capacity;      /* [l] entries that `area` has room for */
    struct vm_area first[]; /* [l] the room of a small space */
};

static inline void space_lock(struct vm_space *space)
{
    mutex_lock(&space->lock);
}

static inline void space_unlock(struct vm_space *space)
{
    mutex_unlock(&space->lock);
}

static inline void space_assert_locked(const struct vm_space *space)
{
    KASSERT_DEBUG(mutex_is_mine(&space->lock));
}

/* True if [addr, addr + len) is page-aligned, not empty and inside the user range; *end is its end,
 * rounded up.  Errors: EXO_ERR_INVALID, EXO_ERR_BAD_ADDRESS. */
EXO_MUST_CHECK exo_status_t range_check(vaddr_t addr, uint64_t len_bytes, vaddr_t *end);

uint32_t prot_to_pt(
    uint32_t prot); /* PT_* flags of a leaf; without PT_USER if nothing is allowed */

/* How many of the bytes from `addr` on the areas allow to access so; at most len_bytes. */
size_t space_allowed_locked(const struct vm_space *space, vaddr_t addr, size_t len_bytes,
                            uint32_t access);

/* ---- area.c: the sorted array ---- */

/* Index of the first area that ends above `addr`; stats.areas if there is none. */
uint32_t area_above(const struct vm_space *space, vaddr_t addr);

/* The area that holds `addr`, or NULL. */
struct vm_area *area_at(const struct vm_space *space, vaddr_t addr);

/* Make room for `extra` more areas.  Errors: EXO_ERR_NO_RESOURCES, EXO_ERR_NO_MEMORY. */
EXO_MUST_CHECK exo_status_t area_reserve_locked(struct vm_space *space, uint32_t extra);

/* How many splits it takes to cut [start, end) free of what it shares areas with: 0 to 2. */
uint32_t area_splits(const struct vm_space *space, vaddr_t start, vaddr_t end);

/* Split at both ends, so that the areas [*first, *first + *count) are exactly those inside the
 * range. The room for area_splits() must have been reserved. */
void area_cut_locked(struct vm_space *space, vaddr_t start, vaddr_t end, uint32_t *first,
                     uint32_t *count);

/* Insert `area`, whose reference is consumed; the room must have been reserved. Returns its
 * index. */
uint32_t area_insert_locked(struct vm_space *space, const struct vm_area *area);

/* Drop `count` areas from `first` on, with their references. */
void area_remove_locked(struct vm_space *space, uint32_t first, uint32_t count);

/* Merge equal neighbours among the areas [first - 1, first + count]. */
void area_merge_locked(struct vm_space *space, uint32_t first, uint32_t count);

/* Highest gap of `len_bytes` below `ceiling`: its start, or 0 if there is none. */
vaddr_t area_gap_below(const struct vm_space *space, uint64_t len_bytes, vaddr_t ceiling);

/* Give the frames of the array back, when it outgrew the space's own. */
void area_fini(struct vm_space *space);

/* ---- pages.c: frames and table entries of ranges ---- */

/* Unmap every page of the area from the tables and free its frame, after the flush; those of a
 * shared area are the object's and stay. */
void pages_release_locked(struct vm_space *space, const struct vm_area *area);

/* Give every present page of the range the rights of `prot`. */
void pages_protect_locked(struct vm_space *space, vaddr_t start, vaddr_t end, uint32_t prot);

/* Bring in the page at `addr` of `area`, and neighbours where the object likes that. */
EXO_MUST_CHECK exo_status_t pages_fill_locked(struct vm_space *space, const struct vm_area *area,
                                              vaddr_t addr);

/* The same for all areas, without any flush: the platform's half is gone. */
void pages_free_all(struct vm_space *space);

#endif /* EXO_MEM_VIRTUAL_SPACE_H */
