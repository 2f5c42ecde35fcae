/*
 * core/mem/virtual/fault.c - demand paging, and writing into a space that is not current.
 */
#include "exo/debug/trace.h"
#include "exo/hal.h"
#include "exo/lib/assert.h"
#include "exo/lib/string.h"
#include "exo/mem/vm.h"
#include "space.h"

/* Does the protection allow the access? Anything mapped with some right can be read. */
static bool allows(uint32_t prot, uint32_t access)
{
    if ((access & HAL_ACCESS_WRITE) != 0) {
        return (prot & VM_PROT_WRITE) != 0;
    }
    if ((access & HAL_ACCESS_EXEC) != 0) {
        return (prot & VM_PROT_EXEC) != 0;
    }
    return prot != 0;
}

static exo_status_t fault_locked(struct vm_space *space, vaddr_t addr, uint32_t access)
{
    const struct vm_area *area = area_at(space, addr);

    space_assert_locked(space);
    if (area == NULL) {
        return EXO_ERR_BAD_ADDRESS;
    }
    if (!allows(area->prot, access)) {
        return EXO_ERR_ACCESS_DENIED;
    }
    return pages_fill_locked(space, area, addr);
}

exo_status_t vm_fault(struct vm_space *space, vaddr_t addr, uint32_t access)
{
    exo_status_t status = EXO_ERR_BAD_ADDRESS;

    if (addr < HAL_USER_MIN || addr >= HAL_USER_MAX) {
        return status;
    }
    trace_event(TRACE_FAULT_ENTER, addr, access);
    space_lock(space);
    status = fault_locked(space, addr, access);
    if (status == EXO_OK) {
        space->stats.faults++;
    }
    space_unlock(space);
    trace_event(TRACE_FAULT_EXIT, addr, (uint32_t)status);
    return status;
}

size_t space_allowed_locked(const struct vm_space *space, vaddr_t addr, size_t len_bytes,
                            uint32_t access)
{
    size_t done = 0;

    space_assert_locked(space);
    for (uint32_t i = area_above(space, addr); done < len_bytes && i < space->stats.areas; i++) {
        const struct vm_area *area = &space->area[i];

        if (area->start > addr + done || !allows(area->prot, access)) {
            break;
        }
        done = (size_t)min_u64(area->end - addr, len_bytes);
    }
    return done;
}

/* Give the frame behind `addr`, bringing the page in whatever its protection. */
static exo_status_t frame_locked(struct vm_space *space, vaddr_t addr, paddr_t *out)
{
    struct pt_entry entry;

    space_assert_locked(space);
    if (!pt_lookup(space->root, addr, &entry)) {
        const struct vm_area *area = area_at(space, addr);

        if (area == NULL) {
            return EXO_ERR_BAD_ADDRESS;
        }
        const exo_status_t status = pages_fill_locked(space, area, addr);

        if (status != EXO_OK) {
            return status;
        }
        const bool there = pt_lookup(space->root, addr, &entry);

        KASSERT(there);
    }
    *out = entry.paddr;
    return EXO_OK;
}

static exo_status_t write_locked(struct vm_space *space, vaddr_t addr, const void *src,
                                 size_t len_bytes)
{
    size_t done = 0;

    space_assert_locked(space);
    while (done < len_bytes) {
        const size_t inside = (size_t)((addr + done) & PAGE_MASK);
        const size_t part = (size_t)min_u64(len_bytes - done, PAGE_SIZE - inside);
        paddr_t frame = 0;
        const exo_status_t status = frame_locked(space, addr + done, &frame);

        if (status != EXO_OK) {
            return status;
        }
        uint8_t *to = (uint8_t *)hal_phys_to_virt(frame) + inside;

        if (src != NULL) {
            memcpy(to, (const uint8_t *)src + done, part);
        } else {
            memset(to, 0, part);
        }
        done += part;
    }
    return EXO_OK;
}

exo_status_t vm_write(struct vm_space *space, vaddr_t addr, const void *src, size_t len_bytes)
{
    if (addr < HAL_USER_MIN || addr >= HAL_USER_MAX || len_bytes > HAL_USER_MAX - addr) {
        return EXO_ERR_BAD_ADDRESS;
    }
    space_lock(space);
    const exo_status_t status = write_locked(space, addr, src, len_bytes);

    space_unlock(space);
    return status;
}
