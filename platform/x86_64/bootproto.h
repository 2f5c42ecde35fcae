/*
 * bootproto.h - reading what the boot loader left in memory: multiboot2 and PVH, pure functions.
 *
 * Memory is given as bytes: physical address p is at mem->base[p], readable below mem->limit.
 * Nothing outside is read, whatever the loader's structures say; what leads outside is counted and
 * passed over.
 *
 * Spec: Multiboot2 1.6 section 3.6; Xen public header arch-x86/hvm/start_info.h.
 */
#ifndef PLATFORM_X86_64_BOOTPROTO_H
#define PLATFORM_X86_64_BOOTPROTO_H

#include "exo/abi/status.h"
#include "exo/hal/boot_info.h"

#include "memmap.h"

enum bootproto_kind { BOOTPROTO_MULTIBOOT2 = 1, BOOTPROTO_PVH = 2 }; /* entry.asm passes these */

#define BOOTPROTO_RSDP_MAX 36u

struct bootproto_mem {
    const uint8_t *base;
    uint64_t limit; /* bytes */
};

struct bootproto_module {
    paddr_t start;
    uint64_t len_bytes;
    const char *name; /* into the given memory, NUL-terminated; "" if it has none */
};

struct bootproto {
    const char *cmdline; /* into the given memory, NUL-terminated; "" without one */
    uint32_t module_count;
    uint32_t broken_count; /* structures that lead nowhere or contradict themselves */
    struct bootproto_module module[BOOT_MODULES_MAX];
    paddr_t rsdp;            /* PVH: where it is, 0 if unknown */
    uint32_t rsdp_len_bytes; /* multiboot2: a copy, 0 without one */
    uint8_t rsdp_copy[BOOTPROTO_RSDP_MAX];
    struct memmap map; /* free, ACPI and firmware ranges as the loader tells them */
};

/* Read the information at physical address `info`. `out` must be zeroed.
 * Errors: EXO_ERR_BAD_FORMAT (the head of the structure is no such thing, or names no memory at
 * all), EXO_ERR_INVALID (unknown kind). */
EXO_MUST_CHECK exo_status_t bootproto_read(enum bootproto_kind kind,
                                           const struct bootproto_mem *mem, paddr_t info,
                                           struct bootproto *out);

#endif /* PLATFORM_X86_64_BOOTPROTO_H */
