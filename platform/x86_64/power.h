/*
 * power.h - the ways to end or restart the machine; defines hal_shutdown() and hal_restart().
 *
 * hal_shutdown(status): "exo-exit STATUS\n" to the debug console (port 0xe9), the emulator's exit
 * device (port 0xf4), ACPI S5, then halt. hal_restart(): FADT reset register, keyboard controller,
 * triple fault.
 */
#ifndef PLATFORM_X86_64_POWER_H
#define PLATFORM_X86_64_POWER_H

#include "exo/lib/types.h"

/* Prepare what cannot be prepared in a panic: the reset register's mapping, ACPI mode.
 * Context: boot CPU, after acpi_init(), mmio_map() usable. */
void power_init(void);
bool power_can_poweroff(void);

#endif /* PLATFORM_X86_64_POWER_H */
