/*
 * heap_private.h - slabs, the table from addresses to slabs, and what the files of the heap share.
 */
#ifndef HEAP_PRIVATE_H
#define HEAP_PRIVATE_H

#include <stdatomic.h>

#include "exo/lib/list.h"
#include "exo/mem/heap.h"

#define SLAB_OBJECTS_MAX 256u
#define SLAB_WORDS       (SLAB_OBJECTS_MAX / 64)
#define SLAB_LARGE       0u /* the class of an object that is frames of its own */

#define SLAB_PLAIN   0u /* kind: objects go through thread caches */
#define SLAB_CHECKED 1u /* kind: objects have a red zone and are never cached */
#define SLAB_KINDS   2u

#define LARGE_CALLER 0u /* word of a large object's `remote`: who allocated it */
#define LARGE_KEPT   1u /* word of a large object's `remote`: 1 after heap_keep() */

/* Keys: [c] constant while in use, [o] the owning CPU's lock (others read `free` of their own
 * objects), [a] atomic. */
struct slab {
    _Atomic uint64_t free[SLAB_WORDS];   /* [o] bit per free object */
    _Atomic uint64_t remote[SLAB_WORDS]; /* [a] bit per object freed by another CPU; LARGE_* */
    struct list_node node;               /* [o] in the partial list of its CPU and class */
    struct slab *next;                   /* in the remote list, or the list of free records */
    char *base;                          /* [c] */
    uint64_t size;                       /* [c] bytes of an object; large: what was asked for */
    uint32_t frames;                     /* [c] */
    uint32_t inverse;                    /* [c] 2^32 / size, rounded up */
    _Atomic uint32_t remote_count;       /* [a] remote frees that the owner has not seen */
    uint16_t used;                       /* [o] objects out of the slab, unseen remote frees too */
    uint16_t objects;                    /* [c] */
    uint8_t class;                       /* [c] */
    uint8_t kind;                        /* [c] */
    uint16_t owner;                      /* [c] CPU */
} EXO_ALIGNED(64);
_Static_assert(sizeof(struct slab) == 128, "one for 4 KiB and more of objects: small");

static inline uint64_t slab_bytes(const struct slab *slab)
{
    return (uint64_t)slab->frames << PAGE_SHIFT;
}

/* ---- table.c ---- */

void table_init(void);

/* A record for a slab of `frames` frames, base and bytes set and its frames entered in the table
 * (those of a large object: the first only), or NULL. */
struct slab *table_add(size_t frames, size_t align_frames, uint32_t class, bool cached);
void table_remove(struct slab *slab); /* its frames go back; interrupts may be on */

#define LEAF_SHIFT  21u
#define LEAF_FRAMES 512u
#define ENTRY_SHIFT 48u /* above: offset of the bin, if objects may be cached; below: the record */

struct leaf {
    _Atomic uintptr_t entry[LEAF_FRAMES];
};

extern _Atomic(struct leaf *) *g_dir; /* [c] the array; its words are atomic */
extern uint64_t g_dir_count;          /* [c] */

/* A frame's word: its slab's record, and the offset in a thread's cache of the bin that its objects
 * may lie in; that of class 0, which has none, if they may not. Addresses repeat bit 47 above
 * it. */
static inline uintptr_t entry_make(const struct slab *slab, uint32_t class)
{
    return ((uintptr_t)slab & (((uintptr_t)1 << ENTRY_SHIFT) - 1)) |
           (uintptr_t)(class * HEAP_BIN_BYTES) << ENTRY_SHIFT;
}

static inline struct slab *entry_slab(uintptr_t entry)
{
    return (struct slab *)((intptr_t)(entry << (64 - ENTRY_SHIFT)) >> (64 - ENTRY_SHIFT));
}

/* The table's word for the frame of `object`, 0 if the heap has nothing there. */
static inline uintptr_t table_entry(const void *object)
{
    const paddr_t paddr = hal_virt_to_phys(object);

    if (EXO_UNLIKELY(paddr >> LEAF_SHIFT >= g_dir_count)) {
        return 0;
    }
    struct leaf *const leaf =
        atomic_load_explicit(&g_dir[paddr >> LEAF_SHIFT], memory_order_relaxed);

    return atomic_load_explicit(&leaf->entry[(paddr >> PAGE_SHIFT) % LEAF_FRAMES],
                                memory_order_relaxed);
}

static inline struct slab *table_find(const void *object)
{
    return entry_slab(table_entry(object));
}

void table_frames_add(int64_t frames); /* count frames held */
void table_stats(struct heap_stats *out);

/* Call fn(slab, arg) for every slab. Nothing may come or go meanwhile. */
void table_walk(void (*fn)(struct slab *slab, void *arg), void *arg);

/* ---- slab.c ---- */

void slab_init(void);
size_t slab_class_size(uint32_t class);

/* Take up to `want` objects of one class, at least one unless there is no memory. */
uint32_t slab_take(uint32_t kind, uint32_t class, void **out, uint32_t want);

/* Give objects back, each to its own slab. Panics on one that is not out. */
void slab_give(void *const *objects, uint32_t count);

/* Index of `object` in its slab; panics if it is not the beginning of one that is out. */
uint32_t slab_index(const struct slab *slab, const void *object);
bool slab_is_out(const struct slab *slab, uint32_t index);

uint64_t slab_trim(void); /* give the empty slabs of all CPUs back; returns frames */
void slab_stats(uint32_t class, struct heap_class_stats *out);
uint64_t slab_remote_frees(void);

/* ---- cache.c ---- */

void *cache_refill(struct heap_cache *cache, uint32_t class);
bool cache_make_room(struct heap_cache *cache, uint32_t class);
void cache_flush(struct heap_cache *cache);
void depot_drain(void);
uint64_t cache_allocs(uint32_t class);

/* ---- check.c ---- */

bool check_is_on(void);
void *check_alloc(size_t size, uint32_t class, const void *caller);
void check_free(struct slab *slab, void *object);
size_t check_size(const struct slab *slab, const void *object);
void check_keep(struct slab *slab, const void *object);
void check_slab_new(struct slab *slab);
void check_slab_dead(struct slab *slab);

#define CHECK_TRAILER_BYTES 32u /* room for red zone and trailer */

/* heap_reclaim() without the caller's own cache, which may be in the middle of a miss. */
uint64_t heap_reclaim_shared(void);

_Noreturn void heap_fault(const void *object, const char *what);

#endif /* HEAP_PRIVATE_H */
