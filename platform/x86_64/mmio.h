/*
 * mmio.h - uncached kernel mappings of device registers.
 *
 * Defined beside the page tables. The device drivers need it from before core_main() on: local
 * APIC, I/O APICs, HPET, the text screen and the reset register, some ten pages in all.
 */
#ifndef PLATFORM_X86_64_MMIO_H
#define PLATFORM_X86_64_MMIO_H

#include "exo/lib/types.h"

/* Map [paddr, paddr + len_bytes) uncached, writable, not executable, for the life of the kernel;
 * the same in every address space. Any alignment: the result points at the byte `paddr`.
 * Returns NULL if there is no room.  Context: boot CPU during start-up, or thread. */
volatile void *mmio_map(paddr_t paddr, size_t len_bytes);

#endif /* PLATFORM_X86_64_MMIO_H */
