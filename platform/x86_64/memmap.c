/*
 * memmap.c - sorting, cutting and merging of memory ranges.
 *
 * Invariants of the list that memmap_build() and memmap_carve() leave behind:
 *   (1) sorted by base, no two regions overlap, no region is empty, all edges lie on pages;
 *   (2) two neighbours that touch differ in kind.
 */
#include "memmap.h"

#define EDGES_MAX (2 * MEMMAP_RANGES_MAX)

/* Who wins a page that several ranges claim; the highest does. */
static uint32_t kind_weight(enum boot_region_kind kind)
{
    switch (kind) {
    case BOOT_REGION_FREE:
        return 0;
    case BOOT_REGION_ACPI:
        return 1;
    case BOOT_REGION_FIRMWARE:
        return 2;
    case BOOT_REGION_MODULE:
        return 3;
    case BOOT_REGION_KERNEL:
        return 4;
    }
    return 0;
}

bool memmap_add(struct memmap *map, uint64_t base, uint64_t len_bytes, enum boot_region_kind kind)
{
    uint64_t end = base + len_bytes;

    if (len_bytes == 0 || end < base || base >= MEMMAP_ADDRESS_MAX) {
        map->absurd_count++;
        return false;
    }
    end = min_u64(end, MEMMAP_ADDRESS_MAX);
    if (kind == BOOT_REGION_FREE) {
        base = align_up(base, PAGE_SIZE);
        end = align_down(end, PAGE_SIZE);
        if (base >= end) {
            return true; /* less than a page: nothing to hand out, nothing wrong */
        }
    } else {
        base = align_down(base, PAGE_SIZE);
        end = align_up(end, PAGE_SIZE);
    }
    if (map->count == MEMMAP_RANGES_MAX) {
        map->dropped_count++;
        return false;
    }
    map->range[map->count++] = (struct memmap_range){ .base = base, .end = end, .kind = kind };
    return true;
}

/* Collect all range edges in ascending order; duplicates stay, they make empty pieces. */
static uint32_t edges_collect(const struct memmap *map, uint64_t *edge)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < map->count; i++) {
        const uint64_t pair[2] = { map->range[i].base, map->range[i].end };

        for (uint32_t k = 0; k < 2; k++) {
            uint32_t at = count++;

            while (at > 0 && edge[at - 1] > pair[k]) {
                edge[at] = edge[at - 1];
                at--;
            }
            edge[at] = pair[k];
        }
    }
    return count;
}

/* Find the winning claim on [base, end), which no range edge divides. False if nobody claims it. */
static bool claim_find(struct memmap *map, uint64_t base, uint64_t end, enum boot_region_kind *kind)
{
    bool found = false;
    bool contested = false;

    for (uint32_t i = 0; i < map->count; i++) {
        const struct memmap_range *range = &map->range[i];

        if (range->base > base || range->end < end) {
            continue;
        }
        contested |= found && range->kind != *kind;
        if (!found || kind_weight(range->kind) > kind_weight(*kind)) {
            *kind = range->kind;
        }
        found = true;
    }
    map->overlap_count += contested ? 1u : 0u;
    return found;
}

uint32_t memmap_build(struct memmap *map, struct boot_region *out, uint32_t max)
{
    static uint64_t edge[EDGES_MAX]; /* used once at boot, too large for its stack */
    const uint32_t edges = edges_collect(map, edge);
    uint32_t count = 0;

    for (uint32_t i = 1; i < edges; i++) {
        const uint64_t base = edge[i - 1];
        const uint64_t len_bytes = edge[i] - base;
        enum boot_region_kind kind = BOOT_REGION_FREE;

        if (len_bytes == 0 || !claim_find(map, base, edge[i], &kind)) {
            continue;
        }
        struct boot_region *last = count > 0 ? &out[count - 1] : NULL;

        if (last != NULL && last->kind == kind && last->base + last->len_bytes == base) {
            last->len_bytes += len_bytes;
        } else if (count == max) {
            map->dropped_count++;
        } else {
            out[count++] =
                (struct boot_region){ .base = base, .len_bytes = len_bytes, .kind = kind };
        }
    }
    return count;
}

/* Cut [base, end) out of the free region at `index` and give it `kind`; base..end lies inside. */
static exo_status_t region_split(struct boot_info *info, uint32_t index, uint64_t base,
                                 uint64_t end, enum boot_region_kind kind)
{
    struct boot_region *region = &info->region[index];
    const uint64_t region_end = region->base + region->len_bytes;
    struct boot_region *next = index + 1 < info->region_count ? region + 1 : NULL;
    const bool joins = next != NULL && next->kind == kind && end == region_end && next->base == end;
    const uint32_t extra = joins ? 0 : (end == region_end ? 1u : 2u);

    if (info->region_count + extra > BOOT_REGIONS_MAX) {
        return EXO_ERR_NO_RESOURCES;
    }
    for (uint32_t i = info->region_count; extra > 0 && i-- > index + 1;) {
        info->region[i + extra] = info->region[i];
    }
    info->region_count += extra;
    region->len_bytes = base - region->base;
    if (joins) {
        next->base = base;
        next->len_bytes += end - base;
    } else {
        region[1] = (struct boot_region){ .base = base, .len_bytes = end - base, .kind = kind };
    }
    if (extra == 2) {
        region[2] = (struct boot_region){ .base = end,
                                          .len_bytes = region_end - end,
                                          .kind = BOOT_REGION_FREE };
    }
    return EXO_OK;
}

/* Remove the region at `index` if nothing is left of it. */
static void region_drop_empty(struct boot_info *info, uint32_t index)
{
    if (info->region[index].len_bytes != 0) {
        return;
    }
    info->region_count--;
    for (uint32_t i = index; i < info->region_count; i++) {
        info->region[i] = info->region[i + 1];
    }
}

exo_status_t memmap_carve(struct boot_info *info, uint64_t len_bytes, uint64_t limit,
                          enum boot_region_kind kind, paddr_t *out)
{
    for (uint32_t i = info->region_count; i-- > 0;) {
        const struct boot_region *region = &info->region[i];
        const uint64_t end = min_u64(region->base + region->len_bytes, limit);

        if (region->kind != BOOT_REGION_FREE || end < region->base ||
            end - region->base < len_bytes) {
            continue;
        }
        const exo_status_t status = region_split(info, i, end - len_bytes, end, kind);

        if (status != EXO_OK) {
            return status;
        }
        *out = end - len_bytes;
        region_drop_empty(info, i);
        return EXO_OK;
    }
    return EXO_ERR_NO_MEMORY;
}
