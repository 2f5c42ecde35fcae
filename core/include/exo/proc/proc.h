/*
 * exo/proc/proc.h - processes: a program in an address space, its thread, its end.
 *
 * A process holds what is neutral: space, user context, thread, end status, and one opaque pointer
 * of the personality that answers its system calls. Today it has one thread.
 *
 * State: SPAWNED -(thread starts)-> RUNNING -(proc_end, proc_kill)-> ENDED: its thread gives user
 * context,
 *        personality and space back -(proc_wait)-> freed.
 * Owns:  proc_spawn() gives the process to the caller, who gives it back with proc_wait() or
 *        proc_let_go().
 */
#ifndef EXO_PROC_PROC_H
#define EXO_PROC_PROC_H

#include "exo/abi/end.h"
#include "exo/abi/status.h"
#include "exo/hal/user.h"
#include "exo/mem/vm.h"

struct source;
struct proc; /* opaque; layout private to core/proc */

#define PROC_PATH_MAX 256u /* bytes of a program's path, NUL included */

#define PROC_STATUS_SIGNAL 128 /* plus the number of the signal that ended it, as shells do */
#define PROC_STATUS_KILLED (PROC_STATUS_SIGNAL + 9)
#define PROC_STATUS_FAULT  (PROC_STATUS_SIGNAL + 11) /* a native program did what it must not */

/* Capabilities of a table that a new process gets; of core/cap and exo/abi/process.h. */
struct cap_space;
struct exo_gift;
struct proc_gifts {
    struct cap_space *from;
    const struct exo_gift *gift; /* gift[count] */
    uint32_t count;
};

struct proc_spawn_spec {
    const char *path;     /* as the program is told it was started, absolute */
    const char *exe;      /* the file behind it, absolute: differs from `path` if that is a link */
    const uint8_t *image; /* an ELF file; valid and constant as long as it runs */
    size_t image_size_bytes;
    const char *const *args; /* NULL-terminated; copied to the program's stack, as the next */
    const char *const *env;  /* NULL-terminated */
    const struct proc_gifts *gifts; /* NULL: the system itself starts it, and gives the console */
};

/* Load a program and let it run.
 * Context: thread, may block.
 * Errors:  those of elf_parse; EXO_ERR_NOT_SUPPORTED also for a program that asks for an
 *          interpreter, and when no personality takes it; EXO_ERR_NO_RESOURCES (arguments, path or
 *          areas beyond a limit); EXO_ERR_EXISTS (image over the stack's place); EXO_ERR_NO_MEMORY.
 *          All that was taken is given back then. */
EXO_MUST_CHECK exo_status_t proc_spawn(const struct proc_spawn_spec *spec, struct proc **out);

/* Wait for the end and free the process. Returns 0-255: what the program gave to exit, or
 * PROC_STATUS_SIGNAL + number.  Context: thread, may block. */
int proc_wait(struct proc *proc);

/* The same, and tell why it ended, which is more than a status can say. */
void proc_wait_end(struct proc *proc, struct exo_end *out);

/* Wait for the end without freeing anything; any number of threads may.
 * Context: thread, may block.  Errors: EXO_ERR_TIMED_OUT, EXO_ERR_INTERRUPTED. */
EXO_MUST_CHECK exo_status_t proc_wait_until(struct proc *proc, uint64_t deadline_ns,
                                            struct exo_end *out);

/* What says that it ended: EXO_SIGNAL_PROCESS_ENDED. */
struct source *proc_source(struct proc *proc);

/* Give the process back without waiting: it is freed when it has ended. */
void proc_let_go(struct proc *proc);

/* Say it in English, as a phrase that goes on from the program's name; cut to fit buf[size]. */
#define PROC_END_TEXT_MAX 160u
void proc_end_format(const struct exo_end *end, char *buf, size_t size);

/* End the process of the calling thread: its loop leaves at the next turn. Of several statuses the
 * first counts. While a fault or an exception is being answered that is the reason; otherwise the
 * program ended by itself. */
void proc_end(struct proc *proc, int status);

/* End a process from outside, status PROC_STATUS_KILLED.
 * Context: any thread, while the process is the caller's. */
void proc_kill(struct proc *proc);

/* Has its end been decided? Waits inside a system call leave when it has. */
bool proc_ending(const struct proc *proc);

/* The process whose thread calls, NULL in a pure kernel thread. */
struct proc *proc_current(void);

uint32_t proc_id(const struct proc *proc);
const char *proc_path(const struct proc *proc);
const char *proc_exe(const struct proc *proc);
struct vm_space *proc_space(struct proc *proc);
struct hal_user *proc_user(struct proc *proc); /* of the calling thread */

#endif /* EXO_PROC_PROC_H */
