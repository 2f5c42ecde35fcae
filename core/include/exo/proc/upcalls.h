/*
 * exo/proc/upcalls.h - what proc asks of the layer above it, which defines these (core/syscall).
 */
#ifndef EXO_PROC_UPCALLS_H
#define EXO_PROC_UPCALLS_H

#include "exo/proc/elf.h"
#include "exo/proc/proc.h"

struct personality;

/* A program that is mapped and about to run. */
struct proc_image {
    const struct elf_plan *plan;
    const char *path;
    const char *const *args;        /* NULL-terminated */
    const char *const *env;         /* NULL-terminated */
    const struct proc_gifts *gifts; /* NULL: everything that there is */
    vaddr_t stack_start;            /* lowest address of the stack */
    vaddr_t stack_end;              /* where the first stack ends */
};

/* A process's tie to its personality; both NULL when none took it. */
struct proc_tie {
    const struct personality *personality;
    void *data;
};

/* Find who takes the program.  Errors: EXO_ERR_NOT_SUPPORTED (nobody), those of
 * personality.attach. */
EXO_MUST_CHECK exo_status_t proc_on_attach(struct proc *proc, const struct proc_image *image,
                                           struct proc_tie *tie, vaddr_t *sp);
void proc_on_detach(struct proc *proc, struct proc_tie *tie);
void proc_on_syscall(struct proc *proc, struct proc_tie *tie, const struct hal_user_event *event);
void proc_on_fault(struct proc *proc, struct proc_tie *tie, const struct hal_user_event *event,
                   exo_status_t status);

#endif /* EXO_PROC_UPCALLS_H */
