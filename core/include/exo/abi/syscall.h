/*
 * exo/abi/syscall.h - native system calls: their numbers, and the form of a call.
 *
 * The number goes in rax, arguments in rdi, rsi, rdx, r10, r8, r9; `syscall`. rcx and r11 are lost,
 * all other registers keep their values. rax comes back with a value of 0 or more, or a negative
 * exo_status_t. Bit 30 tells native calls from Linux's.
 */
#ifndef EXO_ABI_SYSCALL_H
#define EXO_ABI_SYSCALL_H

#include <stdint.h>

#include "exo/abi/cap.h"

#define EXO_ABI_VERSION 1u

#define EXO_SYSCALL_NATIVE 0x40000000u
#define EXO_SYSCALLS_MAX   256u /* numbers, less the native bit, are below */

enum exo_syscall {
#define X(name, number, path, text) EXO_SYSCALL_##name = (number),
#include "exo/abi/syscall_list.h"
#undef X
};

/* What cap_query tells. */
struct exo_cap_info {
    uint32_t type; /* enum exo_type */
    exo_rights_t rights;
    uint64_t badge;
};

#endif /* EXO_ABI_SYSCALL_H */
