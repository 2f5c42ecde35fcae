/*
 * core/mem/heap/table.c - from an address to its slab, and the records of slabs.
 *
 * A directory has a pointer per 2 MiB of memory to a leaf with a word per frame: the slab's record,
 * its bin in the high bits if objects may be cached. A missing leaf is one shared leaf of zeros,
 * so that a look-up never asks.
 *
 * Invariants:
 *   (1) a leaf, once in the directory, and a record stay for good: nobody can look into freed ones;
 *   (2) a frame's word is not 0 exactly while the frame holds heap objects (large: the first
 *       frame);
 *   (3) words and directory are read without a lock: an object's address reaches another CPU only
 *       after its slab's words were written, by whatever handed the address over.
 */
#include "exo/debug/boot.h"
#include "exo/debug/panic.h"
#include "exo/hal/boot_info.h"
#include "exo/lib/assert.h"
#include "exo/lib/string.h"
#include "exo/mem/phys.h"
#include "exo/sync/spinlock.h"
#include "heap_private.h"

static struct leaf g_nothing; /* all zero for good */

_Atomic(struct leaf *) *g_dir;
uint64_t g_dir_count;

static struct spinlock g_lock = SPINLOCK_INIT(RANK_HEAP);
static struct slab *g_free_records; /* [g_lock] */
static _Atomic int64_t g_frames;
static _Atomic int64_t g_frames_peak;
static _Atomic int64_t g_frames_metadata;
static _Atomic uint64_t g_large;

void table_frames_add(int64_t frames)
{
    const int64_t now = atomic_fetch_add_explicit(&g_frames, frames, memory_order_relaxed) + frames;
    int64_t peak = atomic_load_explicit(&g_frames_peak, memory_order_relaxed);

    while (now > peak &&
           !atomic_compare_exchange_weak_explicit(&g_frames_peak, &peak, now, memory_order_relaxed,
                                                  memory_order_relaxed)) {
    }
}

/* Frames for the heap's own use, zeroed; NULL without memory. */
static void *metadata_alloc(size_t frames)
{
    paddr_t base = 0;

    if (phys_alloc(frames, 1, &base) != EXO_OK) {
        return NULL;
    }
    memset(hal_phys_to_virt(base), 0, frames * PAGE_SIZE);
    table_frames_add((int64_t)frames);
    atomic_fetch_add_explicit(&g_frames_metadata, (int64_t)frames, memory_order_relaxed);
    return hal_phys_to_virt(base);
}

void table_init(void)
{
    const struct boot_info *const info = boot_info_get();
    uint64_t end = 0;

    KASSERT(g_dir == NULL);
    for (uint32_t i = 0; i < info->region_count; i++) {
        if (info->region[i].kind == BOOT_REGION_FREE) {
            end = max_u64(end, info->region[i].base + info->region[i].len_bytes);
        }
    }
    g_dir_count = align_up(end, (uint64_t)1 << LEAF_SHIFT) >> LEAF_SHIFT;
    g_dir = metadata_alloc(align_up(g_dir_count * sizeof(*g_dir), PAGE_SIZE) >> PAGE_SHIFT);
    if (g_dir == NULL) {
        panic("heap: no memory for the directory of %lu leaves", g_dir_count);
    }
    for (uint64_t i = 0; i < g_dir_count; i++) {
        atomic_store_explicit(&g_dir[i], &g_nothing, memory_order_relaxed);
    }
}

/* Make sure that frames [first, end) have leaves. */
static bool leaves_add(uint64_t first, uint64_t end)
{
    for (uint64_t i = first / LEAF_FRAMES; i <= (end - 1) / LEAF_FRAMES; i++) {
        struct leaf *expected = &g_nothing;

        /* Acquire: its zeros, if another CPU has just made it, come before our words. */
        if (atomic_load_explicit(&g_dir[i], memory_order_acquire) != expected) {
            continue;
        }
        struct leaf *const leaf = metadata_alloc(1);

        if (leaf == NULL) {
            return false;
        }
        if (!atomic_compare_exchange_strong_explicit(&g_dir[i], &expected, leaf,
                                                     memory_order_release, memory_order_acquire)) {
            phys_free(hal_virt_to_phys(leaf), 1); /* another CPU was first: its zeros as above */
            table_frames_add(-1);
            atomic_fetch_sub_explicit(&g_frames_metadata, 1, memory_order_relaxed);
        }
    }
    return true;
}

