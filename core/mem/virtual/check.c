/*
 * core/mem/virtual/check.c - walk an address space and panic where its parts disagree.
 */
#include "exo/hal.h"
#include "exo/lib/assert.h"
#include "exo/mem/vm.h"
#include "space.h"

static void check_areas(const struct vm_space *space)
{
    vaddr_t last_end = HAL_USER_MIN;
    uint64_t bytes = 0;

    KASSERT(space->stats.areas <= space->capacity);
    for (uint32_t i = 0; i < space->stats.areas; i++) {
        const struct vm_area *area = &space->area[i];

        KASSERT(area->start >= last_end);
        KASSERT(area->end > area->start);
        KASSERT(area->end <= HAL_USER_MAX);
        KASSERT(((area->start | area->end | area->offset) & PAGE_MASK) == 0);
        KASSERT((area->prot & ~VM_PROT_ALL) == 0);
        KASSERT((area->prot & area->never) == 0);
        KASSERT(atomic_load_explicit(&area->object->refs, memory_order_relaxed) > 0);
        last_end = area->end;
        bytes += area->end - area->start;
    }
    KASSERT(bytes == space->stats.bytes_mapped);
}

static void check_pages(const struct vm_space *space)
{
    uint64_t pages = 0;
    vaddr_t page = 0;
    struct pt_entry entry;

    while (pt_next(space->root, page, HAL_USER_MAX, &page, &entry)) {
        const struct vm_area *area = area_at(space, page);

        KASSERT(area != NULL); /* no page outlives its area */
        KASSERT(entry.flags == prot_to_pt(area->prot));
        pages++;
        page += PAGE_SIZE;
    }
    KASSERT(pages == space->stats.pages_resident);
}

void vm_check(struct vm_space *space)
{
    space_lock(space);
    check_areas(space);
    check_pages(space);
    space_unlock(space);
}
