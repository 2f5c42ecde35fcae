/*
 * core/mem/virtual/space.c - address spaces: map, unmap, protect, break, create and destroy.
 *
 * Each public function takes the space's lock, checks everything, reserves what may fail, and then
 * changes it by steps that cannot fail. The lock may sleep: it is held across flushes and reads of
 * an object's pages.
 *
 * Invariants: those of area.c and pages.c, and
 *   (1) brk_start <= brk_end; the pages between, rounded up, are mapped from the break calls alone
 *       as long as the program does not map over them itself.
 */
#include "exo/mem/vm.h"

#include "exo/hal.h"
#include "exo/lib/assert.h"
#include "exo/lib/string.h"
#include "exo/mem/phys.h"
#include "space.h"

#define FIRST_AREAS ((uint32_t)((PAGE_SIZE - sizeof(struct vm_space)) / sizeof(struct vm_area)))

_Static_assert(sizeof(struct vm_space) + 32 * sizeof(struct vm_area) <= 4096,
               "a small process needs one frame for its space");

uint32_t prot_to_pt(uint32_t prot)
{
    uint32_t flags = PT_READ;

    flags |= prot != 0 ? PT_USER : 0;
    flags |= (prot & VM_PROT_WRITE) != 0 ? PT_WRITE : 0;
    flags |= (prot & VM_PROT_EXEC) != 0 ? PT_EXEC : 0;
    return flags;
}

exo_status_t range_check(vaddr_t addr, uint64_t len_bytes, vaddr_t *end)
{
    if ((addr & PAGE_MASK) != 0 || len_bytes == 0) {
        return EXO_ERR_INVALID;
    }
    if (addr < HAL_USER_MIN || addr >= HAL_USER_MAX || len_bytes > HAL_USER_MAX - addr) {
        return EXO_ERR_BAD_ADDRESS;
    }
    *end = addr + align_up(len_bytes, PAGE_SIZE);
    return EXO_OK;
}

exo_status_t vm_space_create(struct vm_space **out)
{
    paddr_t frame = 0;
    exo_status_t status = phys_alloc_zeroed(&frame);

    if (status != EXO_OK) {
        return status;
    }
    struct vm_space *space = hal_phys_to_virt(frame);

    mutex_init(&space->lock);
    space->area = space->first;
    space->capacity = FIRST_AREAS;
    space->ceiling = HAL_USER_MAX;
    space->brk_start = HAL_USER_MIN;
    space->brk_end = HAL_USER_MIN;
    space->limit_bytes = HAL_USER_MAX;
    status = pt_create(&space->root);
    if (status != EXO_OK) {
        goto fail_free;
    }
    status = hal_space_create(space->root, &space->hal);
    if (status != EXO_OK) {
        goto fail_root;
    }
    *out = space;
    return EXO_OK;

fail_root:
    pt_destroy(space->root, HAL_USER_MAX);
    phys_free(space->root, 1);
fail_free:
    phys_free(frame, 1);
    return status;
}

void vm_space_destroy(struct vm_space *space)
{
    if (space == NULL) {
        return;
    }
    space_lock(space);
    hal_space_destroy(space->hal);
    pages_free_all(space);
    area_remove_locked(space, 0, space->stats.areas);
    pt_destroy(space->root, HAL_USER_MAX);
    phys_free(space->root, 1);
    KASSERT(space->stats.bytes_mapped == 0);
    area_fini(space);
    space_unlock(space);
    mutex_fini(&space->lock); /* panics if somebody waits: nobody may use the space any more */
    phys_free(hal_virt_to_phys(space), 1);
}

struct hal_space *vm_space_hal(struct vm_space *space)
{
    return space->hal;
}

void vm_ceiling_set(struct vm_space *space, vaddr_t ceiling)
{
    space_lock(space);
    KASSERT(ceiling > HAL_USER_MIN + VM_STACK_GAP && ceiling <= HAL_USER_MAX);
    space->ceiling = align_down(ceiling - VM_STACK_GAP, PAGE_SIZE);
    space_unlock(space);
}

void vm_limit_set(struct vm_space *space, uint64_t limit_bytes)
{
    space_lock(space);
    space->limit_bytes = limit_bytes;
    space_unlock(space);
}

/* Remove what lies in the range; the room for the splits must have been reserved. */
static void clear_locked(struct vm_space *space, vaddr_t start, vaddr_t end)
{
    uint32_t first = 0;
    uint32_t count = 0;

    space_assert_locked(space);
    area_cut_locked(space, start, end, &first, &count);
    for (uint32_t i = first; i < first + count; i++) {
        pages_release_locked(space, &space->area[i]);
    }
    area_remove_locked(space, first, count);
}

