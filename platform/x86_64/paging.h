/*
 * paging.h - the kernel's own tables, and changes of what a CPU sees through them.
 *
 * Until paging_core_takes_over() tables come from the boot memory map, afterwards from
 * exo/mem/phys.h. See mmio.h for device registers.
 */
#ifndef PLATFORM_X86_64_PAGING_H
#define PLATFORM_X86_64_PAGING_H

#include "exo/abi/status.h"
#include "exo/hal/boot_info.h"

#include "layout.h"

/* Build and load the kernel's tables: direct map, image with rights by section, the window for
 * device registers; the boot tables and the identity mapping are gone afterwards.
 * `info` has the final regions; what the tables need is carved out of it. Returns the end of the
 * direct map's first stretch without holes.  Context: boot CPU, once. Panics if memory does not
 * suffice. */
uint64_t paging_init(struct boot_info *info);

/* Make all tables of a window, so that every space copies its top-level entry and mapping a page
 * there later needs no memory.  Context: boot CPU, before the first space and the first start of
 * another CPU.  Errors: EXO_ERR_NO_MEMORY. */
EXO_MUST_CHECK exo_status_t paging_window_reserve(vaddr_t start, uint64_t len_bytes);

/* From now on frames come from the core. */
void paging_core_takes_over(void);

/* The top-level table of the kernel alone. */
paddr_t paging_kernel_root(void);

/* Copy the kernel's half into the table `root`. */
void paging_share_kernel_half(paddr_t root);

/* Tables for a CPU on its way up: the kernel's half, and the page `trampoline` at its own address,
 * readable and executable, not writable. Below 4 GiB, static.  Locks: the caller starts one CPU at
 * a time. */
paddr_t paging_trampoline_root(paddr_t trampoline);

/* Load the kernel's own tables on this CPU. */
void paging_load_kernel(void);

static inline void paging_load(paddr_t root)
{
    __asm__ volatile("movq %0, %%cr3" : : "r"(root) : "memory");
}

static inline void paging_flush_page(vaddr_t address)
{
    __asm__ volatile("invlpg (%0)" : : "r"(address) : "memory");
}

/* Forget all translations of this CPU, global ones included. */
void paging_flush_all(void);

/* Forget those that are not global. */
static inline void paging_flush_user(void)
{
    uint64_t cr3;

    __asm__ volatile("movq %%cr3, %0\n\tmovq %0, %%cr3" : "=r"(cr3) : : "memory");
}

/* Walk all present leaves of the table `root`, top-level entries [first, last), and give each to
 * `visit` (tests of the rights, reports). */
struct paging_leaf {
    vaddr_t vaddr;
    paddr_t paddr;
    uint64_t len_bytes;
    uint64_t entry; /* rights as they are in the entry, the tables above included */
};
void paging_walk(paddr_t root, uint32_t first, uint32_t last,
                 void (*visit)(const struct paging_leaf *leaf, void *arg), void *arg);

#endif /* PLATFORM_X86_64_PAGING_H */
