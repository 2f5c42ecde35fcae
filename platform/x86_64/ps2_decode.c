/*
 * ps2_decode.c - scan codes to bytes, US layout.
 *
 * Set 2 codes are first turned into set 1's, by the table that the controller itself uses when it
 * translates; everything after that knows set 1 only.
 *
 * Invariants:
 *   (1) prefixes (0xe0, 0xf0, 0xe1) give no bytes and last until the code they belong to;
 *   (2) every press of shift, control or alt is undone by its release and by nothing else.
 */
#include "ps2.h"

#define PREFIX_EXTENDED 0xe0u
#define PREFIX_PAUSE    0xe1u
#define PREFIX_RELEASE  0xf0u /* set 2 */
#define RELEASE_BIT     0x80u /* set 1 */
#define PAUSE_REST_1    5u    /* bytes after 0xe1 in set 1 */
#define PAUSE_REST_2    7u

#define KEY_CTRL        0x1du
#define KEY_SHIFT_LEFT  0x2au
#define KEY_SHIFT_RIGHT 0x36u
#define KEY_ALT         0x38u
#define KEY_CAPS        0x3au
#define KEY_ENTER       0x1cu
#define KEY_SLASH       0x35u

#define ESCAPE 0x1bu

/* Set 2 make code to set 1 make code; 0 where there is no key that matters here. */
static const uint8_t g_set2_to_set1[0x84] = {
    [0x0d] = 0x0f, [0x0e] = 0x29, [0x11] = 0x38, [0x12] = 0x2a, [0x14] = 0x1d, [0x15] = 0x10,
    [0x16] = 0x02, [0x1a] = 0x2c, [0x1b] = 0x1f, [0x1c] = 0x1e, [0x1d] = 0x11, [0x1e] = 0x03,
    [0x21] = 0x2e, [0x22] = 0x2d, [0x23] = 0x20, [0x24] = 0x12, [0x25] = 0x05, [0x26] = 0x04,
    [0x29] = 0x39, [0x2a] = 0x2f, [0x2b] = 0x21, [0x2c] = 0x14, [0x2d] = 0x13, [0x2e] = 0x06,
    [0x31] = 0x31, [0x32] = 0x30, [0x33] = 0x23, [0x34] = 0x22, [0x35] = 0x15, [0x36] = 0x07,
    [0x3a] = 0x32, [0x3b] = 0x24, [0x3c] = 0x16, [0x3d] = 0x08, [0x3e] = 0x09, [0x41] = 0x33,
    [0x42] = 0x25, [0x43] = 0x17, [0x44] = 0x18, [0x45] = 0x0b, [0x46] = 0x0a, [0x49] = 0x34,
    [0x4a] = 0x35, [0x4b] = 0x26, [0x4c] = 0x27, [0x4d] = 0x19, [0x4e] = 0x0c, [0x52] = 0x28,
    [0x54] = 0x1a, [0x55] = 0x0d, [0x58] = 0x3a, [0x59] = 0x36, [0x5a] = 0x1c, [0x5b] = 0x1b,
    [0x5d] = 0x2b, [0x61] = 0x56, [0x66] = 0x0e, [0x69] = 0x4f, [0x6b] = 0x4b, [0x6c] = 0x47,
    [0x70] = 0x52, [0x71] = 0x53, [0x72] = 0x50, [0x73] = 0x4c, [0x74] = 0x4d, [0x75] = 0x48,
    [0x76] = 0x01, [0x79] = 0x4e, [0x7a] = 0x51, [0x7b] = 0x4a, [0x7c] = 0x37, [0x7d] = 0x49,
};

/* Set 1 make code to character, without and with shift. Keypad keys give their digits. */
static const char g_plain[0x57] = {
    [0x01] = 0x1b, [0x02] = '1',  [0x03] = '2',  [0x04] = '3',  [0x05] = '4',  [0x06] = '5',
    [0x07] = '6',  [0x08] = '7',  [0x09] = '8',  [0x0a] = '9',  [0x0b] = '0',  [0x0c] = '-',
    [0x0d] = '=',  [0x0e] = 0x7f, [0x0f] = '\t', [0x10] = 'q',  [0x11] = 'w',  [0x12] = 'e',
    [0x13] = 'r',  [0x14] = 't',  [0x15] = 'y',  [0x16] = 'u',  [0x17] = 'i',  [0x18] = 'o',
    [0x19] = 'p',  [0x1a] = '[',  [0x1b] = ']',  [0x1c] = '\r', [0x1e] = 'a',  [0x1f] = 's',
    [0x20] = 'd',  [0x21] = 'f',  [0x22] = 'g',  [0x23] = 'h',  [0x24] = 'j',  [0x25] = 'k',
    [0x26] = 'l',  [0x27] = ';',  [0x28] = '\'', [0x29] = '`',  [0x2b] = '\\', [0x2c] = 'z',
    [0x2d] = 'x',  [0x2e] = 'c',  [0x2f] = 'v',  [0x30] = 'b',  [0x31] = 'n',  [0x32] = 'm',
    [0x33] = ',',  [0x34] = '.',  [0x35] = '/',  [0x37] = '*',  [0x39] = ' ',  [0x47] = '7',
    [0x48] = '8',  [0x49] = '9',  [0x4a] = '-',  [0x4b] = '4',  [0x4c] = '5',  [0x4d] = '6',
    [0x4e] = '+',  [0x4f] = '1',  [0x50] = '2',  [0x51] = '3',  [0x52] = '0',  [0x53] = '.',
    [0x56] = '\\',
};

