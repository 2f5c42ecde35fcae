/*
 * vga.h - the 80x25 text screen, where the firmware left the adapter in text mode.
 *
 * Looks at the adapter's own registers: under UEFI, without an adapter or in a graphics mode it
 * stays quiet. Understands CR LF BS TAB and of ANSI escapes: cursor moves A B C D G H, erase J K,
 * colours m.
 *
 * Locks: none; hal_console_write() serialises.  Spec: IBM VGA; ECMA-48.
 */
#ifndef PLATFORM_X86_64_VGA_H
#define PLATFORM_X86_64_VGA_H

#include "exo/lib/types.h"

/* Find the screen and clear it. Context: boot CPU, after acpi_init(), mmio_map() usable. */
void vga_init(void);
bool vga_present(void);

/* LF also returns the carriage, as terminals do it for programs. */
void vga_write(const char *bytes, size_t len_bytes);

#endif /* PLATFORM_X86_64_VGA_H */
