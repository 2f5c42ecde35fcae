/*
 * core/mem/heap/heap.c - the heap's functions: what goes through the thread's cache, the CPU's
 * slabs or straight to frames.
 *
 * Invariants:
 *   (1) a thread's cache is touched by that thread alone and never in an interrupt handler, so it
 *       needs neither interrupts nor preemption off, and migration does not matter;
 *   (2) an object whose table entry has a class may lie in any thread's cache; others (large, with
 *       a red zone) never do.
 */
#include "exo/mem/heap.h"

#include "exo/debug/fault.h"
#include "exo/debug/panic.h"
#include "exo/debug/trace.h"
#include "exo/lib/assert.h"
#include "exo/lib/string.h"
#include "exo/mem/phys.h"
#include "heap_private.h"

#define CALLER __builtin_return_address(0)

static _Atomic uint32_t g_fail_after; /* 0: armed to nothing */

void heap_init(void)
{
    slab_init();
    table_init();
}

void heap_fault(const void *object, const char *what)
{
    panic("heap: freed object 0x%lx %s", (uintptr_t)object, what);
}

/* ---- allocation ---- */

static bool should_fail(void)
{
    uint32_t n = atomic_load_explicit(&g_fail_after, memory_order_relaxed);

    while (n != 0) {
        if (atomic_compare_exchange_weak_explicit(&g_fail_after, &n, n - 1, memory_order_relaxed,
                                                  memory_order_relaxed)) {
            return n == 1;
        }
    }
    return EXO_FAULT(heap_alloc);
}

static void *large_alloc(size_t size, size_t align, const void *caller)
{
    const size_t frames = align_up(size, PAGE_SIZE) >> PAGE_SHIFT;
    const size_t align_frames = (size_t)max_u64(align >> PAGE_SHIFT, 1);

    if (size > HEAP_SIZE_MAX) {
        return NULL;
    }
    struct slab *slab = table_add(frames, align_frames, SLAB_LARGE, false);

    if (slab == NULL && heap_reclaim_shared() != 0) {
        slab = table_add(frames, align_frames, SLAB_LARGE, false);
    }
    if (slab == NULL) {
        return NULL;
    }
    slab->size = size;
    slab->objects = 1;
    atomic_store_explicit(&slab->remote[LARGE_CALLER], (uintptr_t)caller, memory_order_relaxed);
    if (check_is_on() && size < slab_bytes(slab)) {
        hal_mem_freed(slab->base + size, slab_bytes(slab) - size);
    }
    return slab->base;
}

static EXO_NOINLINE void *alloc_slow(size_t size, const void *caller)
{
    const size_t wanted = size == 0 ? 1 : size;
    struct heap_cache *const cache = heap_cache_mine();
    void *object = NULL;

    if (should_fail()) {
        return NULL;
    }
    if (check_is_on() && wanted <= HEAP_SMALL_MAX - CHECK_TRAILER_BYTES) {
        return check_alloc(wanted, heap_class_of(wanted + CHECK_TRAILER_BYTES), caller);
    }
    if (check_is_on() || wanted > HEAP_SMALL_MAX) {
        return large_alloc(wanted, 1, caller);
    }
    if (cache == NULL || atomic_load_explicit(&g_fail_after, memory_order_relaxed) != 0) {
        (void)slab_take(SLAB_PLAIN, heap_class_of(wanted), &object, 1);
        return object;
    }
    return cache_refill(cache, heap_class_of(wanted));
}

/* An object out of the running thread's cache, NULL if there is none, or no cache; small sizes
 * first. Size 0 is class 0 here, which never has any. */
static inline void *alloc_cached(size_t size)
{
    struct heap_cache *const cache = heap_cache_mine();

    if (EXO_UNLIKELY(cache == NULL)) {
        return NULL;
    }
    if (EXO_LIKELY(size <= HEAP_STEP_MAX)) {
        return heap_bin_pop(&cache->bin[(size + 15) / 16]);
    }
    return size > HEAP_SMALL_MAX ? NULL : heap_bin_pop(&cache->bin[heap_class_of(size)]);
}

static EXO_NOINLINE void *alloc_by(size_t size, const void *caller)
{
    void *const cached = alloc_cached(size);
    void *const object = EXO_LIKELY(cached != NULL) ? cached : alloc_slow(size, caller);

    trace_object(TRACE_ALLOC, object, size);
    return object;
}

/* Whoever records the event is left to alloc_by(), so that nothing has to be kept over a call. */
EXO_NOINLINE void *heap_alloc_any(size_t size)
{
    if (trace_is_on(TRACE_ALLOC)) {
        return alloc_by(size, CALLER);
    }
    void *const object = alloc_cached(size);

    return EXO_LIKELY(object != NULL) ? object : alloc_slow(size, CALLER);
}

void *heap_alloc_zeroed(size_t size)
{
    void *const object = alloc_by(size, CALLER);

    return object == NULL ? NULL : memset(object, 0, size);
}

void *heap_alloc_aligned(size_t size, size_t align)
{
    if (align == 0 || (align & (align - 1)) != 0 || align > HEAP_ALIGN_MAX) {
        return NULL;
    }
    if (align <= 16) {
        return alloc_by(size, CALLER);
    }
    const void *const caller = CALLER;
    const size_t most = (size_t)max_u64(size, align);

    if (check_is_on() || align > PAGE_SIZE || most > HEAP_SMALL_MAX) {
        void *const object =
            should_fail() ? NULL : large_alloc(size == 0 ? 1 : size, align, caller);

        trace_object(TRACE_ALLOC, object, size);
        return object;
    }
    /* A power of two: slabs begin at a frame. */
    const size_t power = most == align ? align : (size_t)1 << (64 - __builtin_clzll(most - 1));

    return alloc_by(power, caller);
}

