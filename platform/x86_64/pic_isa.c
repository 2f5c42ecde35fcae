/*
 * pic_isa.c - ISA lines through the I/O APIC, or the 8259 where there is none.
 *
 * Invariant: an entry of g_line is written before its line is unmasked, and constant afterwards.
 */
#include "pic_isa.h"

#include "exo/lib/assert.h"

#include "apic.h"
#include "ioapic.h"
#include "pic.h"

struct isa_line {
    irq_handler_t handler;
    void *arg;
    uint8_t line;
};

static struct isa_line g_line[PIC_LINES]; /* lines that the 8259 serves */

static void pic_interrupt(void *arg)
{
    const struct isa_line *line = arg;

    line->handler(line->arg);
    pic_eoi(line->line);
}

exo_status_t isa_connect(uint8_t isa_irq, uint32_t apic_id, irq_handler_t handler, void *arg)
{
    KASSERT(isa_irq < PIC_LINES);
    if (ioapic_count() != 0) {
        const uint8_t vector = (uint8_t)(IRQ_VECTOR_LINE + isa_irq);

        irq_register(vector, handler, arg);
        return ioapic_route_isa(isa_irq, vector, apic_id);
    }
    struct isa_line *line = &g_line[isa_irq];

    *line = (struct isa_line){ .handler = handler, .arg = arg, .line = isa_irq };
    irq_register((uint32_t)IRQ_VECTOR_PIC + isa_irq, pic_interrupt, line);
    apic_accept_8259();
    pic_mask(isa_irq, false);
    return EXO_OK;
}