static void entries_set(uint64_t first, uint64_t count, uintptr_t value)
{
    for (uint64_t i = first; i < first + count; i++) {
        struct leaf *const leaf =
            atomic_load_explicit(&g_dir[i / LEAF_FRAMES], memory_order_relaxed);

        atomic_store_explicit(&leaf->entry[i % LEAF_FRAMES], value, memory_order_relaxed);
    }
}

static struct slab *record_pop(void)
{
    const hal_irq_t irq = spin_lock_irq(&g_lock);
    struct slab *const slab = g_free_records;

    if (slab != NULL) {
        g_free_records = slab->next;
    }
    spin_unlock_irq(&g_lock, irq);
    return slab;
}

static void record_push(struct slab *slab)
{
    const hal_irq_t irq = spin_lock_irq(&g_lock);

    slab->next = g_free_records;
    g_free_records = slab;
    spin_unlock_irq(&g_lock, irq);
}

static struct slab *record_alloc(void)
{
    struct slab *slab = record_pop();

    if (slab != NULL) {
        return slab;
    }
    slab = metadata_alloc(1);
    for (size_t i = 1; slab != NULL && i < PAGE_SIZE / sizeof(*slab); i++) {
        record_push(slab + i);
    }
    return slab;
}

struct slab *table_add(size_t frames, size_t align_frames, uint32_t class, bool cached)
{
    struct slab *const slab = record_alloc();
    paddr_t base = 0;

    if (slab == NULL) {
        return NULL;
    }
    if (phys_alloc(frames, align_frames, &base) != EXO_OK) {
        goto fail_record;
    }
    const uint64_t first = base >> PAGE_SHIFT;

    if (!leaves_add(first, first + frames)) {
        goto fail_frames;
    }
    memset(slab, 0, sizeof(*slab));
    list_init(&slab->node);
    slab->base = hal_phys_to_virt(base);
    slab->frames = (uint32_t)frames;
    slab->class = (uint8_t) class;
    table_frames_add((int64_t)frames);
    if (class == SLAB_LARGE) {
        atomic_fetch_add_explicit(&g_large, 1, memory_order_relaxed);
    }
    entries_set(first, class == SLAB_LARGE ? 1 : frames, entry_make(slab, cached ? class : 0));
    return slab;

fail_frames:
    phys_free(base, frames);
fail_record:
    record_push(slab);
    return NULL;
}

void table_remove(struct slab *slab)
{
    const uint64_t frames = slab->frames;
    const uint64_t first = hal_virt_to_phys(slab->base) >> PAGE_SHIFT;

    entries_set(first, slab->class == SLAB_LARGE ? 1 : frames, 0);
    if (slab->class == SLAB_LARGE) {
        atomic_fetch_sub_explicit(&g_large, 1, memory_order_relaxed);
    }
    phys_free(hal_virt_to_phys(slab->base), frames);
    table_frames_add(-(int64_t)frames);
    record_push(slab);
}

void table_stats(struct heap_stats *out)
{
    out->frames = (uint64_t)atomic_load_explicit(&g_frames, memory_order_relaxed);
    out->frames_peak = (uint64_t)atomic_load_explicit(&g_frames_peak, memory_order_relaxed);
    out->frames_metadata = (uint64_t)atomic_load_explicit(&g_frames_metadata, memory_order_relaxed);
    out->large_objects = atomic_load_explicit(&g_large, memory_order_relaxed);
}

void table_walk(void (*fn)(struct slab *slab, void *arg), void *arg)
{
    for (uint64_t i = 0; i < g_dir_count * LEAF_FRAMES; i++) {
        struct leaf *const leaf =
            atomic_load_explicit(&g_dir[i / LEAF_FRAMES], memory_order_relaxed);
        struct slab *const slab =
            entry_slab(atomic_load_explicit(&leaf->entry[i % LEAF_FRAMES], memory_order_relaxed));

        if (slab != NULL && hal_virt_to_phys(slab->base) >> PAGE_SHIFT == i) {
            fn(slab, arg);
        }
    }
}
