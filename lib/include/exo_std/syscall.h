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

#endif /* EXO_STD_SYSCALL_H */
