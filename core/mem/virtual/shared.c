/*
 * core/mem/virtual/shared.c - memory that spaces share: zeroes that are written to.
 *
 * Invariants:
 *   (1) a page has one frame, from the first time that it is asked for to the object's end;
 *   (2) a frame is zeroed before it can be found: released with its entry, acquired by who looks.
 */
#include "exo/hal.h"
#include "exo/lib/string.h"
#include "exo/mem/heap.h"
#include "exo/mem/object.h"
#include "exo/mem/phys.h"
#include "exo/sync/mutex.h"

/* Keys: [c] constant after create, [a] atomic. */
struct shared {
    struct vm_object object;
    struct mutex lock;       /* held while a page gets its frame */
    uint64_t pages;          /* [c] */
    _Atomic paddr_t frame[]; /* [a] of each page; 0: none yet. Set once, under the lock */
};

static struct shared *shared_of(struct vm_object *object)
{
    return container_of(object, struct shared, object);
}

static exo_status_t frame_make(struct shared *shared, uint64_t page, paddr_t *out)
{
    _Atomic paddr_t *const place = &shared->frame[page];
    exo_status_t status = EXO_OK;

    mutex_lock(&shared->lock);
    paddr_t frame = atomic_load_explicit(place, memory_order_relaxed);

    if (frame == 0) {
        status = phys_alloc_zeroed(&frame);
        if (status == EXO_OK) {
            atomic_store_explicit(place, frame, memory_order_release); /* (2) */
        }
    }
    mutex_unlock(&shared->lock);
    *out = frame;
    return status;
}

static exo_status_t shared_frame(struct vm_object *object, uint64_t offset, paddr_t *out)
{
    struct shared *const shared = shared_of(object);
    const uint64_t page = offset / PAGE_SIZE;

    if (page >= shared->pages) {
        return EXO_ERR_BAD_ADDRESS;
    }
    *out = atomic_load_explicit(&shared->frame[page], memory_order_acquire); /* (2) */
    return *out != 0 ? EXO_OK : frame_make(shared, page, out);
}

/* For a private area: a copy of what is there now. */
static exo_status_t shared_page_in(struct vm_object *object, uint64_t offset, uint8_t *page)
{
    struct shared *const shared = shared_of(object);
    const uint64_t number = offset / PAGE_SIZE;
    const paddr_t frame = number < shared->pages
                              ? atomic_load_explicit(&shared->frame[number], memory_order_acquire)
                              : 0;

    if (frame != 0) {
        memcpy(page, hal_phys_to_virt(frame), PAGE_SIZE);
    } else {
        memset(page, 0, PAGE_SIZE);
    }
    return EXO_OK;
}

static void shared_destroy(struct vm_object *object)
{
    struct shared *const shared = shared_of(object);

    for (uint64_t i = 0; i < shared->pages; i++) {
        const paddr_t frame = atomic_load_explicit(&shared->frame[i], memory_order_relaxed);

        if (frame != 0) {
            phys_free(frame, 1);
        }
    }
    mutex_fini(&shared->lock);
    heap_free(shared);
}

static const struct vm_object_ops g_shared_ops = {
    .name = "shared", .page_in = shared_page_in, .frame = shared_frame, .destroy = shared_destroy
};

exo_status_t vm_object_shared_create(uint64_t size_bytes, struct vm_object **out)
{
    if (size_bytes == 0 || size_bytes > VM_SHARED_MAX) {
        return EXO_ERR_INVALID;
    }
    const uint64_t pages = align_up(size_bytes, PAGE_SIZE) / PAGE_SIZE;
    struct shared *const shared =
        heap_alloc_zeroed(sizeof(*shared) + pages * sizeof(shared->frame[0]));

    if (shared == NULL) {
        return EXO_ERR_NO_MEMORY;
    }
    shared->object.ops = &g_shared_ops;
    atomic_init(&shared->object.refs, 1);
    mutex_init(&shared->lock);
    shared->pages = pages;
    *out = &shared->object;
    return EXO_OK;
}
