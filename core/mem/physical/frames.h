/*
 * frames.h - what the files of the frame allocator share: spans, zones, descriptors.
 *
 * A frame's descriptor is split over three arrays, all under the same index: its state (a byte),
 * the links of a free block (only the first frame's are ever written) and, in debug builds, who
 * allocated and who freed it last. Only the states are filled at boot; so a large machine starts as
 * fast as a small one. Indices count the frames that are the allocator's, without the holes.
 */
#ifndef MEM_PHYSICAL_FRAMES_H
#define MEM_PHYSICAL_FRAMES_H

#include <stdatomic.h>

#include "exo/mem/phys.h"
#include "exo/sync/spinlock.h"

/* States: what the frame is, a block's order in the low bits of the head's, and a flag. */
#define FRAME_FREE       0x00u /* in a free block, but not its first frame */
#define FRAME_HEAD       0x20u /* the first frame of a free block; low bits: order */
#define FRAME_USED       0x40u
#define FRAME_CACHED     0x60u /* in a CPU's cache, or on the way into or out of it */
#define FRAME_CLAIMED    0x61u /* somebody is freeing it and has not said yet who he is */
#define FRAME_KIND_MASK  0x60u
#define FRAME_ORDER_MASK 0x1fu
#define FRAME_POISONED   0x80u /* filled when it was freed, unchanged unless somebody erred */

#define INDEX_NONE        UINT32_MAX
#define STATES_WORD       8u /* states that are claimed at once */
#define SPANS_MAX         256u
#define POISON_FRAMES_MAX 512u /* longer runs are not poisoned: it would take seconds */

_Static_assert(PHYS_ORDER_MAX <= FRAME_ORDER_MASK, "an order fits a state");

struct frame_link { /* [z] */
    uint32_t next;
    uint32_t prev;
};

struct frame_owner { /* [a] written by the frame's owner; low halves of code addresses */
    _Atomic uint32_t allocated_by; /* valid in used, claimed and poisoned frames */
    _Atomic uint32_t freed_by;     /* valid in poisoned and claimed frames; there 0: not yet */
};

/* Consecutive frames of one zone. */
struct span {       /* [c] after phys_init() */
    uint64_t first; /* frame number */
    uint64_t count;
    uint32_t index; /* of the first frame; as many above a multiple of STATES_WORD as `first` */
    struct zone *zone;
};

struct zone { /* keys: [z] lock, [c] constant after phys_init(), [a] atomic */
    struct spinlock lock;
    uint32_t node;                     /* [c] */
    enum phys_zone_kind kind;          /* [c] */
    uint64_t frames_total;             /* [c] */
    uint64_t end;                      /* [c] behind its highest frame */
    uint64_t mark_min;                 /* [c] */
    uint64_t mark_low;                 /* [c] */
    uint64_t mark_high;                /* [c] */
    _Atomic uint64_t frames_free;      /* [a] written under the lock */
    uint32_t orders;                   /* [z] bit k: there is a free block of order k */
    uint32_t head[PHYS_ORDER_COUNT];   /* [z] index of the first free block, or INDEX_NONE */
    uint64_t blocks[PHYS_ORDER_COUNT]; /* [z] */
};

/* What an allocation looks for. */
struct request {
    uint64_t count;
    uint64_t align; /* frames, a power of two */
    uint64_t limit; /* frame number behind the highest that will do */
    uint32_t node;
    uintptr_t caller;
};

extern struct zone g_zone[PHYS_ZONES_MAX];
extern struct span g_span[SPANS_MAX];
extern uint32_t g_span_count;
extern _Atomic uint8_t *g_state;
extern struct frame_link *g_link;
extern struct frame_owner *g_owner; /* NULL without EXO_CONFIG_DEBUG */

static inline uint8_t state_get(uint32_t index)
{
    return atomic_load_explicit(&g_state[index], memory_order_relaxed);
}

static inline void state_set(uint32_t index, unsigned state)
{
    atomic_store_explicit(&g_state[index], (uint8_t)state, memory_order_relaxed);
}

/* STATES_WORD states as one word: they lie in an array of bytes. */
typedef uint64_t __attribute__((may_alias)) states_t;

#define STATES_ALL(state) ((state) * (UINT64_MAX / UINT8_MAX)) /* the state in each byte */

static inline states_t *states_word(uint32_t index)
{
    return (states_t *)(void *)(g_state + index);
}

static inline void *frame_address(uint64_t frame)
{
    return hal_phys_to_virt(frame << PAGE_SHIFT);
}

static inline uint64_t frame_of(const struct span *span, uint32_t index)
{
    return span->first + (index - span->index);
}

static inline uint32_t index_of(const struct span *span, uint64_t frame)
{
    return span->index + (uint32_t)(frame - span->first);
}

static inline uint64_t zone_free(const struct zone *zone)
{
    return atomic_load_explicit(&zone->frames_free, memory_order_relaxed);
}

/* Make a used frame the caller's to free: of several who try at once one succeeds. */
static inline bool frame_claim(uint32_t index)
{
    uint8_t used = FRAME_USED;

    return atomic_compare_exchange_strong_explicit(&g_state[index], &used,
                                                   EXO_CONFIG_DEBUG ? FRAME_CLAIMED : FRAME_CACHED,
                                                   memory_order_relaxed, memory_order_relaxed);
}

/* ---- map.c: from the memory map to spans and zones ---- */

void map_init(const struct boot_info *info);
const struct span *span_of(uint64_t frame); /* NULL: not the allocator's */
const struct span *span_of_index(uint32_t index);
const uint8_t *map_order(uint32_t node, uint32_t *count); /* zones to try, in turn */

