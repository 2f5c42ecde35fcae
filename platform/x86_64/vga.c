/*
 * vga.c - the text screen: hardware, and the escape sequences that terminals know.
 *
 * The screen is a window on the adapter's 16384 cells: scrolling moves the window (CRTC start
 * address) and clears one row; only when the window reaches the end is the screen copied to the
 * start, from the copy in g_shadow, since reading the adapter is slow.
 *
 * Invariants:
 *   (1) g_cells is NULL exactly while there is no screen;
 *   (2) g_shadow[row][column] equals the adapter's cell at g_top + row * COLUMNS + column;
 *   (3) g_row < ROWS; g_column <= COLUMNS, where COLUMNS means: wrap before the next character.
 */
#include "vga.h"

#include "acpi.h"
#include "io.h"
#include "mmio.h"
#include "vga_escape.h"

#define COLUMNS    80u
#define ROWS       25u
#define SCREEN     (COLUMNS * ROWS)
#define CELLS      16384u
#define TEXT_PADDR 0xb8000u
#define TEXT_BYTES 0x8000u

#define GRAPHICS_INDEX 0x3ceu
#define GRAPHICS_DATA  0x3cfu
#define GRAPHICS_MISC  6u    /* bit 0: graphics mode; bits 2-3: which memory window */
#define MISC_WINDOW    0x0cu /* both bits: b8000-bffff */
#define CRTC_INDEX     0x3d4u
#define CRTC_DATA      0x3d5u
#define CRTC_START     0x0cu /* and 0x0d: first cell shown */
#define CRTC_CURSOR    0x0eu /* and 0x0f */
#define CRTC_COLUMNS   0x01u /* columns - 1 */

#define TAB_COLUMNS   8u
#define GREY_ON_BLACK 0x07u

static volatile uint16_t *g_cells;
static uint16_t g_shadow[ROWS][COLUMNS];
static uint32_t g_top; /* index of the first cell shown */
static uint32_t g_row;
static uint32_t g_column;
static struct vga_escape g_escape;

static uint8_t crtc_read(uint8_t index)
{
    outb(CRTC_INDEX, index);
    return inb(CRTC_DATA);
}

/* Write a 16-bit value to the register pair that begins at `index`. */
static void crtc_write_pair(uint8_t index, uint32_t value)
{
    outb(CRTC_INDEX, index);
    outb(CRTC_DATA, (uint8_t)(value >> 8));
    outb(CRTC_INDEX, (uint8_t)(index + 1));
    outb(CRTC_DATA, (uint8_t)value);
}

static uint16_t blank(void)
{
    return (uint16_t)(' ' | g_escape.attribute << 8);
}

static void cell_set(uint32_t row, uint32_t column, uint16_t cell)
{
    g_shadow[row][column] = cell;
    g_cells[g_top + row * COLUMNS + column] = cell;
}

/* Clear cells from one position up to, not including, another. */
static void clear(uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i < to; i++) {
        cell_set(i / COLUMNS, i % COLUMNS, blank());
    }
}

/* Move the window down one row; row ROWS - 1 becomes free. */
static void scroll(void)
{
    for (uint32_t row = 1; row < ROWS; row++) {
        for (uint32_t column = 0; column < COLUMNS; column++) {
            g_shadow[row - 1][column] = g_shadow[row][column];
        }
    }
    if (g_top + COLUMNS + SCREEN <= CELLS) {
        g_top += COLUMNS;
    } else {
        g_top = 0;
        for (uint32_t i = 0; i < SCREEN - COLUMNS; i++) {
            g_cells[i] = g_shadow[i / COLUMNS][i % COLUMNS];
        }
    }
    clear(SCREEN - COLUMNS, SCREEN);
    crtc_write_pair(CRTC_START, g_top);
}

static void line_feed(void)
{
    g_column = 0;
    if (++g_row == ROWS) {
        g_row = ROWS - 1;
        scroll();
    }
}

