/*
 * core/mem/virtual/space.h - layout of an address space, shared by the files of this folder.
 *
 * Functions called x_locked want the space entered (space_enter): by one thread at a time.
 */
#ifndef EXO_MEM_VIRTUAL_SPACE_H
#define EXO_MEM_VIRTUAL_SPACE_H

#include <stdatomic.h>

#include "exo/mem/pt.h"
#include "exo/mem/vm.h"

struct vm_area {
    vaddr_t start, end;       /* page-aligned, start < end */
    uint32_t prot;            /* VM_PROT_* */
    struct vm_object *object; /* owned reference */
    uint64_t offset;          /* of `start` in the object */
};

/* Lives at the start of a frame of its own; the areas start in the rest of that frame.
 * Keys: [c] constant after create, [o] by whoever has entered the space. */
struct vm_space {
    _Atomic bool entered;
    paddr_t root;           /* [c] top-level table */
    struct hal_space *hal;  /* [c] */
    vaddr_t ceiling;        /* [o] chosen addresses lie below */
    vaddr_t brk_start;      /* [o] */
    vaddr_t brk_end;        /* [o] as the program set it, not rounded */
    uint64_t limit_bytes;   /* [o] */
    struct vm_stats stats;  /* [o] */
    struct vm_area *area;   /* [o] sorted by address, never overlapping; stats.areas of them */
    uint32_t capacity;      /* [o] entries that `area` has room for */
    struct vm_area first[]; /* [o] the room of a small space */
};

void space_enter(struct vm_space *space);
void space_leave(struct vm_space *space);

/* True if [addr, addr + len) is page-aligned, not empty and inside the user range; *end is its end,
 * rounded up.  Errors: EXO_ERR_INVALID, EXO_ERR_BAD_ADDRESS. */
EXO_MUST_CHECK exo_status_t range_check(vaddr_t addr, uint64_t len_bytes, vaddr_t *end);

uint32_t prot_to_pt(
    uint32_t prot); /* PT_* flags of a leaf; without PT_USER if nothing is allowed */

/* How many of the bytes from `addr` on the areas allow to access so; at most len_bytes. */
size_t space_allowed(struct vm_space *space, vaddr_t addr, size_t len_bytes, uint32_t access);

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

/* Unmap every page of the range from the tables and free its frame, after the flush. */
void pages_release_locked(struct vm_space *space, vaddr_t start, vaddr_t end);

/* Give every present page of the range the rights of `prot`. */
void pages_protect_locked(struct vm_space *space, vaddr_t start, vaddr_t end, uint32_t prot);

/* Bring in the page at `addr` of `area`, and neighbours where the object likes that. */
EXO_MUST_CHECK exo_status_t pages_fill_locked(struct vm_space *space, const struct vm_area *area,
                                              vaddr_t addr);

/* Free the frames of all pages, without any flush: the platform's half is gone. */
void pages_free_all(struct vm_space *space);

#endif /* EXO_MEM_VIRTUAL_SPACE_H */
