/*
 * exo/proc/layout.h - where the parts of a program lie: drawn anew for each process, so that an
 * address learned in one says nothing about the next.
 *
 * What is drawn, in bits: 28 for a position-independent image, 28 for the mappings, 22 for the
 * stack (all in pages), 8 for the first stack pointer (in 16 bytes), 13 for the break (in pages).
 * The kernel parameter `aslr=off` puts everything where zero was drawn.
 */
#ifndef EXO_PROC_LAYOUT_H
#define EXO_PROC_LAYOUT_H

#include "exo/abi/status.h"
#include "exo/hal/user.h"
#include "exo/lib/types.h"
#include "exo/proc/elf.h"

#define PROC_STACK_SIZE (8ull << 20) /* bytes of the first thread's stack, filled on demand */
#define PROC_STACK_TOP  (HAL_USER_MAX - 0x10000ull) /* the highest first address above it */

struct proc_layout {
    uint64_t image_slide; /* bytes from ELF_PIE_BASE to the image; page-aligned, <= ELF_SLIDE_MAX */
    vaddr_t stack_start;  /* lowest address of the stack, page-aligned */
    vaddr_t stack_top;    /* first address above its pages */
    vaddr_t stack_end;    /* where its contents end: up to a page below, 16-byte aligned */
    vaddr_t ceiling;      /* mappings go down from here */
    uint64_t brk_gap;     /* bytes from the image's end to the break; page-aligned */
};

/* The layout that belongs to what was drawn.  Context: any. */
void proc_layout_make(const uint64_t drawn[3], struct proc_layout *out);

/* Draw one, unless aslr=off.  Context: any. */
void proc_layout_draw(struct proc_layout *out);

#endif /* EXO_PROC_LAYOUT_H */
