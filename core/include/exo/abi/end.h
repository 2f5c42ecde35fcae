/*
 * exo/abi/end.h - why a program ended, as whoever waits for it is told.
 */
#ifndef EXO_ABI_END_H
#define EXO_ABI_END_H

#include <stdint.h>

enum exo_end_reason {
#define X(name, value, text) EXO_END_##name = (value),
#include "exo/abi/end_list.h"
#undef X
};

/* Of `access`. */
#define EXO_END_READ  1u
#define EXO_END_WRITE 2u
#define EXO_END_EXEC  4u

/* What has no meaning for the reason is 0. */
struct exo_end {
    uint32_t reason; /* enum exo_end_reason */
    int32_t status;  /* 0-255: given to exit, or 128 plus the signal that Linux would have sent */
    uint32_t vector; /* x86 exception vector, of faults and exceptions */
    uint32_t access; /* EXO_END_*: what the program wanted of `addr` */
    uint64_t addr;   /* address touched, of page faults */
    uint64_t pc;     /* of the instruction that did it */
};

/* Return what `reason` means, a phrase that goes on from the program's name; never NULL. */
const char *exo_end_text(uint32_t reason);

#endif /* EXO_ABI_END_H */
