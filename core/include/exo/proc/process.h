/*
 * exo/proc/process.h - processes as capabilities name them.
 *
 * The object keeps the process's record, not its life: when nobody names it any more the process
 * goes on, and nobody can wait for it or end it.
 */
#ifndef EXO_PROC_PROCESS_H
#define EXO_PROC_PROCESS_H

#include "exo/proc/proc.h"
#include "exo/sync/kobj.h"

#define PROCESS_RIGHTS (EXO_RIGHTS_COMMON | EXO_RIGHT_WAIT | EXO_RIGHT_PROCESS_KILL)

/* Make an object with one reference, the caller's, and spawn its process.
 * Errors: those of proc_spawn(). */
EXO_MUST_CHECK exo_status_t process_spawn(const struct proc_spawn_spec *spec, struct kobj **out);

/* The process of an object of EXO_TYPE_PROCESS; for as long as the object. */
struct proc *process_of(struct kobj *object);

#endif /* EXO_PROC_PROCESS_H */
