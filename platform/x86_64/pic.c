/*
 * pic.c - the 8259 pair.
 *
 * Invariant: after pic_init() every line that nobody unmasked is masked; the cascade (line 2 of the
 * first) is open exactly while a line of the second is.
 */
#include "pic.h"

#include "io.h"
#include "irq.h"

#define PIC1_COMMAND 0x20u
#define PIC1_DATA    0x21u
#define PIC2_COMMAND 0xa0u
#define PIC2_DATA    0xa1u

#define ICW1_INIT_ICW4 0x11u
#define ICW4_8086      0x01u
#define OCW2_EOI       0x20u
#define CASCADE_LINE   2u

static uint16_t g_mask = 0xffff; /* bit set: line masked, cascade apart */

static void mask_write(void)
{
    const uint8_t second = (uint8_t)(g_mask >> 8);
    uint8_t first = (uint8_t)g_mask;

    if (second != 0xff) {
        first = (uint8_t)(first & ~(1u << CASCADE_LINE));
    }
    outb(PIC1_DATA, first);
    outb(PIC2_DATA, second);
}

void pic_init(void)
{
    outb(PIC1_COMMAND, ICW1_INIT_ICW4);
    io_wait();
    outb(PIC2_COMMAND, ICW1_INIT_ICW4);
    io_wait();
    outb(PIC1_DATA, IRQ_VECTOR_PIC);
    io_wait();
    outb(PIC2_DATA, IRQ_VECTOR_PIC + 8);
    io_wait();
    outb(PIC1_DATA, 1u << CASCADE_LINE);
    io_wait();
    outb(PIC2_DATA, CASCADE_LINE);
    io_wait();
    outb(PIC1_DATA, ICW4_8086);
    io_wait();
    outb(PIC2_DATA, ICW4_8086);
    io_wait();
    g_mask = 0xffff;
    mask_write();
}

void pic_mask(uint8_t line, bool masked)
{
    const uint16_t line_bit = (uint16_t)(1u << (line % PIC_LINES));

    g_mask = (uint16_t)(masked ? g_mask | line_bit : g_mask & ~line_bit);
    mask_write();
}

void pic_eoi(uint8_t line)
{
    if (line >= 8) {
        outb(PIC2_COMMAND, OCW2_EOI);
    }
    outb(PIC1_COMMAND, OCW2_EOI);
}
