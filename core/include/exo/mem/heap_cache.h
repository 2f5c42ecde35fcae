/*
 * exo/mem/heap_cache.h - a thread's own store of free heap objects, the first member of its record.
 *
 * All zero is its valid empty state. The scheduler only embeds it, first in struct thread, so that
 * the heap finds it as hal_current(), and calls heap_thread_exit() when the thread has ended.
 * Touched by its own thread alone, never in an interrupt handler.
 *
 * A bin holds objects of one size class in an array, so that neither taking nor giving one back
 * touches the object itself.
 */
#ifndef EXO_MEM_HEAP_CACHE_H
#define EXO_MEM_HEAP_CACHE_H

#include "exo/lib/types.h"

#define HEAP_CLASSES 57u /* size classes, number 0 is never cached: it leads to the slow path */

struct heap_bin {
    void **top;      /* [t] behind the last object of the array */
    void **slots;    /* [t] the array, NULL at first */
    void **end;      /* [t] behind the array's last place, NULL at first */
    uint64_t allocs; /* [t] objects taken and not yet reported */
};

#define HEAP_BIN_BYTES 32u
_Static_assert(sizeof(struct heap_bin) == HEAP_BIN_BYTES, "the heap's table has offsets of bins");

/* Key: [t] its own thread, or who ends it. */
struct heap_cache {
    struct heap_bin bin[HEAP_CLASSES]; /* first: see entry_make() in heap_private.h */
    void **spare[HEAP_CLASSES]; /* [t] second arrays: full if spare_full, else empty; or NULL */
    uint64_t spare_full;        /* [t] bit per class */
    uint32_t reclaim_seen;      /* [t] the last request to give memory back that was followed */
    uint8_t
        batch[HEAP_CLASSES]; /* [t] objects to fetch at the next miss; doubles with every miss */
};

/* Give back all that the cache of a thread that will not run again holds.
 * Context: any in which memory can be freed; the thread itself or after its end. */
void heap_thread_exit(struct heap_cache *cache);

#endif /* EXO_MEM_HEAP_CACHE_H */
