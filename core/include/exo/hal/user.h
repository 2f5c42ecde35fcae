/*
 * exo/hal/user.h - running user code: "user mode as a call", and the address spaces it runs in.
 *
 * The kernel thread behind a user thread is a plain loop:
 *     for (;;) { hal_user_run(user, &event); handle(event); }
 * Core owns areas, frames and page tables (exo/mem/pt.h); the platform owns what the tables mean to
 * the machine: CR3 and the TLB on x86_64, a stub process and its mappings hosted.
 *
 * Spec: design.md sections 3, 4, 11; AMD64 APM volume 2 for vectors and error codes.
 */
#ifndef EXO_HAL_USER_H
#define EXO_HAL_USER_H

#include "exo/abi/status.h"
#include "exo/lib/types.h"

#define HAL_USER_MIN 0x10000ull /* lowest user address (64 KiB), the same on both back ends */
#define HAL_USER_MAX 0x7fff00000000ull /* first address above user code; from here reserved */

enum hal_user_reason {
    HAL_USER_SYSCALL,   /* nr and arg[] are set; answer with hal_user_result() */
    HAL_USER_FAULT,     /* a page fault: addr and access are set; run again to retry */
    HAL_USER_EXCEPTION, /* any other CPU exception: vector, error and addr (the pc) are set */
    HAL_USER_INTERRUPT, /* hal_user_interrupt() asked for it */
    HAL_USER_QUANTUM,   /* an interrupt was taken in user mode and a reschedule is due */
    HAL_USER_DEAD,      /* the user context cannot run any more (hosted: its stub process died);
                         * error is HAL_DEAD_HOSTILE or 0 */
};

#define HAL_ACCESS_READ    1u
#define HAL_ACCESS_WRITE   2u
#define HAL_ACCESS_EXEC    4u
#define HAL_ACCESS_PRESENT 8u /* the page was mapped, its rights forbade the access */

/* User code attacked the platform's half of its own space, which the platform therefore ended. */
#define HAL_DEAD_HOSTILE 1u

/* What is not told for the reason is undefined. */
struct hal_user_event {
    enum hal_user_reason reason;
    uint32_t access; /* HAL_ACCESS_* */
    uint32_t vector; /* x86 exception vector, 0-31 */
    uint32_t error;  /* x86 error code, 0 if the vector has none */
    uint64_t addr;   /* FAULT: address touched; EXCEPTION: pc */
    uint64_t nr;     /* SYSCALL: number; only the low 32 bits count, a host may drop the rest */
    uint64_t arg[6]; /* SYSCALL */
};

struct hal_space;     /* opaque: the platform's half of an address space */
struct hal_user;      /* opaque: one user thread's registers, vector state and host resources */
struct hal_user_regs; /* the general registers; layout in hal_inline.h, per architecture */

/* Make the platform's half of an address space whose top-level table is the frame `root`.
 * x86_64 fills the kernel's half of that table; hosted starts a stub process.
 * Context: thread, may block.  Errors: EXO_ERR_NO_MEMORY, EXO_ERR_NO_RESOURCES (host limits). */
EXO_MUST_CHECK exo_status_t hal_space_create(paddr_t root, struct hal_space **out);

/* Release it. No hal_user of the space may exist any more. NULL is a no-op. Frames that the tables
 * name may be freed after it returns.  Context: thread, may block. */
void hal_space_destroy(struct hal_space *space);

/* A run of pages whose table entries have changed. */
struct hal_flush_range {
    vaddr_t start; /* page-aligned */
    size_t page_count;
    bool only_added; /* every changed entry was not present before: x86_64 has nothing to do */
};

/* Make every CPU see the tables as they now are in range[count]. Frames that were unmapped may be
 * reused only after it returns.
 * Locks: none may be held.  Context: thread, may block.
 * Errors: EXO_ERR_NO_MEMORY (hosted: the host refuses more mappings; what could not be mapped stays
 * unmapped and faults again), EXO_ERR_DEAD. Removing pages never fails while the space lives. */
EXO_MUST_CHECK exo_status_t hal_space_flush(struct hal_space *space,
                                            const struct hal_flush_range *range, size_t count);

/* Make a user thread in `space`; all registers zero, interrupts enabled, vector state initial.
 * Context: thread, may block.  Errors: EXO_ERR_NO_MEMORY, EXO_ERR_NO_RESOURCES. */
EXO_MUST_CHECK exo_status_t hal_user_create(struct hal_space *space, struct hal_user **out);
void hal_user_destroy(struct hal_user *user); /* NULL is a no-op; not while it runs */

/* Enter user code and return with the reason it came back. Interrupts that arrive meanwhile are
 * served; those after which nothing is due do not end the call.
 * Locks: none.  Context: the thread that owns `user`, interrupts on, preemption on. */
void hal_user_run(struct hal_user *user, struct hal_user_event *event);

/* Set what the system call that hal_user_run() just reported will return. */
void hal_user_result(struct hal_user *user, int64_t value);

/* Start afresh at `pc` with stack pointer `sp`, all other registers and the vector state initial
 * (exec). */
void hal_user_start(struct hal_user *user, vaddr_t pc, vaddr_t sp);

/* Read or replace all general registers. After a system call the replaced registers win over
 * hal_user_result(). Setting sanitises: user segments, flags that user code may not own, canonical
 * pc. Errors: EXO_ERR_INVALID (pc or bases outside the user range). */
void hal_user_regs_get(struct hal_user *user, struct hal_user_regs *regs);
EXO_MUST_CHECK exo_status_t hal_user_regs_set(struct hal_user *user,
                                              const struct hal_user_regs *regs);

/* Set the thread pointer (FS base).  Errors: EXO_ERR_INVALID (outside the user range). */
EXO_MUST_CHECK exo_status_t hal_user_tls_set(struct hal_user *user, vaddr_t base);

/* Make the running or next hal_user_run(user) return HAL_USER_INTERRUPT. Any CPU, any context. */
void hal_user_interrupt(struct hal_user *user);

/* Copy between the kernel and user memory as the tables of `space` map it now, with user rights.
 * Returns the bytes NOT copied; the first failing user address is then uaddr + (len - returned).
 * x86_64: STAC/CLAC and the exception table, `space` must be current's; hosted: table walk.
 * Callers use user_copy_in/out (exo/mem/user.h), which fault pages in and try again. */
size_t hal_user_copy_in(struct hal_space *space, void *dst, vaddr_t uaddr, size_t len_bytes);
size_t hal_user_copy_out(struct hal_space *space, vaddr_t uaddr, const void *src, size_t len_bytes);

#endif /* EXO_HAL_USER_H */
