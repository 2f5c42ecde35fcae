/*
 * dispatch.h - how the trap code and the way back from user code hand an interrupt to its handler.
 */
#ifndef PLATFORM_X86_64_DISPATCH_H
#define PLATFORM_X86_64_DISPATCH_H

#include "irq.h"

/* Serve `vector` (32-255): core_irq_enter(), handler, acknowledge, core_irq_exit(), which may
 * switch threads.  Context: interrupts off. */
void irq_dispatch(uint32_t vector);

/* Register the vectors of ipi.c.  Context: boot CPU, once. */
void ipi_init(void);

/* True once hal_cpu_stop_others() has begun: an NMI means halt. */
bool irq_is_stopping(void);

#endif /* PLATFORM_X86_64_DISPATCH_H */
