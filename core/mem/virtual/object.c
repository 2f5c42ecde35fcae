/*
 * core/mem/virtual/object.c - reference counts of memory objects and the first two pagers.
 *
 * Invariants:
 *   (1) refs counts the owners of `create` results and the areas that map the object;
 *   (2) the zero object starts with a reference of its own, so its count never reaches 0.
 */
#include "exo/mem/object.h"

#include "exo/hal.h"
#include "exo/lib/assert.h"
#include "exo/lib/string.h"
#include "exo/mem/phys.h"

static exo_status_t zero_page_in(struct vm_object *object, uint64_t offset, uint8_t *page)
{
    (void)object;
    (void)offset;
    memset(page, 0, PAGE_SIZE);
    return EXO_OK;
}

static const struct vm_object_ops g_zero_ops = { .name = "zero", .page_in = zero_page_in };
static struct vm_object g_zero = { .ops = &g_zero_ops, .refs = 1 };

/* Lives at the start of a frame of its own. */
struct bytes_object {
    struct vm_object object;
    const uint8_t *bytes; /* [c] borrowed */
    size_t len_bytes;     /* [c] */
};

static exo_status_t bytes_page_in(struct vm_object *object, uint64_t offset, uint8_t *page)
{
    const struct bytes_object *self = container_of(object, struct bytes_object, object);
    size_t len = 0;

    if (offset < self->len_bytes) {
        len = (size_t)min_u64(self->len_bytes - offset, PAGE_SIZE);
        memcpy(page, self->bytes + offset, len);
    }
    memset(page + len, 0, PAGE_SIZE - len);
    return EXO_OK;
}

static void bytes_destroy(struct vm_object *object)
{
    phys_free(hal_virt_to_phys(container_of(object, struct bytes_object, object)), 1);
}

static const struct vm_object_ops g_bytes_ops = {
    .name = "bytes", .fault_around = true, .page_in = bytes_page_in, .destroy = bytes_destroy
};

struct vm_object *vm_object_zero(void)
{
    return vm_object_ref(&g_zero);
}

exo_status_t vm_object_bytes_create(const uint8_t *bytes, size_t len_bytes, struct vm_object **out)
{
    paddr_t frame = 0;
    const exo_status_t status = phys_alloc_zeroed(&frame);

    if (status != EXO_OK) {
        return status;
    }
    struct bytes_object *self = hal_phys_to_virt(frame);

    self->object.ops = &g_bytes_ops;
    atomic_init(&self->object.refs, 1);
    self->bytes = bytes;
    self->len_bytes = len_bytes;
    *out = &self->object;
    return EXO_OK;
}

struct vm_object *vm_object_ref(struct vm_object *object)
{
    const uint32_t before = atomic_fetch_add_explicit(&object->refs, 1, memory_order_relaxed);

    KASSERT(before != 0); /* a dead object cannot be revived */
    return object;
}

void vm_object_unref(struct vm_object *object)
{
    if (object == NULL) {
        return;
    }
    /* Release our uses to whoever frees; acquire those of the others before freeing. */
    const uint32_t before = atomic_fetch_sub_explicit(&object->refs, 1, memory_order_acq_rel);

    KASSERT(before != 0);
    if (before == 1) {
        KASSERT(object->ops->destroy != NULL);
        object->ops->destroy(object);
    }
}
