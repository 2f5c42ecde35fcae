/*
 * irq.h - the vectors, and who handles them.
 *
 * A registered handler runs on the CPU that took the interrupt, interrupts off, between
 * core_irq_enter() and core_irq_exit(). The dispatcher acknowledges the local APIC itself after
 * the handler, so a handler must quiet its own device only. A vector that nobody registered is
 * acknowledged and counted.
 */
#ifndef PLATFORM_X86_64_IRQ_H
#define PLATFORM_X86_64_IRQ_H

#include "exo/lib/types.h"

enum irq_vector {
    IRQ_VECTOR_PIC =
        0x20, /* 16 lines of the 8259 pair; only spurious ones come; no EOI to the APIC */
    IRQ_VECTOR_LINE = 0x30, /* ISA lines 0-15 through the I/O APIC: IRQ_VECTOR_LINE + line */
    IRQ_VECTOR_FREE = 0x40, /* from here to IRQ_VECTOR_FREE_END: irq_vector_alloc() */
    IRQ_VECTOR_FREE_END = 0xe0,
    IRQ_VECTOR_TEST_TIMER = 0xea, /* hal_test_irq_raise() */
    IRQ_VECTOR_TIMER = 0xec,      /* the local APIC's timer or what stands in for it */
    IRQ_VECTOR_KICK = 0xf0,       /* leaves user mode, nothing more */
    IRQ_VECTOR_RESCHED = 0xf1,
    IRQ_VECTOR_CALL = 0xf2,
    IRQ_VECTOR_REMOTE = 0xf3,   /* the platform's own calls on other CPUs (remote.h) */
    IRQ_VECTOR_ERROR = 0xfe,    /* local APIC error */
    IRQ_VECTOR_SPURIOUS = 0xff, /* no EOI */
    IRQ_VECTOR_COUNT = 256,
};

typedef void (*irq_handler_t)(void *arg);

/* Let `handler(arg)` serve `vector` (0x20-0xff) from now on; panics if another one does already.
 * Context: boot CPU during start-up, or thread. */
void irq_register(uint32_t vector, irq_handler_t handler, void *arg);

/* Reserve a vector for a device: 0 if there is none left.  Context: as irq_register(). */
uint32_t irq_vector_alloc(void);

/* Interrupts that nobody asked for, since boot: spurious vectors of APIC and 8259, unregistered
 * ones. */
uint64_t irq_spurious_count(void);

#endif /* PLATFORM_X86_64_IRQ_H */
