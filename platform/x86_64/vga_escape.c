/*
 * vga_escape.c - the recogniser.
 *
 * State: TEXT -(ESC)-> ESCAPE -('[')-> CSI -(final byte)-> TEXT; anything else after ESC ends it.
 * Invariant: count <= VGA_PARAMETERS_MAX; further parameters are read and dropped.
 */
#include "vga_escape.h"

enum { STATE_TEXT, STATE_ESCAPE, STATE_CSI };

#define ESC    0x1bu
#define BRIGHT 0x08u

/* ANSI colours are red, green, blue from bit 0 on; VGA's the other way round. */
static const uint8_t g_vga_colour[8] = { 0, 4, 2, 6, 1, 5, 3, 7 };

void vga_escape_init(struct vga_escape *escape, uint8_t normal)
{
    *escape = (struct vga_escape){ .state = STATE_TEXT, .attribute = normal, .normal = normal };
}

static void colour_apply(struct vga_escape *escape, uint32_t code)
{
    uint8_t attribute = escape->attribute;

    if (code == 0) {
        attribute = escape->normal;
    } else if (code == 1) {
        attribute |= BRIGHT;
    } else if (code == 7) {
        attribute = (uint8_t)((attribute & BRIGHT) | (attribute & 7u) << 4 | (attribute >> 4 & 7u));
    } else if (code == 22) {
        attribute = (uint8_t)(attribute & ~BRIGHT);
    } else if (code >= 30 && code <= 37) {
        attribute = (uint8_t)((attribute & 0xf8) | g_vga_colour[code - 30]);
    } else if (code == 39) {
        attribute = (uint8_t)((attribute & 0xf0) | (escape->normal & 0x0f));
    } else if (code >= 40 && code <= 47) {
        attribute = (uint8_t)((attribute & 0x0f) | g_vga_colour[code - 40] << 4);
    } else if (code == 49) {
        attribute = (uint8_t)((attribute & 0x0f) | (escape->normal & 0xf0));
    } else if (code >= 90 && code <= 97) {
        attribute = (uint8_t)((attribute & 0xf0) | BRIGHT | g_vga_colour[code - 90]);
    }
    escape->attribute = attribute;
}

static void digit_add(struct vga_escape *escape, uint32_t digit)
{
    escape->count = escape->count == 0 ? 1 : escape->count;
    if (escape->count <= VGA_PARAMETERS_MAX) {
        uint32_t *value = &escape->parameter[escape->count - 1];

        *value = (uint32_t)min_u64(*value * 10u + digit, VGA_PARAMETER_MAX);
    }
}

static enum vga_escape_result csi_feed(struct vga_escape *escape, uint8_t byte)
{
    if (byte >= '0' && byte <= '9') {
        digit_add(escape, byte - (uint32_t)'0');
        return VGA_ESCAPE_MORE;
    }
    if (byte == ';') {
        escape->count = escape->count == 0 ? 2 : escape->count + 1;
        escape->count = (uint32_t)min_u64(escape->count, VGA_PARAMETERS_MAX + 1);
        return VGA_ESCAPE_MORE;
    }
    if (byte < 0x40 || byte > 0x7e) {
        return VGA_ESCAPE_MORE; /* intermediate bytes and private markers */
    }
    escape->state = STATE_TEXT;
    escape->final = byte;
    if (byte == 'm') {
        const uint32_t count = escape->count == 0 ? 1 : escape->count;

        for (uint32_t i = 0; i < count && i < VGA_PARAMETERS_MAX; i++) {
            colour_apply(escape, escape->parameter[i]);
        }
    }
    return VGA_ESCAPE_COMMAND;
}

enum vga_escape_result vga_escape_feed(struct vga_escape *escape, uint8_t byte)
{
    switch (escape->state) {
    case STATE_ESCAPE:
        escape->state = byte == '[' ? STATE_CSI : STATE_TEXT;
        return VGA_ESCAPE_MORE;
    case STATE_CSI:
        if (byte != ESC) {
            return csi_feed(escape, byte);
        }
        break;
    default:
        if (byte != ESC) {
            return VGA_ESCAPE_TEXT;
        }
        break;
    }
    *escape = (struct vga_escape){ .state = STATE_ESCAPE,
                                   .attribute = escape->attribute,
                                   .normal = escape->normal };
    return VGA_ESCAPE_MORE;
}
