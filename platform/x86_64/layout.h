/*
 * layout.h - where things are in the kernel half of every address space, and the segment selectors.
 *
 *   0xffff800000000000  direct map of physical memory
 *   0xffffc00000000000  the kernel's address area (exo/mem/kva.h), kernel stacks among it
 *   0xffffc80000000000  device registers (mmio_map)
 *   0xffffffff80000000  the kernel image, at its physical address
 *
 * The top-level entries of these four are made at boot, before the first space, and never change
 * afterwards, so every address space shares them by copying 256 words once.
 */
#ifndef PLATFORM_X86_64_LAYOUT_H
#define PLATFORM_X86_64_LAYOUT_H

#include "exo/hal.h"

#define LAYOUT_KVA        0xffffc00000000000ull
#define LAYOUT_MMIO       0xffffc80000000000ull
#define LAYOUT_MMIO_BYTES (64ull << 20)

#define LAYOUT_KERNEL_HALF 256u /* first top-level index of the kernel's half */

#define LARGE_PAGE_BYTES (2ull << 20)
#define GIANT_PAGE_BYTES (1ull << 30)

/* SYSCALL takes CS and SS as +0 and +8 of its base, SYSRET as +16 and +8 of its own. */
#define SELECTOR_KERNEL_CODE 0x08u
#define SELECTOR_KERNEL_DATA 0x10u
#define SELECTOR_SYSRET_BASE 0x18u
#define SELECTOR_USER_DATA   0x23u
#define SELECTOR_USER_CODE   0x2bu
#define SELECTOR_TSS         0x30u

/* Marks of the linker script (kernel.ld); only their addresses mean anything. */
extern char kernel_image_start[], kernel_text_start[], kernel_text_end[];
extern char kernel_rodata_start[], kernel_rodata_end[];
extern char kernel_data_start[], kernel_image_end[];

/* Physical address of something in the kernel image (static data). */
static inline paddr_t layout_image_phys(const void *address)
{
    return (paddr_t)address - HAL_KERNEL_BASE;
}

#endif /* PLATFORM_X86_64_LAYOUT_H */
