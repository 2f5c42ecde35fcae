/*
 * serial.h - two 16550 serial lines at 115200 baud: COM1 is the console, COM2 standard error.
 *
 * serial_early_init() needs nothing, so the first kernel instruction in C may call it; from then on
 * serial_write() works in any context. serial_irq_init() adds interrupts: received bytes go to
 * core_on_console_input(), and what a slow line cannot take at once waits in a ring.
 *
 * Locks: a short one per line, inside; hal_console_write() serialises writers.
 * Spec: National PC16550D data sheet.
 */
#ifndef PLATFORM_X86_64_SERIAL_H
#define PLATFORM_X86_64_SERIAL_H

#include "exo/lib/types.h"

enum serial_line { SERIAL_COM1, SERIAL_COM2, SERIAL_LINES };

/* Detect and program both lines: 115200 8N1, interrupts off, FIFOs on unless that would lose what
 * was typed before. */
void serial_early_init(void);
bool serial_present(enum serial_line line);

/* Send bytes as they are; absent lines swallow them. May wait for room, and counts up the progress
 * of `caller`'s lock meanwhile, so that others know that it lives.  Caller: hal_console_write(). */
struct console_lock;
void serial_write(enum serial_line line, const char *bytes, size_t len_bytes,
                  struct console_lock *caller);

/* Wait until every byte has left, or the line has not moved for ten seconds (shutdown, panic). */
void serial_flush(void);

/* Register and route the ISA lines 4 and 3 to `apic_id`, enable receive interrupts.  Context: boot
 * CPU, after ioapic_init(), interrupts off. */
void serial_irq_init(uint32_t apic_id);

#endif /* PLATFORM_X86_64_SERIAL_H */
