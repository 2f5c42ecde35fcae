/*
 * user.h - one user thread and one address space, as the files of the back end share them.
 */
#ifndef PLATFORM_X86_64_USER_H
#define PLATFORM_X86_64_USER_H

#include <stdatomic.h>

#include "exo/hal.h"
#include "exo/hal/user.h"

#include "trap.h"

#define CPU_NONE UINT32_MAX

struct hal_space {
    paddr_t root;                 /* [c] */
    uint64_t id;                  /* [c] never 0, never used twice */
    _Atomic uint64_t cpus;        /* CPUs whose CR3 names its root */
    _Atomic uint64_t flush_count; /* hal_space_flush() calls that had something to do */
    _Atomic uint64_t rounds;      /* those for which CPUs had to be asked */
};

/* Keys: [t] the thread that owns it, [r] own thread while it is in no CPU's registers, that CPU
 * otherwise, [a] atomic. */
struct hal_user {
    struct trap_frame frame;  /* +0 [t] the CPU itself writes it when user code is left */
    struct hal_space *space;  /* [c] */
    size_t page_count;        /* [c] frames of this structure */
    bool by_sysret;           /* [t] left by SYSCALL, nothing replaced since */
    bool replaced;            /* [t] registers were replaced: hal_user_result() loses */
    _Atomic bool interrupt;   /* [a] hal_user_interrupt() asked */
    _Atomic uint32_t runs_on; /* [a] CPU in user mode with it, or about to be; CPU_NONE */
    _Atomic uint32_t live_on; /* [a] CPU whose registers hold the state below; CPU_NONE: memory */
    uint64_t fs_base;         /* [r] */
    uint64_t gs_base;         /* [r] */
    EXO_ALIGNED(64) uint8_t vector[]; /* [r] XSAVE or FXSAVE area, features()->vector_bytes */
};

_Static_assert(offsetof(struct hal_user, frame) == 0, "the CPU pushes at its end");
_Static_assert(sizeof(struct trap_frame) % 16 == 0, "the CPU aligns the stack before it pushes");

/* Make this CPU translate user addresses by `space`.  Context: interrupts off. */
void space_load(struct hal_space *space);

/* Fill the memory with the state that a new thread begins with. */
void state_init(struct hal_user *user);

/* Make the state of `user` that of this CPU; false if another CPU still has it (state_fetch()
 * first).
 * Context: interrupts off. */
bool state_enter(struct hal_user *user);

/* Bring the state of `user` to memory, wherever it is.  Context: thread, interrupts on. */
void state_fetch(struct hal_user *user);

/* Copy len_bytes; returns how many were left when a fault stopped it (usercopy.asm). */
size_t user_copy_bytes(void *to, const void *from, size_t len_bytes, bool smap);

#endif /* PLATFORM_X86_64_USER_H */
