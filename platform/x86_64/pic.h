/*
 * pic.h - the two 8259 controllers of the PC/AT: moved off the exception vectors, then silenced.
 *
 * Spec: Intel 8259A data sheet. Lines 0-7 arrive at IRQ_VECTOR_PIC, 8-15 eight above; only the
 * spurious ones (7 and 15) can still come once all lines are masked. Their vectors need no EOI.
 */
#ifndef PLATFORM_X86_64_PIC_H
#define PLATFORM_X86_64_PIC_H

#include "exo/lib/types.h"

#define PIC_LINES 16u

/* Remap and mask all lines. Harmless where there is no 8259. */
void pic_init(void);

/* Mask or unmask one line, for a machine without I/O APIC. */
void pic_mask(uint8_t line, bool masked);

/* Acknowledge a line that was unmasked. */
void pic_eoi(uint8_t line);

#endif /* PLATFORM_X86_64_PIC_H */
