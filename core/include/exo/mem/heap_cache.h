/*
 * exo/mem/heap_cache.h - a thread's own store of free heap objects, the first member of its record.
 *
 * All zero is its valid empty state. The scheduler only embeds it, first in struct thread, so that
 * the heap finds it as hal_current(), and calls heap_thread_exit() when the thread has ended.
 * Touched by its own thread alone, never in an interrupt handler.
 *
 * A bin holds objects of one size class in an array, so that neither taking nor giving one back
 * touches the object itself. Its word is a count of allocations in the upper 48 bits and the number
 * of objects in the lower 16: one addition keeps both.
 */
#ifndef EXO_MEM_HEAP_CACHE_H
#define EXO_MEM_HEAP_CACHE_H

#include "exo/lib/types.h"

#define HEAP_CLASSES 57u /* size classes, number 0 is never cached: it leads to the slow path */

#define HEAP_BIN_COUNT_MASK 0xffffu
#define HEAP_BIN_POP        0xffffu /* added to the word: one allocation more, one object less */
#define HEAP_BIN_PUSH       1u      /* added to the word: one object more */
#define HEAP_BIN_ALLOCS(w)  ((w) >> 16)

struct heap_bin {
    void **slots;   /* [t] the array, NULL at first */
    uint64_t word;  /* [t] allocations << 16 | objects in slots */
    uint64_t limit; /* [t] objects that slots can hold, 0 at first */
    void **spare;   /* [t] a second array: full if spare_full, else empty; or NULL */
};

/* Key: [t] its own thread, or who ends it. */
struct heap_cache {
    struct heap_bin bin[HEAP_CLASSES];
    uint64_t spare_full;   /* [t] bit per class */
    uint32_t class_last;   /* [t] of the last free, the guess for the next one */
    uint32_t reclaim_seen; /* [t] the last request to give memory back that was followed */
    uint8_t
        batch[HEAP_CLASSES]; /* [t] objects to fetch at the next miss; doubles with every miss */
};

/* Give back all that the cache of a thread that will not run again holds.
 * Context: any in which memory can be freed; the thread itself or after its end. */
void heap_thread_exit(struct heap_cache *cache);

#endif /* EXO_MEM_HEAP_CACHE_H */
