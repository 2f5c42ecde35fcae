/*
 * exo/mem/vm.h - address spaces: sorted areas over memory objects, filled on demand.
 *
 * An area is a run of pages with one protection that shows one object from one offset on. In a
 * private area every page that is touched gets a frame of its own, owned by the space and given
 * back by unmap or destroy; a shared area shows the object's frames.
 *
 * Locks:   each call but vm_space_create() and vm_space_hal() takes the space's own lock, a mutex:
 *          any number of threads may use one space at a time; between two calls others may change
 *          it. The lock is held while an object's page_in runs, which must not use a space itself.
 * Context: thread, may block, no spinlock held.
 * Spec:    design.md section 11 (user range, one memory object, page tables).
 */
#ifndef EXO_MEM_VM_H
#define EXO_MEM_VM_H

#include "exo/abi/status.h"
#include "exo/hal/user.h"
#include "exo/lib/types.h"
#include "exo/mem/object.h"

struct vm_space; /* opaque; layout private to core/mem/virtual */

#define VM_PROT_READ  1u /* write and execute imply it, as x86_64 has it */
#define VM_PROT_WRITE 2u
#define VM_PROT_EXEC  4u
#define VM_PROT_ALL   7u

#define VM_AREAS_MAX    65530u      /* areas of one space, Linux's default too */
#define VM_FAULT_AROUND 32u         /* pages brought in at once where the object says it is cheap */
#define VM_STACK_GAP    0x100000ull /* bytes kept free below the ceiling of chosen addresses */

/* Make an empty space.  Errors: EXO_ERR_NO_MEMORY, EXO_ERR_NO_RESOURCES (platform limits). */
EXO_MUST_CHECK exo_status_t vm_space_create(struct vm_space **out);

/* Give back every frame, table and object. No user context of it may exist any more, and nobody
 * else may be in a call on it: that panics where it is seen. NULL is a no-op. */
void vm_space_destroy(struct vm_space *space);

struct hal_space *vm_space_hal(struct vm_space *space);

#define VM_MAP_FIXED     1u /* exactly at `addr`; what was there is unmapped */
#define VM_MAP_NOREPLACE 2u /* with FIXED: EXO_ERR_EXISTS if anything is there */
#define VM_MAP_SHARED    4u /* the object's own frames; it must have a `frame` */

struct vm_map_spec {
    vaddr_t addr;             /* page-aligned; without FIXED a wish, 0 for none */
    uint64_t len_bytes;       /* > 0, rounded up to pages */
    uint32_t prot;            /* VM_PROT_* */
    uint32_t never;           /* VM_PROT_* that vm_protect() must not give later; none of `prot` */
    uint32_t flags;           /* VM_MAP_* */
    struct vm_object *object; /* borrowed; each area takes its own reference */
    uint64_t offset;          /* page-aligned, into the object */
};

/* Map an object. Chosen addresses go downwards from the ceiling (vm_ceiling_set).
 * Owns:    on failure nothing has changed.
 * Errors:  EXO_ERR_INVALID (empty, unaligned, bad prot or flags, an object that cannot be
 *          shared), EXO_ERR_BAD_ADDRESS (outside the user range), EXO_ERR_EXISTS, EXO_ERR_NO_MEMORY
 *          (no room, or no frame), EXO_ERR_NO_RESOURCES (areas, byte limit). */
EXO_MUST_CHECK exo_status_t vm_map(struct vm_space *space, const struct vm_map_spec *spec,
                                   vaddr_t *out);

/* Remove whatever lies in the range; holes are passed over. Objects and frames go at once.
 * Errors:  EXO_ERR_INVALID (empty, unaligned), EXO_ERR_BAD_ADDRESS, EXO_ERR_NO_RESOURCES (a split
 *          would exceed VM_AREAS_MAX), EXO_ERR_NO_MEMORY; nothing has changed then. */
EXO_MUST_CHECK exo_status_t vm_unmap(struct vm_space *space, vaddr_t addr, uint64_t len_bytes);

/* Change the protection of a range.
 * Errors:  as vm_unmap; EXO_ERR_ACCESS_DENIED (an area must never have it: nothing has changed);
 *          EXO_ERR_NOT_FOUND if a page of the range is not mapped: as on Linux, what
 *          lies below the first hole has changed. */
EXO_MUST_CHECK exo_status_t vm_protect(struct vm_space *space, vaddr_t addr, uint64_t len_bytes,
                                       uint32_t prot);

/* Set where chosen addresses end: below `ceiling` (the lowest stack address), less VM_STACK_GAP. */
void vm_ceiling_set(struct vm_space *space, vaddr_t ceiling);

/* Limit the bytes of all areas together (default: the whole user range). */
void vm_limit_set(struct vm_space *space, uint64_t limit_bytes);

/* The break area: empty at `start` (rounded up to a page). vm_brk() moves its end and returns the
 * end as it then is: unchanged if `end` is below the start, meets another area, or there is no
 * memory. */
void vm_brk_init(struct vm_space *space, vaddr_t start);
vaddr_t vm_brk(struct vm_space *space, vaddr_t end);

/* Bring in the page at `addr` for an access of `access` (HAL_ACCESS_*).
 * Errors:  EXO_ERR_BAD_ADDRESS (no area there), EXO_ERR_ACCESS_DENIED (its protection forbids it),
 *          EXO_ERR_NO_MEMORY, EXO_ERR_IO (the object), EXO_ERR_DEAD (the platform's half). */
EXO_MUST_CHECK exo_status_t vm_fault(struct vm_space *space, vaddr_t addr, uint32_t access);

/* Write bytes whatever the protection, without the space being current: loading an image, building
 * the first stack. A NULL `src` writes zeroes.  Errors: as vm_fault, but for the protection. */
EXO_MUST_CHECK exo_status_t vm_write(struct vm_space *space, vaddr_t addr, const void *src,
                                     size_t len_bytes);

struct vm_stats {
    uint32_t areas;
    uint64_t bytes_mapped;   /* of all areas */
    uint64_t pages_resident; /* pages that are there, shared ones too */
    uint64_t faults;         /* vm_fault() calls that succeeded */
    uint64_t pages_filled;   /* pages brought in since create */
};
void vm_stats(struct vm_space *space, struct vm_stats *out);

struct vm_area_info {
    vaddr_t start, end;
    uint32_t prot;
    uint64_t offset;
    const struct vm_object *object; /* borrowed: compare only */
};

/* Describe the first area that ends above `addr`; false if there is none. To see all of them, begin
 * at 0 and go on from each one's end: none is seen twice, whatever others map meanwhile. */
bool vm_area_next(struct vm_space *space, vaddr_t addr, struct vm_area_info *out);

/* Panic unless areas, accounting and tables agree (tests, KASSERT_SLOW). */
void vm_check(struct vm_space *space);

#endif /* EXO_MEM_VM_H */