/* Bytes of the range that areas hold already. */
static uint64_t bytes_inside(const struct vm_space *space, vaddr_t start, vaddr_t end)
{
    uint64_t bytes = 0;

    for (uint32_t i = area_above(space, start);
         i < space->stats.areas && space->area[i].start < end; i++) {
        bytes += min_u64(space->area[i].end, end) - max_u64(space->area[i].start, start);
    }
    return bytes;
}

static exo_status_t spec_check(const struct vm_map_spec *spec)
{
    if (spec->len_bytes == 0 || (spec->prot & ~VM_PROT_ALL) != 0 ||
        (spec->never & ~VM_PROT_ALL) != 0 || (spec->never & spec->prot) != 0 ||
        (spec->flags & ~(VM_MAP_FIXED | VM_MAP_NOREPLACE | VM_MAP_SHARED)) != 0 ||
        spec->object == NULL ||
        ((spec->flags & VM_MAP_SHARED) != 0 && spec->object->ops->frame == NULL) ||
        ((spec->addr | spec->offset) & PAGE_MASK) != 0 ||
        spec->offset + align_up(spec->len_bytes, PAGE_SIZE) < spec->offset) {
        return EXO_ERR_INVALID;
    }
    return spec->len_bytes > HAL_USER_MAX ? EXO_ERR_NO_MEMORY : EXO_OK;
}

/* Decide where the mapping goes; nothing changes. */
static exo_status_t place_locked(const struct vm_space *space, const struct vm_map_spec *spec,
                                 vaddr_t *start, vaddr_t *end)
{
    const uint64_t len = align_up(spec->len_bytes, PAGE_SIZE);

    if ((spec->flags & VM_MAP_FIXED) != 0) {
        const exo_status_t status = range_check(spec->addr, len, end);

        if (status != EXO_OK) {
            return status;
        }
        *start = spec->addr;
        if ((spec->flags & VM_MAP_NOREPLACE) != 0 && bytes_inside(space, *start, *end) > 0) {
            return EXO_ERR_EXISTS;
        }
        return EXO_OK;
    }
    *start = spec->addr;
    if (spec->addr == 0 || range_check(spec->addr, len, end) != EXO_OK ||
        bytes_inside(space, *start, *end) > 0) {
        *start = area_gap_below(space, len, space->ceiling);
        *end = *start + len;
    }
    return *start == 0 ? EXO_ERR_NO_MEMORY : EXO_OK;
}

static exo_status_t map_locked(struct vm_space *space, const struct vm_map_spec *spec, vaddr_t *out)
{
    struct vm_area area = { .prot = (uint8_t)spec->prot,
                            .never = (uint8_t)spec->never,
                            .is_shared = (spec->flags & VM_MAP_SHARED) != 0,
                            .offset = spec->offset };
    exo_status_t status = place_locked(space, spec, &area.start, &area.end);

    space_assert_locked(space);
    if (status != EXO_OK) {
        return status;
    }
    const uint64_t replaced = bytes_inside(space, area.start, area.end);
    const uint64_t bytes = space->stats.bytes_mapped - replaced + (area.end - area.start);
    const uint32_t splits = area_splits(space, area.start, area.end);

    if (bytes > space->limit_bytes || space->stats.areas + splits + 1 > VM_AREAS_MAX) {
        return EXO_ERR_NO_RESOURCES;
    }
    status = area_reserve_locked(space, splits + 1);
    if (status != EXO_OK) {
        return status;
    }
    clear_locked(space, area.start, area.end);
    area.object = vm_object_ref(spec->object);
    *out = area.start;
    area_merge_locked(space, area_insert_locked(space, &area), 1);
    return EXO_OK;
}

exo_status_t vm_map(struct vm_space *space, const struct vm_map_spec *spec, vaddr_t *out)
{
    exo_status_t status = spec_check(spec);

    if (status != EXO_OK) {
        return status;
    }
    space_lock(space);
    status = map_locked(space, spec, out);
    space_unlock(space);
    return status;
}

static exo_status_t unmap_locked(struct vm_space *space, vaddr_t start, vaddr_t end)
{
    const uint32_t splits = area_splits(space, start, end);

    space_assert_locked(space);
    if (splits > 0) {
        const bool grows = splits == 2 && area_at(space, start) == area_at(space, end);

        if (grows && space->stats.areas >= VM_AREAS_MAX) {
            return EXO_ERR_NO_RESOURCES;
        }
        const exo_status_t status = area_reserve_locked(space, splits);

        if (status != EXO_OK) {
            return status;
        }
    }
    clear_locked(space, start, end);
    return EXO_OK;
}

exo_status_t vm_unmap(struct vm_space *space, vaddr_t addr, uint64_t len_bytes)
{
    vaddr_t end = 0;
    exo_status_t status = range_check(addr, len_bytes, &end);

    if (status != EXO_OK) {
        return status;
    }
    space_lock(space);
    status = unmap_locked(space, addr, end);
    space_unlock(space);
    return status;
}

