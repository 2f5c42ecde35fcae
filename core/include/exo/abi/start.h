/*
 * exo/abi/start.h - how a native program is recognised, and what it finds when it starts.
 *
 * An ELF file is native if it has a note (PT_NOTE) of the name EXO_NOTE_NAME and type EXO_NOTE_ABI
 * whose content is one 32-bit word, the version of the ABI that it was made for. It starts with the
 * stack pointer at a struct exo_start, 16-byte aligned, all other registers zero. On Linux the word
 * there is the number of arguments, which is never EXO_START_MAGIC.
 */
#ifndef EXO_ABI_START_H
#define EXO_ABI_START_H

#include <stdint.h>

#include "exo/abi/cap.h"

#define EXO_NOTE_NAME "Exo-OS"
#define EXO_NOTE_ABI  1u

#define EXO_START_MAGIC 0x54524154534f5845ull /* "EXOSTART" */

struct exo_start {
    uint64_t magic;
    uint32_t abi_version;
    uint32_t arg_count;
    uint64_t args; /* address of the arguments' addresses, closed by a zero */
    uint64_t env;  /* the same of the environment, NAME=VALUE */
    uint64_t random[2];
    exo_cap_t console; /* the first console among `caps`; EXO_CAP_NONE if there is none */
    uint64_t caps;     /* address of what it was given, exo_cap_t[], in the giver's order */
    uint32_t cap_count;
    uint32_t reserved;
};

#endif /* EXO_ABI_START_H */
