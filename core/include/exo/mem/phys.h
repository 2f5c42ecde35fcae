/*
 * exo/mem/phys.h - frames of physical memory: a buddy allocator per zone under caches per CPU.
 *
 * Each memory node has up to three zones, cut at the addresses that old devices can reach: DMA
 * below 16 MiB, DMA32 below 4 GiB, Normal above. An allocation begins at the node of the CPU that
 * asks and goes on by distance, in each node from Normal to DMA32; the DMA zones of all nodes come
 * last. Single frames go through a cache of the CPU.
 *
 * Locks:   RANK_PHYS, interrupt-saving, taken inside, never two at once.
 * Context: any but NMI. Reclaim hooks run only where the caller of an allocation may block.
 * Spec:    docs/memory.md.
 */
#ifndef EXO_MEM_PHYS_H
#define EXO_MEM_PHYS_H

#include "exo/abi/status.h"
#include "exo/hal/boot_info.h"
#include "exo/lib/list.h"
#include "exo/lib/types.h"

#define PHYS_ORDER_MAX   18u /* the largest block has 2^18 frames, 1 GiB */
#define PHYS_ORDER_COUNT (PHYS_ORDER_MAX + 1)
#define PHYS_ZONES_MAX   (3 * BOOT_NODES_MAX)
#define PHYS_NODE_ANY    UINT32_MAX /* begin at the node of the CPU that asks */

enum phys_zone_kind {
    PHYS_ZONE_DMA,    /* below 16 MiB */
    PHYS_ZONE_DMA32,  /* below 4 GiB */
    PHYS_ZONE_NORMAL, /* above */
    PHYS_ZONE_KINDS,
};

/* What a device wants of its memory; a zero field asks for nothing special, but for frame_count. */
struct phys_spec {
    size_t frame_count;
    size_t align_frames;     /* power of two */
    paddr_t limit;           /* the run ends at or below this address */
    uint64_t boundary_bytes; /* the run crosses no multiple of this power of two */
    uint32_t node;           /* where the search begins, or PHYS_NODE_ANY */
};

struct phys_stats {
    uint64_t frames_total;     /* frames the allocator manages */
    uint64_t frames_free;      /* in zones and caches */
    uint64_t frames_low_water; /* fewest free in the zones so far; caches count as used here */
};

struct phys_zone_stats {
    uint32_t node;
    enum phys_zone_kind kind;
    uint64_t frames_total;
    uint64_t frames_free;              /* without those in caches */
    uint64_t mark_min;                 /* below: no frames for caches, each goes to who needs it */
    uint64_t mark_low;                 /* below, in all zones together: reclaim begins */
    uint64_t mark_high;                /* what reclaim asks for */
    uint64_t blocks[PHYS_ORDER_COUNT]; /* free ones by order */
};

struct phys_cache_stats {
    uint64_t frames;    /* in all caches now */
    uint64_t refills;   /* batches taken from zones so far */
    uint64_t drains;    /* batches given back */
    uint64_t reclaims;  /* rounds of reclaim hooks */
    uint64_t reclaimed; /* frames that they said they freed */
};

/* Who can give frames back when they become few. */
struct phys_reclaim {
    struct list_node node; /* the allocator's */
    const char *name;
    uint64_t (*reclaim)(struct phys_reclaim *self, uint64_t frames_wanted); /* returns how many */
};

/* Take over the free regions. Called once, first thing of the boot order. Panics if there is no
 * room for the descriptors. */
void phys_init(const struct boot_info *info);

/* Allocate frame_count consecutive frames, the first aligned to align_frames (a power of two, 1 =
 * any). Contents are undefined; debug builds poison them.
 * Errors: EXO_ERR_NO_MEMORY, EXO_ERR_INVALID (zero count, bad alignment). */
EXO_MUST_CHECK exo_status_t phys_alloc(size_t frame_count, size_t align_frames, paddr_t *out);

/* Allocate one zeroed frame. */
EXO_MUST_CHECK exo_status_t phys_alloc_zeroed(paddr_t *out);

/* Allocate what `spec` describes, from the zones that fit it, for devices and for who wants a
 * certain node first.  Errors: as phys_alloc(); EXO_ERR_INVALID also if the run is longer than
 * boundary_bytes, or the node does not exist. */
EXO_MUST_CHECK exo_status_t phys_alloc_spec(const struct phys_spec *spec, paddr_t *out);

/* Free frames that were allocated, in whole or in parts. Freeing one that is free, or outside
 * every region, panics and names it; debug builds also name who freed it first. */
void phys_free(paddr_t base, size_t frame_count);

/* Give the frames in the caches of all CPUs back to their zones. */
void phys_drain(void);

/* Register a hook, which lives until it is removed. It is called with no lock held, by a thread
 * whose allocation found memory below the low marks, or none at all; one at a time. It may free
 * and, in small amounts, allocate; sleeping locks that may be held around an allocation are not for
 * it.  Context of the two: thread, may block. After phys_reclaim_remove() the hook does not run. */
void phys_reclaim_add(struct phys_reclaim *hook);
void phys_reclaim_remove(struct phys_reclaim *hook);

/* The node that a frame belongs to, PHYS_NODE_ANY if it is not the allocator's. */
uint32_t phys_node_of(paddr_t frame);
uint32_t phys_node_of_cpu(uint32_t cpu); /* the node whose memory is near to `cpu` */
uint32_t phys_node_count(void);

void phys_stats(struct phys_stats *out);
void phys_cache_stats(struct phys_cache_stats *out);

/* Statistics of zone `index`, 0, 1, ...; false behind the last one. */
bool phys_zone_stats(uint32_t index, struct phys_zone_stats *out);

/* Make the n-th allocation from now fail with EXO_ERR_NO_MEMORY, once; 0 disarms (fault sweeps).
 * Returns how many were left until the failure planned before, 0 if that has come. */
uint32_t phys_test_fail_after(uint32_t n);

#endif /* EXO_MEM_PHYS_H */
