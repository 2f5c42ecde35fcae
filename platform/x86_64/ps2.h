/*
 * ps2.h - the PS/2 keyboard: scan codes of set 1 or 2 to bytes, US layout.
 *
 * Arrows, Home, End, Insert, Delete and page keys become ANSI escapes. The decoder is pure.
 * Spec: IBM PS/2 technical reference, keyboard and auxiliary device controller; ECMA-48.
 */
#ifndef PLATFORM_X86_64_PS2_H
#define PLATFORM_X86_64_PS2_H

#include "exo/lib/types.h"

#define PS2_BYTES_MAX 4u /* longest answer to one scan code */

struct ps2_decoder {
    uint8_t set;   /* 1 or 2 */
    bool extended; /* 0xe0 was seen */
    bool release;  /* set 2: 0xf0 was seen */
    uint8_t skip;  /* bytes of a Pause sequence still to swallow */
    bool shift_left, shift_right, ctrl_left, ctrl_right, alt, caps;
};

void ps2_decoder_init(struct ps2_decoder *decoder, uint8_t set);

/* Take one byte from the keyboard; gives 0 to PS2_BYTES_MAX bytes of input. */
size_t ps2_decode(struct ps2_decoder *decoder, uint8_t code, char out[PS2_BYTES_MAX]);

/* Find controller and keyboard, register and route ISA line 1 to `apic_id`; quiet if there is
 * none.  Context: boot CPU, after ioapic_init(), interrupts off; a few ms at most. */
void ps2_init(uint32_t apic_id);

#endif /* PLATFORM_X86_64_PS2_H */
