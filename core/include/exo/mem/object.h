/*
 * exo/mem/object.h - memory objects: what an area of an address space shows, page by page.
 *
 * An object knows how to fill a page (its pager); areas map it at an offset. A private area copies
 * the pages that it touches; a shared one shows the object's own frames, which only some objects
 * have. There are zeroes, bytes that lie in memory (a file of the initial RAM file system), and
 * memory that spaces share.
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
    /* Find the object's own frame that holds `offset` (page-aligned), the same for all who ask; it
     * stays as long as the object. NULL: it has none of its own.
     * Errors: EXO_ERR_BAD_ADDRESS (past its end), EXO_ERR_NO_MEMORY. */
    exo_status_t (*frame)(struct vm_object *object, uint64_t offset, paddr_t *out);
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

#define VM_SHARED_MAX (1ull << 30) /* bytes of one shared object */

/* Make an object of zeroes that spaces can share, whole pages; a page takes memory once it is
 * touched.  Errors: EXO_ERR_INVALID (0 or more than VM_SHARED_MAX bytes), EXO_ERR_NO_MEMORY. */
EXO_MUST_CHECK exo_status_t vm_object_shared_create(uint64_t size_bytes, struct vm_object **out);

struct vm_object *vm_object_ref(struct vm_object *object); /* returns `object` */
void vm_object_unref(struct vm_object *object);            /* NULL is a no-op */

#endif /* EXO_MEM_OBJECT_H */
