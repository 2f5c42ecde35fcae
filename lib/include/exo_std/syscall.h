/*
 * exo_std/syscall.h - native system calls by number. The other headers have functions for each.
 *
 * Returns a value of 0 or more, or a negative exo_status_t.
 */
#ifndef EXO_STD_SYSCALL_H
#define EXO_STD_SYSCALL_H

#include "exo/abi/syscall.h"

static inline int64_t exo_syscall(uint32_t number, uint64_t a, uint64_t b, uint64_t c)
{
    int64_t result = EXO_SYSCALL_NATIVE | number;

    __asm__ volatile("syscall" : "+a"(result) : "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
    return result;
}

static inline int64_t exo_syscall6(uint32_t number, const uint64_t arg[6])
{
    int64_t result = EXO_SYSCALL_NATIVE | number;
    register uint64_t r10 __asm__("r10") = arg[3];
    register uint64_t r8 __asm__("r8") = arg[4];
    register uint64_t r9 __asm__("r9") = arg[5];

    __asm__ volatile("syscall"
                     : "+a"(result)
                     : "D"(arg[0]), "S"(arg[1]), "d"(arg[2]), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}

#endif /* EXO_STD_SYSCALL_H */
