/*
 * core/mem/virtual/area.c - the sorted array of areas.
 *
 * A sorted array, not a tree: look-up is a binary search over one block of memory, and an insertion
 * moves 40 bytes per area above it, which up to a few thousand areas costs less than following
 * pointers.
 *
 * Invariants:
 *   (1) areas are sorted by address and do not overlap; start < end, both page-aligned;
 *   (2) each area owns one reference to its object;
 *   (3) stats.areas and stats.bytes_mapped are the count and the sum of lengths;
 *   (4) stats.areas <= capacity <= AREA_ROOM_MAX.
 */
#include "exo/hal.h"
#include "exo/lib/assert.h"
#include "exo/lib/string.h"
#include "exo/mem/phys.h"
#include "space.h"

/* Replacing the middle of an area needs two entries more for a moment than it has in the end. */
#define AREA_ROOM_MAX (VM_AREAS_MAX + 2u)

static size_t frames_for(uint32_t capacity)
{
    return (size_t)(align_up(capacity * sizeof(struct vm_area), PAGE_SIZE) / PAGE_SIZE);
}

uint32_t area_above(const struct vm_space *space, vaddr_t addr)
{
    uint32_t low = 0;
    uint32_t high = space->stats.areas;

    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;

        if (space->area[middle].end > addr) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low;
}

struct vm_area *area_at(const struct vm_space *space, vaddr_t addr)
{
    const uint32_t index = area_above(space, addr);

    if (index == space->stats.areas || space->area[index].start > addr) {
        return NULL;
    }
    return &space->area[index];
}

exo_status_t area_reserve_locked(struct vm_space *space, uint32_t extra)
{
    const uint32_t wanted = space->stats.areas + extra;
    paddr_t frames = 0;

    space_assert_locked(space);
    if (wanted <= space->capacity) {
        return EXO_OK;
    }
    if (wanted > AREA_ROOM_MAX) {
        return EXO_ERR_NO_RESOURCES;
    }
    const uint32_t doubled = (uint32_t)min_u64(space->capacity * 2ull, AREA_ROOM_MAX);
    const uint32_t capacity = doubled > wanted ? doubled : wanted;
    const exo_status_t status = phys_alloc(frames_for(capacity), 1, &frames);

    if (status != EXO_OK) {
        return status;
    }
    struct vm_area *area = hal_phys_to_virt(frames);

    memcpy(area, space->area, space->stats.areas * sizeof(*area));
    area_fini(space);
    space->area = area;
    space->capacity = capacity;
    return EXO_OK;
}

void area_fini(struct vm_space *space)
{
    if (space->area != space->first) {
        phys_free(hal_virt_to_phys(space->area), frames_for(space->capacity));
    }
}

static bool splits_at(const struct vm_space *space, vaddr_t addr)
{
    const struct vm_area *area = area_at(space, addr);

    return area != NULL && area->start < addr;
}

uint32_t area_splits(const struct vm_space *space, vaddr_t start, vaddr_t end)
{
    return (splits_at(space, start) ? 1u : 0u) + (splits_at(space, end) ? 1u : 0u);
}

/* Open a gap of one entry at `index`; accounting is the caller's. */
static struct vm_area *entry_open(struct vm_space *space, uint32_t index)
{
    struct vm_area *slot = &space->area[index];

    KASSERT(space->stats.areas < space->capacity); /* reserved by the caller */
    memmove(slot + 1, slot, (space->stats.areas - index) * sizeof(*slot));
    space->stats.areas++;
    return slot;
}

static void entry_close(struct vm_space *space, uint32_t index, uint32_t count)
{
    struct vm_area *slot = &space->area[index];

    memmove(slot, slot + count, (space->stats.areas - index - count) * sizeof(*slot));
    space->stats.areas -= count;
}

static void split_locked(struct vm_space *space, vaddr_t addr)
{
    space_assert_locked(space);
    if (!splits_at(space, addr)) {
        return;
    }
    const uint32_t index = area_above(space, addr);
    struct vm_area *low = entry_open(space, index);
    struct vm_area *high = low + 1;

    *low = *high;
    low->end = addr;
    high->start = addr;
    high->offset += addr - low->start;
    (void)vm_object_ref(high->object);
}

void area_cut_locked(struct vm_space *space, vaddr_t start, vaddr_t end, uint32_t *first,
                     uint32_t *count)
{
    split_locked(space, start);
    split_locked(space, end);
    *first = area_above(space, start);
    *count = area_above(space, end - 1) - *first;
    if (area_at(space, end - 1) != NULL) {
        ++*count; /* the area that holds the last byte ends with the range: it was cut there */
    }
}

uint32_t area_insert_locked(struct vm_space *space, const struct vm_area *area)
{
    const uint32_t index = area_above(space, area->start);

    space_assert_locked(space);
    KASSERT(index == space->stats.areas || space->area[index].start >= area->end);
    *entry_open(space, index) = *area;
    space->stats.bytes_mapped += area->end - area->start;
    return index;
}

void area_remove_locked(struct vm_space *space, uint32_t first, uint32_t count)
{
    space_assert_locked(space);
    for (uint32_t i = first; i < first + count; i++) {
        space->stats.bytes_mapped -= space->area[i].end - space->area[i].start;
        vm_object_unref(space->area[i].object);
    }
    entry_close(space, first, count);
}

/* Areas of the zero object are alike at every offset. */
static bool continues(const struct vm_area *low, const struct vm_area *high,
                      const struct vm_object *zero)
{
    return low->end == high->start && low->prot == high->prot && low->never == high->never &&
           low->is_shared == high->is_shared && low->object == high->object &&
           (low->object == zero || low->offset + (low->end - low->start) == high->offset);
}

void area_merge_locked(struct vm_space *space, uint32_t first, uint32_t count)
{
    struct vm_object *zero = vm_object_zero();
    uint32_t index = first > 0 ? first - 1 : 0;
    uint32_t pairs = count + (first > 0 ? 1u : 0u);

    space_assert_locked(space);
    for (; pairs > 0 && index + 1 < space->stats.areas; pairs--) {
        struct vm_area *low = &space->area[index];

        if (!continues(low, low + 1, zero)) {
            index++;
            continue;
        }
        low->end = low[1].end;
        vm_object_unref(low[1].object);
        entry_close(space, index + 1, 1);
    }
    vm_object_unref(zero);
}

vaddr_t area_gap_below(const struct vm_space *space, uint64_t len_bytes, vaddr_t ceiling)
{
    vaddr_t top = ceiling;
    uint32_t index = area_above(space, ceiling - 1);

    if (index < space->stats.areas && space->area[index].start < ceiling) {
        top = space->area[index].start;
    }
    for (;;) {
        const vaddr_t bottom = index > 0 ? space->area[index - 1].end : HAL_USER_MIN;

        if (top > bottom && top - bottom >= len_bytes) {
            return top - len_bytes;
        }
        if (index == 0) {
            return 0;
        }
        index--;
        top = space->area[index].start;
    }
}
