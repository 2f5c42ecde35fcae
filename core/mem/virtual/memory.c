/*
 * core/mem/virtual/memory.c - memory objects as capabilities name them.
 */
#include "exo/mem/memory.h"

#include "exo/mem/heap.h"

struct memory {
    struct kobj object;
    struct vm_object *pages; /* [c] owned */
    uint64_t size_bytes;     /* [c] */
};

static void memory_destroy(struct kobj *object)
{
    struct memory *const memory = memory_of(object);

    vm_object_unref(memory->pages);
    heap_free_sized(memory, sizeof(*memory));
}

static const struct kobj_ops g_memory_ops = {
    .name = "memory", .type = EXO_TYPE_MEMORY, .rights = MEMORY_RIGHTS, .destroy = memory_destroy
};

/* Takes the reference of `pages` over, on failure too. */
static exo_status_t wrap(struct vm_object *pages, uint64_t size_bytes, struct memory **out)
{
    struct memory *const memory = heap_alloc(sizeof(*memory));

    if (memory == NULL) {
        vm_object_unref(pages);
        return EXO_ERR_NO_MEMORY;
    }
    kobj_init(&memory->object, &g_memory_ops);
    memory->pages = pages;
    memory->size_bytes = size_bytes;
    *out = memory;
    return EXO_OK;
}

exo_status_t memory_create(uint64_t size_bytes, struct memory **out)
{
    struct vm_object *pages = NULL;
    const exo_status_t status = vm_object_shared_create(size_bytes, &pages);

    return status == EXO_OK ? wrap(pages, size_bytes, out) : status;
}

exo_status_t memory_of_bytes(const uint8_t *bytes, size_t len_bytes, struct memory **out)
{
    struct vm_object *pages = NULL;
    const exo_status_t status = vm_object_bytes_create(bytes, len_bytes, &pages);

    return status == EXO_OK ? wrap(pages, len_bytes, out) : status;
}

struct kobj *memory_object(struct memory *memory)
{
    return &memory->object;
}

struct memory *memory_of(struct kobj *object)
{
    return container_of(object, struct memory, object);
}

uint64_t memory_size(const struct memory *memory)
{
    return memory->size_bytes;
}

struct vm_object *memory_pages(const struct memory *memory)
{
    return memory->pages;
}
