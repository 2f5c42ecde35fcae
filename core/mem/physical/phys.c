/*
 * core/mem/physical/phys.c - the boot frame allocator.
 *
 * Each free region of the memory map has a stretch of one bitmap, a bit per frame, set while the
 * frame is in use. The bitmap lies in the first region with room for it and that region begins
 * behind it, so its own frames are foreign to the allocator. Frame 0 is left out: address 0 never
 * means memory.
 *
 * Invariants while g_lock is free:
 *   (1) frames_free is the number of clear bits;
 *   (2) no run of an allocation crosses a region;
 *   (3) frames whose bit is clear are unaddressable to sanitizers (hal_mem_freed), others are not.
 * Searching starts where the last one ended (next fit) and wraps round once.
 */
#include "exo/mem/phys.h"

#include "exo/debug/log.h"
#include "exo/debug/panic.h"
#include "exo/hal.h"
#include "exo/lib/assert.h"
#include "exo/lib/bitmap.h"
#include "exo/lib/string.h"
#include "exo/sync/spinlock.h"

#define POISON_ALLOCATED 0xa7
#define POISON_FREED     0xd5

struct region {         /* [c] after phys_init() */
    uint64_t first;     /* frame number */
    uint64_t count;     /* frames */
    uint64_t bit_first; /* index of its first bit; a multiple of 64 */
};

static struct spinlock g_lock = SPINLOCK_INIT(RANK_PHYS);
static struct region g_region[BOOT_REGIONS_MAX]; /* [c] */
static uint32_t g_region_count;                  /* [c] */
static uint64_t *g_bitmap;                       /* [g_lock] */
static struct phys_stats g_stats;                /* [g_lock] */
static uint32_t g_next_region;                   /* [g_lock] where the next search starts */
static uint64_t g_next_index;                    /* [g_lock] frame within that region */
static uint32_t g_fail_after;                    /* [g_lock] 0: armed to nothing */

static void regions_read(const struct boot_info *info)
{
    for (uint32_t i = 0; i < info->region_count; i++) {
        const struct boot_region *const from = &info->region[i];
        uint64_t first = from->base >> PAGE_SHIFT;
        uint64_t count = from->len_bytes >> PAGE_SHIFT;

        if (from->kind != BOOT_REGION_FREE) {
            continue;
        }
        if (first == 0 && count > 0) {
            first++;
            count--;
        }
        if (count > 0) {
            g_region[g_region_count++] = (struct region){ .first = first, .count = count };
        }
    }
}

/* Number the bits; returns how many words the bitmap has. Counted with the frames that the bitmap
 * itself will take, so it is a little longer than needed. */
static size_t bits_number(void)
{
    uint64_t bit = 0;

    for (uint32_t i = 0; i < g_region_count; i++) {
        g_region[i].bit_first = bit;
        bit += bitmap_words(g_region[i].count) * 64;
    }
    return bitmap_words(bit);
}

static void bitmap_place(size_t words)
{
    const uint64_t frames = align_up(words * sizeof(uint64_t), PAGE_SIZE) >> PAGE_SHIFT;

    for (uint32_t i = 0; i < g_region_count; i++) {
        struct region *const region = &g_region[i];

        if (region->count >= frames) {
            g_bitmap = hal_phys_to_virt(region->first << PAGE_SHIFT);
            memset(g_bitmap, 0, words * sizeof(uint64_t));
            region->first += frames;
            region->count -= frames;
            return;
        }
    }
    panic("phys: no free region has the %lu frames of the bitmap", frames);
}

static void *frame_address(uint64_t frame)
{
    return hal_phys_to_virt(frame << PAGE_SHIFT);
}

void phys_init(const struct boot_info *info)
{
    KASSERT(g_bitmap == NULL);
    regions_read(info);
    bitmap_place(bits_number());
    for (uint32_t i = 0; i < g_region_count; i++) {
        g_stats.frames_total += g_region[i].count;
        hal_mem_freed(frame_address(g_region[i].first), g_region[i].count << PAGE_SHIFT);
    }
    g_stats.frames_free = g_stats.frames_total;
    g_stats.frames_low_water = g_stats.frames_total;
    klog(KLOG_INFO, "phys", "memory regions=%u frames=%lu", g_region_count, g_stats.frames_total);
}

/* Search frames [from, end) of one region. */
static bool search_locked(const struct region *region, uint64_t from, uint64_t end, size_t count,
                          size_t align, uint64_t *frame)
{
    /* The query counts in bits; the offset turns a bit's index into its frame number modulo align.
     * */
    const struct bitmap_query query = {
        .from = region->bit_first + from,
        .end = region->bit_first + end,
        .count = count,
        .align = align,
        .offset = region->first - region->bit_first,
    };
    const uint64_t bit = bitmap_find_run(g_bitmap, &query);

    if (bit == BITMAP_NONE) {
        return false;
    }
    *frame = region->first + (bit - region->bit_first);
    return true;
}

/* Find a run, starting where the last search ended: the rest of that region, the other regions, and
 * that region once more from its beginning. */
