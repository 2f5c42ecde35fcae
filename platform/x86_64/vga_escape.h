/*
 * vga_escape.h - recognise ANSI control sequences in a stream of bytes, and keep the colours: pure.
 *
 * Spec: ECMA-48 sections 5.4 (CSI) and 8.3.117 (SGR).
 */
#ifndef PLATFORM_X86_64_VGA_ESCAPE_H
#define PLATFORM_X86_64_VGA_ESCAPE_H

#include "exo/lib/types.h"

#define VGA_PARAMETERS_MAX 8u
#define VGA_PARAMETER_MAX  999u /* larger numbers count as this */

struct vga_escape {
    uint8_t state;
    uint8_t final;                          /* last byte of the complete sequence */
    uint8_t attribute;                      /* VGA colours: low four bits ink, next three paper */
    uint8_t normal;                         /* what "reset" means */
    uint32_t count;                         /* parameters begun */
    uint32_t parameter[VGA_PARAMETERS_MAX]; /* 0 where none was given */
};

enum vga_escape_result {
    VGA_ESCAPE_TEXT,    /* the byte is to be shown or obeyed as a control character */
    VGA_ESCAPE_MORE,    /* it belongs to a sequence */
    VGA_ESCAPE_COMMAND, /* it ended one: final and parameter[] say which; colours are applied */
};

void vga_escape_init(struct vga_escape *escape, uint8_t normal);
enum vga_escape_result vga_escape_feed(struct vga_escape *escape, uint8_t byte);

#endif /* PLATFORM_X86_64_VGA_ESCAPE_H */
