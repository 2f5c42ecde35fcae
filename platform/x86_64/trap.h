/*
 * trap.h - frames, exceptions of kernel code, and how they are told.
 */
#ifndef PLATFORM_X86_64_TRAP_H
#define PLATFORM_X86_64_TRAP_H

#include "exo/lib/types.h"

/* What trap.asm saves, lowest address first; the first 15 words in the order of hal_user_regs. */
struct trap_frame {
    uint64_t r15, r14, r13, r12, rbp, rbx;
    uint64_t r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
    uint64_t vector; /* +120 */
    uint64_t error;
    uint64_t rip; /* +136 */
    uint64_t cs;
    uint64_t rflags;
    uint64_t rsp;
    uint64_t ss;
};

_Static_assert(offsetof(struct trap_frame, vector) == 120, "assembly uses it");
_Static_assert(offsetof(struct trap_frame, rip) == 136, "assembly uses it");
_Static_assert(sizeof(struct trap_frame) == 176, "assembly uses it");

#define TRAP_DEBUG        1u
#define TRAP_NMI          2u
#define TRAP_DOUBLE_FAULT 8u
#define TRAP_PROTECTION   13u
#define TRAP_PAGE_FAULT   14u
#define TRAP_MACHINE      18u
#define TRAP_EXCEPTIONS   32u
#define TRAP_SYSCALL      256u

#define FAULT_PRESENT  0x01u
#define FAULT_WRITE    0x02u
#define FAULT_USER     0x04u
#define FAULT_RESERVED 0x08u
#define FAULT_EXEC     0x10u

/* Point this CPU's interrupt descriptor table at the doors. trap_init() fills it, once. */
void trap_init(void);
void trap_load(void);

/* An exception that kernel code cannot have expected: print everything, panic. */
_Noreturn void trap_report(const struct trap_frame *frame);

/* Say what happened in one line of words: buf[size]. `address` is CR2 of a page fault. Pure but
 * for the look-up of stacks. */
void trap_describe(const struct trap_frame *frame, uint64_t address, char *buf, size_t size);

static inline uint64_t trap_fault_address(void)
{
    uint64_t cr2;

    __asm__ volatile("movq %%cr2, %0" : "=r"(cr2));
    return cr2;
}

#endif /* PLATFORM_X86_64_TRAP_H */
