/*
 * exo/abi/process.h - starting a process: what it is given, which is all that it has.
 */
#ifndef EXO_ABI_PROCESS_H
#define EXO_ABI_PROCESS_H

#include "exo/abi/cap.h"

#define EXO_SPAWN_STRINGS_MAX 65536u /* bytes of arguments, and of the environment */
#define EXO_SPAWN_NAME_MAX    256u   /* bytes of a program's name */
#define EXO_SPAWN_GIFTS_MAX   64u

enum exo_gift_how {
    EXO_GIFT_DUPLICATE, /* as cap_duplicate: beside the giver's, which cannot revoke it */
    EXO_GIFT_DERIVE,    /* as cap_derive: below the giver's, which can */
};

/* A capability for the new process. The giver keeps its own. */
struct exo_gift {
    exo_cap_t cap;
    exo_rights_t rights;
    uint32_t how;   /* enum exo_gift_how */
    uint64_t badge; /* DERIVE only; 0: that of `cap` */
};

/* Strings lie one after the other, each closed by a NUL. */
struct exo_spawn {
    uint64_t name; /* address of the file's name: a path, or a name in /bin */
    uint64_t name_bytes;
    uint64_t args; /* argv; the first is the program's name by custom */
    uint64_t args_bytes;
    uint64_t env; /* NAME=VALUE */
    uint64_t env_bytes;
    uint64_t gifts; /* address of struct exo_gift[gift_count] */
    uint64_t gift_count;
};

#endif /* EXO_ABI_PROCESS_H */
