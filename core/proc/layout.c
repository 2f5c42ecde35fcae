/*
 * core/proc/layout.c - drawing a program's layout.
 *
 * Invariant: whatever is drawn, image, mappings and stack keep their order and do not meet:
 *   image < ELF_PLACE_END < stack_start, and ceiling <= stack_start.
 */
#include "exo/proc/layout.h"

#include "exo/debug/boot.h"
#include "exo/lib/string.h"
#include "exo/proc/random.h"

#define CEILING_PAGES 28u /* bits */
#define STACK_PAGES   22u
#define STACK_SLOTS   8u
#define BRK_PAGES     13u

#define STACK_SLOT 16u /* bytes: the alignment that the ABI wants of the stack pointer */

_Static_assert(PROC_STACK_TOP - (PAGE_SIZE << STACK_PAGES) - PROC_STACK_SIZE >= ELF_PLACE_END,
               "no image reaches the stack");
_Static_assert((STACK_SLOT << STACK_SLOTS) <= PAGE_SIZE,
               "the stack's contents end in its last page");

static bool g_off;

static exo_status_t param_aslr(const char *value)
{
    g_off = str_equal(value, "off");
    return g_off || str_equal(value, "on") ? EXO_OK : EXO_ERR_INVALID;
}
EXO_BOOT_PARAM(aslr, "aslr", "addresses of programs: on (default) draws them, off always the same",
               param_aslr);

static uint64_t bits(uint64_t drawn, uint32_t shift, uint32_t count)
{
    return (drawn >> shift) & ((1ull << count) - 1);
}

void proc_layout_make(const uint64_t drawn[3], struct proc_layout *out)
{
    const uint64_t ceiling_gap = bits(drawn[1], 0, CEILING_PAGES) * PAGE_SIZE;

    out->image_slide = bits(drawn[0], 0, ELF_SLIDE_PAGES) * PAGE_SIZE;
    out->brk_gap = bits(drawn[0], ELF_SLIDE_PAGES, BRK_PAGES) * PAGE_SIZE;
    out->stack_top = PROC_STACK_TOP - bits(drawn[2], 0, STACK_PAGES) * PAGE_SIZE;
    out->stack_end = out->stack_top - bits(drawn[2], STACK_PAGES, STACK_SLOTS) * STACK_SLOT;
    out->stack_start = out->stack_top - PROC_STACK_SIZE;
    out->ceiling = out->stack_start - ceiling_gap;
}

void proc_layout_draw(struct proc_layout *out)
{
    uint64_t drawn[3] = { 0 };

    if (!g_off) {
        proc_random(drawn, sizeof(drawn));
    }
    proc_layout_make(drawn, out);
}