static bool find_locked(size_t count, size_t align, uint64_t *frame)
{
    spin_assert_held(&g_lock);
    for (uint32_t i = 0; i <= g_region_count; i++) {
        const uint32_t at = (g_next_region + i) % g_region_count;
        const struct region *const region = &g_region[at];
        const uint64_t from = i == 0 ? g_next_index : 0;

        if (from < region->count &&
            search_locked(region, from, region->count, count, align, frame)) {
            g_next_region = at;
            g_next_index = *frame + count - region->first;
            return true;
        }
    }
    return false;
}

static const struct region *region_of(uint64_t frame)
{
    for (uint32_t i = 0; i < g_region_count; i++) {
        if (frame >= g_region[i].first && frame - g_region[i].first < g_region[i].count) {
            return &g_region[i];
        }
    }
    return NULL;
}

static uint64_t bit_of(const struct region *region, uint64_t frame)
{
    return region->bit_first + (frame - region->first);
}

static bool should_fail_locked(void)
{
    spin_assert_held(&g_lock);
    if (g_fail_after == 0) {
        return false;
    }
    g_fail_after--;
    return g_fail_after == 0;
}

/* Take a run out of the bitmap; the frames are the caller's, still unaddressable. */
static exo_status_t take_locked(size_t frame_count, size_t align_frames, uint64_t *frame)
{
    if (should_fail_locked() || g_stats.frames_free < frame_count ||
        !find_locked(frame_count, align_frames, frame)) {
        return EXO_ERR_NO_MEMORY;
    }
    bitmap_set_run(g_bitmap, bit_of(region_of(*frame), *frame), frame_count);
    g_stats.frames_free -= frame_count;
    g_stats.frames_low_water = min_u64(g_stats.frames_low_water, g_stats.frames_free);
    return EXO_OK;
}

exo_status_t phys_alloc(size_t frame_count, size_t align_frames, paddr_t *out)
{
    uint64_t frame = 0;

    if (frame_count == 0 || align_frames == 0 || (align_frames & (align_frames - 1)) != 0) {
        return EXO_ERR_INVALID;
    }
    const hal_irq_t irq = spin_lock_irq(&g_lock);
    const exo_status_t status = take_locked(frame_count, align_frames, &frame);

    spin_unlock_irq(&g_lock, irq);
    if (status != EXO_OK) {
        return status;
    }
    hal_mem_allocated(frame_address(frame), frame_count << PAGE_SHIFT);
    if (EXO_CONFIG_TEST) {
        memset(frame_address(frame), POISON_ALLOCATED, frame_count << PAGE_SHIFT);
    }
    *out = frame << PAGE_SHIFT;
    return EXO_OK;
}

exo_status_t phys_alloc_zeroed(paddr_t *out)
{
    paddr_t frame = 0;
    const exo_status_t status = phys_alloc(1, 1, &frame);

    if (status != EXO_OK) {
        return status;
    }
    memset(hal_phys_to_virt(frame), 0, PAGE_SIZE);
    *out = frame;
    return EXO_OK;
}

/* Say what is wrong with freeing frames [first, first + count), NULL if nothing; *frame is then the
 * first one that it is wrong of. */
static const char *free_fault_locked(uint64_t first, uint64_t count, uint64_t *frame)
{
    const struct region *const region = region_of(first);

    spin_assert_held(&g_lock);
    *frame = first;
    if (region == NULL || region->count - (first - region->first) < count) {
        return "is not the allocator's";
    }
    const uint64_t bit = bit_of(region, first);
    const uint64_t clear = bitmap_next_clear(g_bitmap, bit, bit + count);

    *frame = first + (clear - bit);
    return clear == bit + count ? NULL : "is free already";
}

/* Give back frames that are ours and in use. */
static void give_locked(uint64_t first, uint64_t count)
{
    spin_assert_held(&g_lock);
    /* Before the bits are cleared: afterwards the frames may be somebody else's. */
    if (EXO_CONFIG_TEST) {
        memset(frame_address(first), POISON_FREED, count << PAGE_SHIFT);
    }
    hal_mem_freed(frame_address(first), count << PAGE_SHIFT);
    bitmap_clear_run(g_bitmap, bit_of(region_of(first), first), count);
    g_stats.frames_free += count;
}

void phys_free(paddr_t base, size_t frame_count)
{
    uint64_t frame = 0;

    KASSERT(base % PAGE_SIZE == 0);
    KASSERT(frame_count > 0);
    const hal_irq_t irq = spin_lock_irq(&g_lock);
    const char *const fault = free_fault_locked(base >> PAGE_SHIFT, frame_count, &frame);

    if (fault == NULL) {
        give_locked(base >> PAGE_SHIFT, frame_count);
    }
    spin_unlock_irq(&g_lock, irq);
    if (fault != NULL) {
        panic("phys: freed frame 0x%lx (count=%zu) %s", frame << PAGE_SHIFT, frame_count, fault);
    }
}

void phys_stats(struct phys_stats *out)
{
    const hal_irq_t irq = spin_lock_irq(&g_lock);

    *out = g_stats;
    spin_unlock_irq(&g_lock, irq);
}

void phys_test_fail_after(uint32_t n)
{
    const hal_irq_t irq = spin_lock_irq(&g_lock);

    g_fail_after = n;
    spin_unlock_irq(&g_lock, irq);
}