/* ---- zone.c: the buddy system of a zone ---- */

void zone_give_run_locked(struct zone *zone, const struct span *span, uint32_t index,
                          uint64_t count);
bool zone_take_locked(struct zone *zone, uint32_t order, uint32_t *index);
void zone_block_remove_locked(struct zone *zone, uint32_t index, uint32_t order);
void zone_count_locked(struct zone *zone, int64_t delta);
void zones_start(void);
uint64_t zones_free(void);
uint64_t zones_low_water(void);
uint64_t zones_low_mark(void);

/* Take a run; its frames are then used. False if the zone has none. */
bool zone_alloc(struct zone *zone, const struct request *request, uint64_t *frame);
void zone_free_run(const struct span *span, uint32_t index, uint64_t count, unsigned flags);
void states_use(uint32_t index, uint64_t count);

/* ---- search.c: runs that are no block ---- */

bool search_alloc(struct zone *zone, const struct request *request, uint64_t *frame);

/* ---- cache.c: frames per CPU ---- */

#define CACHE_FRAMES_MAX 56u /* a cache is 512 bytes: its address costs one shift */

/* Single frames of a CPU. Every word is atomic and no lock guards them: see cache.c. */
struct EXO_ALIGNED(CACHE_LINE) frame_cache {
    _Atomic uint64_t slot[CACHE_FRAMES_MAX]; /* [a] frame << 32 | index, 0: empty */
    _Atomic uint64_t top;                    /* [a] hint: the slots below hold frames */
    _Atomic(const struct span *) span;       /* [a] of the last frame that came; may be cached */
    _Atomic uint64_t refills;                /* [a] */
    _Atomic uint64_t drains;                 /* [a] */
};

extern struct frame_cache g_cache[CPUS_MAX];

/* The cache of this CPU, as far as one knows. The empty assembly makes the compiler compute the
 * address once instead of going by the array each time. */
static inline struct frame_cache *cache_mine(void)
{
    struct frame_cache *cache = &g_cache[hal_cpu_id()];

    __asm__("" : "+r"(cache));
    return cache;
}

static inline uint64_t cached_frame(uint64_t entry)
{
    return entry >> 32;
}

static inline uint32_t cached_index(uint64_t entry)
{
    return (uint32_t)entry;
}

/* Take the frame that was put in last; 0 if it is not there, in which case others may be. */
static inline uint64_t cache_pop(struct frame_cache *cache)
{
    const uint64_t top = atomic_load_explicit(&cache->top, memory_order_relaxed);

    if (EXO_UNLIKELY(top == 0)) {
        return 0;
    }
    const uint64_t entry = atomic_exchange_explicit(&cache->slot[top - 1], 0, memory_order_acquire);

    atomic_store_explicit(&cache->top, top - 1, memory_order_relaxed);
    return entry;
}

/* Put a frame on top; false if there is no room for it there. */
static inline bool cache_push(struct frame_cache *cache, uint64_t entry)
{
    const uint64_t top = atomic_load_explicit(&cache->top, memory_order_relaxed);
    uint64_t none = 0;

    if (EXO_UNLIKELY(top == CACHE_FRAMES_MAX || !atomic_compare_exchange_strong_explicit(
                                                    &cache->slot[top], &none, entry,
                                                    memory_order_release, memory_order_relaxed))) {
        return false;
    }
    atomic_store_explicit(&cache->top, top + 1, memory_order_relaxed);
    return true;
}

/* May frames of `span` go to a cache now? */
static inline bool cache_wants(const struct span *span)
{
    return zone_free(span->zone) > span->zone->mark_min;
}

uint64_t cache_take(uint32_t cpu); /* the same as cache_pop(), and from the zone; 0: none */
bool cache_takes(uint32_t cpu, const struct span *span); /* may it ever hold frames of `span`? */
void cache_overflow(struct frame_cache *cache, uint64_t entry); /* cache_push() failed */
uint64_t cache_frames(void);
void cache_stats(struct phys_cache_stats *out);

/* ---- mark.c: poison and culprits, debug builds ---- */

void mark_debug_freed(uint64_t frame, uint32_t index, uint64_t count, uintptr_t caller);
void mark_debug_allocated(uint64_t frame, uint32_t index, uint64_t count, uintptr_t caller);
_Noreturn void mark_bad_free(uint64_t frame, uint64_t count, uintptr_t caller);

/* The caller owns the frames and is about to let them go; returns the flag of their states. */
static inline unsigned mark_freed(uint64_t frame, uint32_t index, uint64_t count, uintptr_t caller)
{
    if (EXO_CONFIG_DEBUG) {
        mark_debug_freed(frame, index, count, caller);
    }
    hal_mem_freed(frame_address(frame), count << PAGE_SHIFT);
    return EXO_CONFIG_DEBUG && count <= POISON_FRAMES_MAX ? FRAME_POISONED : 0;
}

/* The caller owns the frames and is about to hand them out. */
static inline void mark_allocated(uint64_t frame, uint32_t index, uint64_t count, uintptr_t caller)
{
    hal_mem_allocated(frame_address(frame), count << PAGE_SHIFT);
    if (EXO_CONFIG_DEBUG) {
        mark_debug_allocated(frame, index, count, caller);
    }
}

/* ---- reclaim.c ---- */

/* Let the hooks free frames if the caller may block; true if they said that they did. */
bool reclaim_run(uint64_t frames_wanted);
void reclaim_stats(struct phys_cache_stats *out);

#endif /* MEM_PHYSICAL_FRAMES_H */
