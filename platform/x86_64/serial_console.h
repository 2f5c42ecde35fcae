/*
 * serial_console.h - the lock over serial lines and screen that hal_console_write() takes.
 *
 * Not a spinlock of exo/sync: it must yield to a panic and to an NMI that interrupted its holder, and
 * assertion failures inside lock checking print through it. Interrupts are off while it is held.
 */
#ifndef PLATFORM_X86_64_SERIAL_CONSOLE_H
#define PLATFORM_X86_64_SERIAL_CONSOLE_H

#include "exo/hal.h"

/* Wait for the lock, at most some 200 ms, then go on without it; a second acquisition by the holding
 * CPU goes on at once. *irq is for the release.  Returns what console_unlock() must be told. */
bool console_lock(hal_irq_t *irq);
void console_unlock(bool locked, hal_irq_t irq);

#endif /* PLATFORM_X86_64_SERIAL_CONSOLE_H */