/* Where shift gives something else than the capital letter. */
static const char g_shifted[0x57] = {
    [0x02] = '!', [0x03] = '@', [0x04] = '#', [0x05] = '$', [0x06] = '%', [0x07] = '^',
    [0x08] = '&', [0x09] = '*', [0x0a] = '(', [0x0b] = ')', [0x0c] = '_', [0x0d] = '+',
    [0x1a] = '{', [0x1b] = '}', [0x27] = ':', [0x28] = '"', [0x29] = '~', [0x2b] = '|',
    [0x33] = '<', [0x34] = '>', [0x35] = '?', [0x56] = '|',
};

struct escape_key {
    uint8_t code; /* set 1, after 0xe0 */
    char text[3]; /* what follows ESC [ ; NUL-terminated */
};

static const struct escape_key g_escape_key[] = {
    { 0x48, "A" }, { 0x50, "B" },  { 0x4d, "C" },  { 0x4b, "D" },  { 0x47, "H" },
    { 0x4f, "F" }, { 0x52, "2~" }, { 0x53, "3~" }, { 0x49, "5~" }, { 0x51, "6~" },
};

void ps2_decoder_init(struct ps2_decoder *decoder, uint8_t set)
{
    *decoder = (struct ps2_decoder){ .set = set };
}

/* Note a modifier; false if `code` is none. The fake shifts after 0xe0 are none. */
static bool modifier_take(struct ps2_decoder *decoder, uint8_t code, bool extended, bool pressed)
{
    switch (code) {
    case KEY_CTRL:
        *(extended ? &decoder->ctrl_right : &decoder->ctrl_left) = pressed;
        return true;
    case KEY_ALT:
        decoder->alt = pressed;
        return true;
    case KEY_SHIFT_LEFT:
        decoder->shift_left = extended ? decoder->shift_left : pressed;
        return true;
    case KEY_SHIFT_RIGHT:
        decoder->shift_right = extended ? decoder->shift_right : pressed;
        return true;
    case KEY_CAPS:
        decoder->caps ^= pressed;
        return true;
    default:
        return false;
    }
}

static size_t extended_emit(uint8_t code, char out[PS2_BYTES_MAX])
{
    if (code == KEY_ENTER || code == KEY_SLASH) {
        out[0] = g_plain[code];
        return 1;
    }
    for (size_t i = 0; i < ARRAY_COUNT(g_escape_key); i++) {
        if (g_escape_key[i].code == code) {
            size_t count = 0;

            out[count++] = ESCAPE;
            out[count++] = '[';
            for (const char *text = g_escape_key[i].text; *text != '\0'; text++) {
                out[count++] = *text;
            }
            return count;
        }
    }
    return 0;
}

static size_t plain_emit(const struct ps2_decoder *decoder, uint8_t code, char out[PS2_BYTES_MAX])
{
    const bool shift = decoder->shift_left || decoder->shift_right;
    const bool ctrl = decoder->ctrl_left || decoder->ctrl_right;
    size_t count = 0;

    if (code >= ARRAY_COUNT(g_plain) || g_plain[code] == 0) {
        return 0;
    }
    char byte = g_plain[code];

    if (byte >= 'a' && byte <= 'z') {
        byte = (char)(shift != decoder->caps ? byte - 'a' + 'A' : byte);
    } else if (shift && g_shifted[code] != 0) {
        byte = g_shifted[code];
    }
    if (ctrl && ((byte >= '@' && byte <= '_') || (byte >= 'a' && byte <= 'z') || byte == ' ')) {
        byte = (char)(byte & 0x1f); /* control-space gives NUL, like a terminal */
    }
    if (decoder->alt) {
        out[count++] = ESCAPE;
    }
    out[count++] = byte;
    return count;
}

size_t ps2_decode(struct ps2_decoder *decoder, uint8_t code, char out[PS2_BYTES_MAX])
{
    if (decoder->skip != 0) {
        decoder->skip--;
        return 0;
    }
    if (code == PREFIX_PAUSE) {
        decoder->skip = decoder->set == 2 ? PAUSE_REST_2 : PAUSE_REST_1;
        return 0;
    }
    if (code == PREFIX_EXTENDED) {
        decoder->extended = true;
        return 0;
    }
    if (decoder->set == 2 && code == PREFIX_RELEASE) {
        decoder->release = true;
        return 0;
    }
    const bool extended = decoder->extended;
    bool pressed = !decoder->release;

    decoder->extended = false;
    decoder->release = false;
    if (decoder->set == 2) {
        code = code < ARRAY_COUNT(g_set2_to_set1) ? g_set2_to_set1[code] : 0;
    } else {
        pressed = (code & RELEASE_BIT) == 0;
        code &= 0x7f;
    }
    if (modifier_take(decoder, code, extended, pressed) || !pressed) {
        return 0;
    }
    return extended ? extended_emit(code, out) : plain_emit(decoder, code, out);
}
