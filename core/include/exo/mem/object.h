/*
 * exo/mem/object.h - memory objects: what an area of an address space shows, page by page.
 *
 * An object knows how to fill a page (its pager); areas map it at an offset. Two pagers so far:
 * zeroes, and bytes that lie in memory (a file of the initial RAM file system). Each space copies
 * the pages that it touches; pages shared between spaces come with the page cache, in this same
 * place.
 *
 * Owns:    `create` returns one reference; each area holds one.
 * Locks:   none; the count is atomic. Context: thread; page_in may block.
 */
#ifndef EXO_MEM_OBJECT_H
#define EXO_MEM_OBJECT_H

#include <stdatomic.h>

#include "exo/abi/status.h"
#include "exo/lib/types.h"

struct vm_object;

struct vm_object_ops {
    const char *name;
    bool fault_around; /* neighbours are cheap to bring in along with the page that was touched */
    /* Fill page[PAGE_SIZE] with what the object holds from `offset` (page-aligned) on; zero past
     * its end. Errors: EXO_ERR_IO. */
    exo_status_t (*page_in)(struct vm_object *object, uint64_t offset, uint8_t *page);
    void (*destroy)(struct vm_object *object); /* the last reference is gone; NULL: never freed */
};

struct vm_object {
    const struct vm_object_ops *ops;
    _Atomic uint32_t refs;
};

/* The object of anonymous memory: zero everywhere, without end, one for all. A new reference. */
struct vm_object *vm_object_zero(void);

/* Make an object of bytes that stay valid and constant as long as it lives.
 * Errors: EXO_ERR_NO_MEMORY. */
EXO_MUST_CHECK exo_status_t vm_object_bytes_create(const uint8_t *bytes, size_t len_bytes,
                                                   struct vm_object **out);

struct vm_object *vm_object_ref(struct vm_object *object); /* returns `object` */
void vm_object_unref(struct vm_object *object);            /* NULL is a no-op */

#endif /* EXO_MEM_OBJECT_H */
