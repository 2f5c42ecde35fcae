/*
 * platform/common/user_regs.h - the general registers of an x86_64 user thread, for both back ends.
 *
 * The platform's assembly uses the offsets. Segment selectors are not here: user code has one code
 * and one data segment, which the platform supplies.
 */
#ifndef PLATFORM_COMMON_USER_REGS_H
#define PLATFORM_COMMON_USER_REGS_H

#include "exo/lib/types.h"

struct hal_user_regs {
    uint64_t r15, r14, r13, r12, rbp, rbx;              /* +0   callee-saved */
    uint64_t r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi; /* +48  caller-saved */
    uint64_t rip, rflags, rsp;                          /* +120 */
    uint64_t fs_base, gs_base;                          /* +144 */
};

_Static_assert(offsetof(struct hal_user_regs, rip) == 120, "assembly uses it");
_Static_assert(sizeof(struct hal_user_regs) == 160, "assembly uses it");

#endif /* PLATFORM_COMMON_USER_REGS_H */
