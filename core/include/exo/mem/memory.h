/*
 * exo/mem/memory.h - memory objects that capabilities name: a size, and what an area shows of it.
 *
 * Owns:    `create` returns one reference of memory_object(). An area that shows the memory keeps
 *          it, whatever becomes of the capabilities: these say who may map it, once.
 * Context: thread, may block.
 */
#ifndef EXO_MEM_MEMORY_H
#define EXO_MEM_MEMORY_H

#include "exo/abi/status.h"
#include "exo/mem/object.h"
#include "exo/sync/kobj.h"

struct memory; /* opaque; layout private to core/mem/virtual */

#define MEMORY_RIGHTS                                                                              \
    (EXO_RIGHTS_COMMON | EXO_RIGHT_MEMORY_READ | EXO_RIGHT_MEMORY_WRITE | EXO_RIGHT_MEMORY_EXEC)

/* Make memory of zeroes that spaces can share.  Errors: those of vm_object_shared_create(). */
EXO_MUST_CHECK exo_status_t memory_create(uint64_t size_bytes, struct memory **out);

/* The same of bytes that are always there and never change: areas show copies.
 * Errors: EXO_ERR_NO_MEMORY. */
EXO_MUST_CHECK exo_status_t memory_of_bytes(const uint8_t *bytes, size_t len_bytes,
                                            struct memory **out);

/* The object for capabilities and references; and back, of an object of EXO_TYPE_MEMORY. */
struct kobj *memory_object(struct memory *memory);
struct memory *memory_of(struct kobj *object);

uint64_t memory_size(const struct memory *memory);           /* bytes */
struct vm_object *memory_pages(const struct memory *memory); /* borrowed */

#endif /* EXO_MEM_MEMORY_H */
