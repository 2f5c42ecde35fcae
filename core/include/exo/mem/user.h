/*
 * exo/mem/user.h - copies between the kernel and a program's memory.
 *
 * A user pointer is any 64-bit number: ranges are checked before anything is touched, absent pages
 * are brought in as if the program had touched them, and what is not allowed gives a status and the
 * address. What was copied in is the kernel's own: check it after the copy, never before.
 *
 * Locks:   the space's lock inside, for up to 64 KiB at a time; no spinlock may be held.
 * Context: a thread that runs in `space`, several at a time; may block.
 * Errors:  all: EXO_ERR_BAD_ADDRESS (outside the user range, not mapped, not permitted),
 *          EXO_ERR_NO_MEMORY. A copy that fails may have copied a part. `fault`, where not NULL,
 *          then has the first address that could not be copied.
 */
#ifndef EXO_MEM_USER_H
#define EXO_MEM_USER_H

#include "exo/mem/vm.h"

EXO_MUST_CHECK exo_status_t user_copy_in(struct vm_space *space, void *dst, vaddr_t uaddr,
                                         size_t len_bytes, vaddr_t *fault);
EXO_MUST_CHECK exo_status_t user_copy_out(struct vm_space *space, vaddr_t uaddr, const void *src,
                                          size_t len_bytes, vaddr_t *fault);

/* Copy a NUL-terminated string into dst[size]; *len is its length without the NUL. Nothing past the
 * NUL is touched but what shares its page.
 * Errors:  also EXO_ERR_NO_RESOURCES (no NUL within `size` bytes). */
EXO_MUST_CHECK exo_status_t user_copy_string(struct vm_space *space, char *dst, size_t size,
                                             vaddr_t uaddr, size_t *len);

/* Is [uaddr, uaddr + len) inside the user range? An empty range is, wherever it lies below its
 * end. */
bool user_range_ok(vaddr_t uaddr, uint64_t len_bytes);

#endif /* EXO_MEM_USER_H */
