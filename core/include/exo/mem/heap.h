/*
 * exo/mem/heap.h - the kernel heap: thread cache, per-CPU slabs, slabs from frames.
 *
 * Sizes up to HEAP_SMALL_MAX come from size classes, larger ones straight from frames. Objects are
 * aligned to 16 bytes, those whose size is a power of two to their size (a page at most). Functions
 * return a pointer, NULL when there is no memory: the exception to out-parameters that
 * docs/decisions/0010-heap-returns-pointers.md explains.
 *
 * Debug builds check: every object has a red zone and the address of its allocator's caller behind
 * it, memory is poisoned, ASan and Valgrind are told, and nothing is cached. A double free, a
 * foreign pointer, an overflow or a write after free panics and names the culprit.
 *
 * Locks:   RANK_HEAP and RANK_PHYS, inside, on slow paths only.  Context: any but NMI, and
 *          threads only for the two inline forms; interrupt handlers and code before the first
 *          thread use the CPU's slabs.
 */
#ifndef EXO_MEM_HEAP_H
#define EXO_MEM_HEAP_H

#include <stdatomic.h>

#include "exo/debug/trace.h"
#include "exo/hal.h"
#include "exo/lib/assert.h"
#include "exo/lib/types.h"
#include "exo/mem/heap_cache.h"

#define HEAP_STEP_MAX  128u              /* bytes; up to here classes are 16 bytes apart */
#define HEAP_SMALL_MAX 32768u            /* bytes; larger objects are whole frames */
#define HEAP_ALIGN_MAX ((size_t)1 << 30) /* bytes */
#define HEAP_SIZE_MAX  ((size_t)1 << 40) /* bytes; larger requests fail */

/* Called once, after phys_init(). Panics if there is no memory. */
void heap_init(void);

/* ---- the fast path ---- */

/* The class of size 1..HEAP_SMALL_MAX: steps of 16 bytes to 128, then eight to each doubling,
 * four from 2 KiB on. */
static inline uint32_t heap_class_of(size_t size)
{
    if (size <= HEAP_STEP_MAX) {
        return (uint32_t)(size + 15) >> 4;
    }
    const uint32_t last = (uint32_t)size - 1;
    const uint32_t log2 = 31u - (uint32_t)__builtin_clz(last);

    if (size <= 2048) {
        return (log2 - 7) * 8 + 9 + ((last >> (log2 - 3)) & 7);
    }
    return (log2 - 11) * 4 + 41 + ((last >> (log2 - 2)) & 3);
}

/* The running thread's cache, NULL where there is none that may be touched. */
static inline struct heap_cache *heap_cache_mine(void)
{
    return hal_irq_nested() ? NULL : (struct heap_cache *)(void *)hal_current();
}

/* Take an object out of a bin of the running thread's cache, NULL if it has none. */
static inline void *heap_bin_pop(struct heap_bin *bin)
{
    void **const top = bin->top;

    if (EXO_UNLIKELY(top == bin->slots)) {
        return NULL;
    }
    bin->top = top - 1;
    bin->allocs++;
    if (top[-1] == NULL) {
        __builtin_unreachable(); /* so that no caller asks again */
    }
    return top[-1];
}

/* Put an object into a bin of the running thread's cache; false if there is no room. */
static inline bool heap_bin_push(struct heap_bin *bin, void *object)
{
    void **const top = bin->top;

    if (EXO_UNLIKELY(top == bin->end)) {
        return false;
    }
    *top = object;
    bin->top = top + 1;
    return true;
}

/* The cache for the inline forms, which only threads may use. */
static inline struct heap_cache *heap_cache_inline(void)
{
    KASSERT_DEBUG(heap_cache_mine() != NULL);
    return (struct heap_cache *)(void *)hal_current();
}

/* heap_alloc() of a size that the compiler does not know.  Context: any but NMI. */
void *heap_alloc_any(size_t size);

/* Allocate `size` bytes, contents undefined; 0 counts as 1.
 * Owns: the caller; heap_free().  Errors: NULL, no memory.
 * Context: thread; elsewhere heap_alloc_any(). */