static void put(uint8_t byte)
{
    switch (byte) {
    case '\n':
        line_feed();
        return;
    case '\r':
        g_column = 0;
        return;
    case '\b':
        g_column -= g_column != 0 ? 1 : 0;
        return;
    case '\t':
        g_column = (g_column / TAB_COLUMNS + 1) * TAB_COLUMNS;
        g_column = g_column < COLUMNS ? g_column : COLUMNS - 1;
        return;
    default:
        break;
    }
    if (byte < 0x20 || byte == 0x7f) {
        return;
    }
    if (g_column == COLUMNS) {
        line_feed();
    }
    cell_set(g_row, g_column, (uint16_t)(byte | g_escape.attribute << 8));
    g_column++;
}

static uint32_t clamp(uint32_t value, uint32_t limit)
{
    return value < limit ? value : limit - 1;
}

static void erase(uint32_t first, uint32_t last, uint32_t what)
{
    const uint32_t here = g_row * COLUMNS + clamp(g_column, COLUMNS);

    switch (what) {
    case 0:
        clear(here, last);
        break;
    case 1:
        clear(first, here + 1);
        break;
    case 2:
        clear(first, last);
        break;
    default:
        break;
    }
}

/* Do what a complete sequence asks for; unknown ones are ignored. */
static void command(const struct vga_escape *escape)
{
    const uint32_t count = escape->parameter[0] != 0 ? escape->parameter[0] : 1;
    const uint32_t second = escape->parameter[1] != 0 ? escape->parameter[1] : 1;

    switch (escape->final) {
    case 'A':
        g_row -= count < g_row ? count : g_row;
        break;
    case 'B':
        g_row = clamp(g_row + count, ROWS);
        break;
    case 'C':
        g_column = clamp(g_column + count, COLUMNS);
        break;
    case 'D':
        g_column -= count < g_column ? count : g_column;
        break;
    case 'G':
        g_column = clamp(count - 1, COLUMNS);
        break;
    case 'H':
        g_row = clamp(count - 1, ROWS);
        g_column = clamp(second - 1, COLUMNS);
        break;
    case 'J':
        erase(0, SCREEN, escape->parameter[0]);
        break;
    case 'K':
        erase(g_row * COLUMNS, (g_row + 1) * COLUMNS, escape->parameter[0]);
        break;
    default:
        break;
    }
}

void vga_init(void)
{
    const struct acpi_facts *facts = acpi_facts();

    if (facts->has_fadt && !facts->fadt.has_vga) {
        return;
    }
    outb(GRAPHICS_INDEX, GRAPHICS_MISC);
    const uint8_t misc = inb(GRAPHICS_DATA);

    if ((misc & 0xf0) != 0 || (misc & 1) != 0 || (misc & MISC_WINDOW) != MISC_WINDOW ||
        crtc_read(CRTC_COLUMNS) != COLUMNS - 1) {
        return; /* no adapter (reads as ones), a graphics mode, or another text mode */
    }
    vga_escape_init(&g_escape, GREY_ON_BLACK);
    g_cells = mmio_map(TEXT_PADDR, TEXT_BYTES);
    if (g_cells != NULL) {
        crtc_write_pair(CRTC_START, 0);
        clear(0, SCREEN);
        crtc_write_pair(CRTC_CURSOR, 0);
    }
}

bool vga_present(void)
{
    return g_cells != NULL;
}

void vga_write(const char *bytes, size_t len_bytes)
{
    if (g_cells == NULL) {
        return;
    }
    for (size_t i = 0; i < len_bytes; i++) {
        switch (vga_escape_feed(&g_escape, (uint8_t)bytes[i])) {
        case VGA_ESCAPE_TEXT:
            put((uint8_t)bytes[i]);
            break;
        case VGA_ESCAPE_COMMAND:
            command(&g_escape);
            break;
        case VGA_ESCAPE_MORE:
            break;
        }
    }
    crtc_write_pair(CRTC_CURSOR, g_top + g_row * COLUMNS + clamp(g_column, COLUMNS));
}