/* First address of the range that no area holds, or its end. */
static vaddr_t first_hole(const struct vm_space *space, vaddr_t start, vaddr_t end)
{
    vaddr_t at = start;

    for (uint32_t i = area_above(space, start);
         i < space->stats.areas && space->area[i].start <= at && at < end; i++) {
        at = space->area[i].end;
    }
    return min_u64(at, end);
}

/* May the areas of the range have this protection? */
static bool may_have(const struct vm_space *space, vaddr_t start, vaddr_t end, uint32_t prot)
{
    for (uint32_t i = area_above(space, start);
         i < space->stats.areas && space->area[i].start < end; i++) {
        if ((space->area[i].never & prot) != 0) {
            return false;
        }
    }
    return true;
}

static exo_status_t protect_locked(struct vm_space *space, vaddr_t start, vaddr_t end,
                                   uint32_t prot)
{
    const vaddr_t stop = first_hole(space, start, end);

    space_assert_locked(space);
    if (!may_have(space, start, stop, prot)) {
        return EXO_ERR_ACCESS_DENIED;
    }
    if (stop > start) {
        const uint32_t splits = area_splits(space, start, stop);
        uint32_t first = 0;
        uint32_t count = 0;

        if (splits > 0 && space->stats.areas + splits > VM_AREAS_MAX) {
            return EXO_ERR_NO_RESOURCES;
        }
        const exo_status_t status = area_reserve_locked(space, splits);

        if (status != EXO_OK) {
            return status;
        }
        area_cut_locked(space, start, stop, &first, &count);
        for (uint32_t i = first; i < first + count; i++) {
            space->area[i].prot = (uint8_t)prot;
        }
        pages_protect_locked(space, start, stop, prot);
        area_merge_locked(space, first, count);
    }
    return stop < end ? EXO_ERR_NOT_FOUND : EXO_OK;
}

exo_status_t vm_protect(struct vm_space *space, vaddr_t addr, uint64_t len_bytes, uint32_t prot)
{
    vaddr_t end = 0;
    exo_status_t status = range_check(addr, len_bytes, &end);

    if (status != EXO_OK) {
        return status;
    }
    if ((prot & ~VM_PROT_ALL) != 0) {
        return EXO_ERR_INVALID;
    }
    space_lock(space);
    status = protect_locked(space, addr, end, prot);
    space_unlock(space);
    return status;
}

void vm_brk_init(struct vm_space *space, vaddr_t start)
{
    space_lock(space);
    space->brk_start = align_up(start, PAGE_SIZE);
    space->brk_end = space->brk_start;
    space_unlock(space);
}

static exo_status_t brk_grow_locked(struct vm_space *space, vaddr_t from, vaddr_t to)
{
    vaddr_t at = 0;
    struct vm_object *zero = vm_object_zero();
    const struct vm_map_spec spec = { .addr = from,
                                      .len_bytes = to - from,
                                      .prot = VM_PROT_READ | VM_PROT_WRITE,
                                      .flags = VM_MAP_FIXED | VM_MAP_NOREPLACE,
                                      .object = zero };
    const exo_status_t status = map_locked(space, &spec, &at);

    vm_object_unref(zero);
    return status;
}

static void brk_locked(struct vm_space *space, vaddr_t end)
{
    const vaddr_t old = align_up(space->brk_end, PAGE_SIZE);
    const vaddr_t new = align_up(end, PAGE_SIZE);
    exo_status_t status = EXO_OK;

    space_assert_locked(space);
    if (end < space->brk_start || end >= HAL_USER_MAX) {
        return;
    }
    if (new > old) {
        status = brk_grow_locked(space, old, new);
    } else if (new < old) {
        status = unmap_locked(space, new, old);
    }
    if (status == EXO_OK) {
        space->brk_end = end;
    }
}

vaddr_t vm_brk(struct vm_space *space, vaddr_t end)
{
    space_lock(space);
    brk_locked(space, end);
    const vaddr_t now = space->brk_end;

    space_unlock(space);
    return now;
}

void vm_stats(struct vm_space *space, struct vm_stats *out)
{
    space_lock(space);
    *out = space->stats;
    space_unlock(space);
}

bool vm_area_next(struct vm_space *space, vaddr_t addr, struct vm_area_info *out)
{
    space_lock(space);
    const uint32_t index = area_above(space, addr);
    const bool is_found = index < space->stats.areas;

    if (is_found) {
        const struct vm_area *area = &space->area[index];

        *out = (struct vm_area_info){ .start = area->start,
                                      .end = area->end,
                                      .prot = area->prot,
                                      .offset = area->offset,
                                      .object = area->object };
    }
    space_unlock(space);
    return is_found;
}
