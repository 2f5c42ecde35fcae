/*
 * pic_isa.h - connect a device on one of the sixteen ISA lines, whichever controller serves it.
 */
#ifndef PLATFORM_X86_64_PIC_ISA_H
#define PLATFORM_X86_64_PIC_ISA_H

#include "exo/abi/status.h"
#include "exo/lib/types.h"

#include "irq.h"

/* Let `handler(arg)` serve ISA line 0-15 on the CPU with `apic_id`: through the I/O APIC, or, on a
 * machine that has none, through the 8259, which can interrupt the boot CPU only.
 * Context: boot CPU, after ioapic_init(), interrupts off.
 * Errors: EXO_ERR_NOT_FOUND (no I/O APIC has the line), EXO_ERR_INVALID (apic_id above 254). */
EXO_MUST_CHECK exo_status_t isa_connect(uint8_t isa_irq, uint32_t apic_id, irq_handler_t handler,
                                        void *arg);

#endif /* PLATFORM_X86_64_PIC_ISA_H */
