/*
 * loader.h - from the loader's information to struct boot_info.
 */
#ifndef PLATFORM_X86_64_LOADER_H
#define PLATFORM_X86_64_LOADER_H

#include "exo/hal/boot_info.h"

#include "bootproto.h"

/* Read what `kind` of loader left at physical address `paddr`, copy all text, mark kernel image and
 * modules in the memory map, move modules that are not page-aligned. What was passed over is
 * reported. The result may still be carved (memmap_carve()). Panics if there is no memory map.
 * Context: boot CPU, once, on the boot tables. */
struct boot_info *loader_read(enum bootproto_kind kind, paddr_t paddr);

/* Where the firmware's root pointer is: a copy by value, or its address, or neither (0). */
const struct bootproto *loader_proto(void);

#endif /* PLATFORM_X86_64_LOADER_H */