/* ---- freeing ---- */

static void large_free(struct slab *slab, void *object)
{
    if (object != slab->base) {
        heap_fault(object, "is not the beginning of one");
    }
    if (check_is_on()) {
        hal_mem_allocated(slab->base, slab_bytes(slab));
    }
    table_remove(slab);
}

static EXO_NOINLINE void free_slow(void *object, uintptr_t entry)
{
    struct slab *const slab = entry_slab(entry);
    struct heap_cache *const cache = heap_cache_mine();

    if (object == NULL) {
        return;
    }
    if (slab == NULL) {
        heap_fault(object, "is not the heap's");
    }
    if (slab->class == SLAB_LARGE) {
        large_free(slab, object);
        return;
    }
    if (slab->kind == SLAB_CHECKED) {
        check_free(slab, object);
        return;
    }
    const uint32_t class = slab->class;

    if (slab_index(slab, object) == UINT32_MAX) {
        heap_fault(object, "is not the beginning of one");
    }
    if (cache == NULL || check_is_on() ||
        atomic_load_explicit(&g_fail_after, memory_order_relaxed) != 0 ||
        !cache_make_room(cache, class) || !heap_bin_push(&cache->bin[class], object)) {
        slab_give(&object, 1);
    }
}

/* The bin of class 0, which stands for what may not be cached, has no room, ever. */
static inline void free_untraced(void *object)
{
    const uintptr_t entry = table_entry(object);
    struct heap_cache *const cache = heap_cache_mine();

    if (EXO_LIKELY(
            cache != NULL &&
            heap_bin_push((struct heap_bin *)((char *)cache + (entry >> ENTRY_SHIFT)), object))) {
        return;
    }
    free_slow(object, entry);
}

static EXO_NOINLINE void free_traced(void *object)
{
    trace_object(TRACE_FREE, object, 0);
    free_untraced(object);
}

EXO_NOINLINE void heap_free(void *object)
{
    if (trace_is_on(TRACE_FREE)) {
        free_traced(object);
        return;
    }
    free_untraced(object);
}

/* ---- other forms ---- */

size_t heap_usable_size(const void *object)
{
    const struct slab *const slab = table_find(object);

    if (slab == NULL) {
        heap_fault(object, "is not the heap's");
    }
    return slab->kind == SLAB_CHECKED ? check_size(slab, object) : slab->size;
}

void *heap_resize(void *object, size_t size)
{
    const size_t had = object == NULL ? 0 : heap_usable_size(object);

    if (object != NULL && size <= had && size > had / 2 && !check_is_on()) {
        return object;
    }
    void *const other = alloc_by(size, CALLER);

    if (other == NULL) {
        return NULL;
    }
    if (object != NULL) {
        memcpy(other, object, (size_t)min_u64(had, size));
        heap_free(object);
    }
    return other;
}

void heap_keep(void *object)
{
    struct slab *const slab = table_find(object);

    if (slab == NULL) {
        heap_fault(object, "is not the heap's");
    }
    if (slab->class == SLAB_LARGE) {
        atomic_store_explicit(&slab->remote[LARGE_KEPT], 1, memory_order_relaxed);
    } else if (slab->kind == SLAB_CHECKED) {
        check_keep(slab, object);
    }
}

/* ---- giving memory back, facts ---- */

uint64_t heap_reclaim_shared(void)
{
    struct heap_stats before;
    struct heap_stats after;

    table_stats(&before);
    depot_drain();
    (void)slab_trim();
    table_stats(&after);
    return before.frames > after.frames ? before.frames - after.frames : 0;
}

static uint64_t reclaim_hook(struct phys_reclaim *self, uint64_t frames_wanted)
{
    (void)self;
    (void)frames_wanted; /* it is all of little use to anybody else */
    return heap_reclaim_shared();
}

void heap_reclaim_start(void)
{
    static struct phys_reclaim hook = { .name = "heap", .reclaim = reclaim_hook };

    phys_reclaim_add(&hook);
}

uint64_t heap_reclaim(void)
{
    struct heap_cache *const cache = heap_cache_mine();
    struct heap_stats before;
    struct heap_stats after;

    table_stats(&before);
    if (cache != NULL) {
        cache_flush(cache);
    }
    (void)heap_reclaim_shared();
    table_stats(&after);
    return before.frames > after.frames ? before.frames - after.frames : 0;
}

void heap_stats(struct heap_stats *out)
{
    struct heap_class_stats class;

    table_stats(out);
    out->remote_frees = slab_remote_frees();
    out->small_objects = 0;
    for (uint32_t i = 1; i < HEAP_CLASSES; i++) {
        slab_stats(i, &class);
        out->small_objects += class.objects;
    }
}

bool heap_class_stats(uint32_t class, struct heap_class_stats *out)
{
    if (class == 0 || class >= HEAP_CLASSES) {
        return false;
    }
    slab_stats(class, out);
    out->allocs += cache_allocs(class);
    return true;
}

uint32_t heap_test_fail_after(uint32_t n)
{
    struct heap_cache *const cache = heap_cache_mine();

    if (cache != NULL) {
        cache_flush(cache);
    }
    return atomic_exchange_explicit(&g_fail_after, n, memory_order_relaxed);
}
