/*
 * exo/syscall/personality.h - who starts a program and answers those of its system calls that are
 * not native.
 *
 * A call number with bit 30 set and bit 31 clear is native; any other goes to the process's
 * personality. A personality registers itself in the linker section `exo_personalities`, so that
 * the core names none.
 *
 * Spec: design.md section 6.
 */
#ifndef EXO_SYSCALL_PERSONALITY_H
#define EXO_SYSCALL_PERSONALITY_H

#include "exo/proc/upcalls.h"

struct personality {
    const char *name;

    /* Take a program that has been mapped: make the process's private state (*data) and its first
     * stack (*sp), with vm_write().  Owns: *data until detach.
     * Errors: EXO_ERR_NOT_SUPPORTED (not one of mine: the next is asked), any other ends the
     *         spawn. */
    exo_status_t (*attach)(struct proc *proc, const struct proc_image *image, void **data,
                           vaddr_t *sp);

    /* Free `data`; the process runs no more, its space is still there. */
    void (*detach)(struct proc *proc, void *data);

    /* Answer a system call with hal_user_result() or end the process.
     * Context: the process's thread, may block. */
    void (*syscall)(struct proc *proc, void *data, const struct hal_user_event *event);

    /* Deal with a fault that no page could cure, or an exception; `status` is what vm_fault() said
     * (EXO_OK for an exception).  Unless it changed what the program will do next, it ends the
     * process. */
    void (*fault)(struct proc *proc, void *data, const struct hal_user_event *event,
                  exo_status_t status);
};

#define EXO_PERSONALITY(ident)                                                                     \
    static const struct personality *const personality_ptr_##ident EXO_SECTION(                    \
        exo_personalities) = &ident

#endif /* EXO_SYSCALL_PERSONALITY_H */