static inline EXO_MUST_CHECK void *heap_alloc(size_t size)
{
    void *object = NULL;

    if (__builtin_constant_p(size) && size - 1 < HEAP_SMALL_MAX) {
        if (EXO_LIKELY(!trace_is_on(TRACE_ALLOC))) {
            object = heap_bin_pop(&heap_cache_inline()->bin[heap_class_of(size)]);
        }
    }
    return EXO_LIKELY(object != NULL) ? object : heap_alloc_any(size);
}

/* Free what one of these functions allocated; NULL is a no-op. Panics on anything else. */
void heap_free(void *object);

/* Free what heap_alloc(size) or heap_alloc_zeroed(size) gave, with that very size: without looking
 * up where it came from if `size` is a constant.  Context: thread. */
static inline void heap_free_sized(void *object, size_t size)
{
    if (__builtin_constant_p(size) && size - 1 < HEAP_SMALL_MAX && object != NULL &&
        EXO_LIKELY(!trace_is_on(TRACE_FREE)) &&
        EXO_LIKELY(heap_bin_push(&heap_cache_inline()->bin[heap_class_of(size)], object))) {
        return;
    }
    heap_free(object);
}

/* ---- other forms ---- */

EXO_MUST_CHECK void *heap_alloc_zeroed(size_t size);

/* Allocate with an alignment, a power of two up to HEAP_ALIGN_MAX; NULL also if it is not one. */
EXO_MUST_CHECK void *heap_alloc_aligned(size_t size, size_t align);

/* Change the size, moving the object if it must. On NULL the old one is as it was. NULL as the
 * object allocates; the alignment of heap_alloc_aligned() is not kept. */
EXO_MUST_CHECK void *heap_resize(void *object, size_t size);

/* Bytes that the object may use: at least what was asked for. */
size_t heap_usable_size(const void *object);

/* ---- giving memory back, facts ---- */

/* Give back what is cached: the calling thread's cache, what all CPUs hold in common and their
 * empty slabs at once, the caches of other threads when they next miss. Returns frames given
 * back. */
uint64_t heap_reclaim(void);

/* From now on the frame allocator asks for memory when it is short of it: all that heap_reclaim()
 * gives but the calling thread's cache.  Context: thread, once, of the boot order. */
void heap_reclaim_start(void);

struct heap_stats {
    uint64_t frames; /* held, all in all */
    uint64_t frames_peak;
    uint64_t frames_metadata; /* of them for the heap's own tables; not given back */
    uint64_t large_objects;   /* alive, straight from frames */
    uint64_t small_objects;   /* out of slabs: alive or in caches */
    uint64_t remote_frees;    /* to slabs of another CPU */
};

struct heap_class_stats {
    uint64_t size_bytes;
    uint64_t allocs;  /* with red zones, and through caches: live threads report at a miss */
    uint64_t objects; /* out of slabs: alive or in caches */
    uint64_t slabs;
};

void heap_stats(struct heap_stats *out);

/* The facts of class 1..HEAP_CLASSES - 1; false if there is no such class. */
bool heap_class_stats(uint32_t class, struct heap_class_stats *out);

struct heap_caller {
    const void *caller; /* return address of the allocating call */
    uint64_t objects;
    uint64_t bytes;
};

/* Who allocated what is alive, by the red zones of debug builds: fills out[max], most bytes first;
 * returns how many there are. Nothing may allocate or free meanwhile on other CPUs. */
size_t heap_callers(struct heap_caller *out, size_t max);

/* Tell the leak report that `object` lives as long as the kernel. It may be freed all the same. */
void heap_keep(void *object);

/* Log what is still allocated and not kept, by caller: size, count and call site; silent if there
 * is nothing. Returns the number of objects. Test builds call it when the machine ends. Builds
 * without EXO_CONFIG_DEBUG know of large objects only. Context: as heap_callers(). */
uint64_t heap_leak_report(void);

/* ---- for tests ---- */

/* Make the n-th allocation from now fail, once; 0 disarms. The calling thread bypasses its cache
 * meanwhile, so that each of its allocations counts. Returns how many were left until the failure
 * planned before, 0 if that has come. */
uint32_t heap_test_fail_after(uint32_t n);

/* Check (red zones, nothing cached) or not: debug builds begin with true. Objects of either kind
 * may be alive, but heap_free_sized() wants its object allocated in the present mode. Returns what
 * was. */
bool heap_test_checked_set(bool checked);

#endif /* EXO_MEM_HEAP_H */
