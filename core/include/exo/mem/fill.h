/*
 * exo/mem/fill.h - the bytes that debug builds fill memory with when it is handed out or freed.
 *
 * One constant for each use, XORed with a mask that the platform chooses before the allocators
 * start (boot_info.fill_mask): the same bytes in every boot, or in the simulator others for every
 * seed, so that nothing comes to depend on one of them. The bytes stay different from each other
 * and none is 0, which fresh memory often is.
 */
#ifndef EXO_MEM_FILL_H
#define EXO_MEM_FILL_H

#include "exo/lib/types.h"

/* Before the mask. */
#define FILL_FRAME_FREED 0xd5u
#define FILL_FRAME_NEW   0xa7u
#define FILL_HEAP_NEW    0xa9u
#define FILL_HEAP_ZONE   0xfbu /* red zone behind an object */
#define FILL_HEAP_FREED  0xd9u

extern uint8_t g_fill_mask; /* constant once the allocators have started */

/* The byte for one of the uses above. */
static inline uint8_t fill_byte(uint8_t use)
{
    return use ^ g_fill_mask;
}

/* True if no use has the byte 0 with this mask. */
static inline bool fill_mask_fits(uint8_t mask)
{
    return mask != FILL_FRAME_FREED && mask != FILL_FRAME_NEW && mask != FILL_HEAP_NEW &&
           mask != FILL_HEAP_ZONE && mask != FILL_HEAP_FREED;
}

#endif /* EXO_MEM_FILL_H */
