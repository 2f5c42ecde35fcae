/*
 * exo/hal/boot_info.h - what a platform tells the core when it calls core_main().
 *
 * Owns: the platform; everything pointed to stays valid and constant for the life of the kernel.
 */
#ifndef EXO_HAL_BOOT_INFO_H
#define EXO_HAL_BOOT_INFO_H

#include "exo/lib/types.h"

#define BOOT_REGIONS_MAX     128u
#define BOOT_MODULES_MAX     16u
#define BOOT_NODES_MAX       8u /* memory nodes (NUMA); more are reported and joined to the first */
#define BOOT_NODE_RANGES_MAX 64u
#define BOOT_DISTANCE_SELF   10u   /* what SLIT says of a node and itself */
#define BOOT_DISTANCE_FAR    20u   /* of two nodes, where nobody says anything */
#define BOOT_CMDLINE_MAX     4096u /* bytes, NUL included; longer ones are cut and reported */

enum boot_region_kind {
    BOOT_REGION_FREE,     /* the frame allocator may hand it out */
    BOOT_REGION_KERNEL,   /* kernel image, page tables, early allocations of the platform */
    BOOT_REGION_MODULE,   /* a module's bytes */
    BOOT_REGION_ACPI,     /* firmware tables, readable through the direct map */
    BOOT_REGION_FIRMWARE, /* anything else that must not be touched */
};

/* One run of physical memory. Sorted by base, not overlapping, base and length page-aligned. */
struct boot_region {
    paddr_t base;
    uint64_t len_bytes;
    enum boot_region_kind kind;
};

/* A file that came with the kernel. `data` is its place in the direct map (page-aligned, the rest
 * of its last page is zero). */
struct boot_module {
    const char
        *name; /* NUL-terminated; "initrd" is the initial RAM file system, a cpio newc archive */
    const uint8_t *data;
    size_t len_bytes;
};

/* Memory [base, end) is near to the CPUs of `node`. */
struct boot_node_range {
    paddr_t base;
    paddr_t end;
    uint32_t node;
};

/* Which memory is near to which CPU. What no range covers belongs to node 0. All zero: one node. */
struct boot_numa {
    uint32_t node_count; /* 0 counts as 1 */
    uint32_t range_count;
    struct boot_node_range range[BOOT_NODE_RANGES_MAX]; /* sorted by base, not overlapping */
    uint8_t cpu_node[CPUS_MAX];
    uint8_t distance[BOOT_NODES_MAX][BOOT_NODES_MAX]; /* from row to column; 0: unknown */
};

struct boot_info {
    const char *platform; /* "hosted" or "x86_64" */
    const char *cmdline;  /* key=value words; what follows " -- " is the first program's argv,
                              percent-encoded, one space between arguments (docs/boot.md) */
    uint32_t region_count;
    uint32_t module_count;
    uint8_t fill_mask;  /* changes the bytes that debug builds fill memory with (exo/mem/fill.h);
                           0: as they are */
    uint32_t cpu_count; /* CPUs that hal_cpu_start() can start, the boot CPU included */
    struct boot_region region[BOOT_REGIONS_MAX];
    struct boot_module module[BOOT_MODULES_MAX];
    struct boot_numa numa;
};

#endif /* EXO_HAL_BOOT_INFO_H */
