/*
 * core/syscall/native.h - what the files of the native ABI share: a process's native state and the
 * form of a call.
 *
 * A call is a function of struct native_call that returns its result: a value of 0 or more, or a
 * negative status. It runs in the process's thread and may block. Arguments are whatever the
 * program likes; a call checks all of them before it changes anything.
 */
#ifndef CORE_SYSCALL_NATIVE_H
#define CORE_SYSCALL_NATIVE_H

#include "exo/abi/process.h"
#include "exo/abi/syscall.h"
#include "exo/cap/cap.h"
#include "exo/proc/upcalls.h"

#define NATIVE_CAPS_MAX 65536u /* capabilities of one process */

/* Made at attach; only the process's own thread uses it. */
struct native_proc {
    struct cap_quota quota;
    struct cap_space *caps;
};

/* What a process starts with. */
struct native_given {
    exo_cap_t cap[EXO_SPAWN_GIFTS_MAX];
    uint32_t count;
    exo_cap_t console; /* one of them, or EXO_CAP_NONE */
};

struct native_call {
    struct proc *proc;
    struct native_proc *native;
    const uint64_t *arg; /* arg[6] */
};

typedef int64_t native_handler(const struct native_call *call);

/* A FAST call: knows nothing of who calls. Interrupts may be off. */
typedef int64_t native_fast_handler(uint64_t arg0, uint64_t arg1);

#define FAST(name)                  native_fast_handler native_##name
#define SLOW(name)                  native_handler native_##name
#define X(name, number, path, text) path(name);
#include "exo/abi/syscall_list.h"
#undef X
#undef FAST
#undef SLOW

/* Make what exo/abi/start.h promises at the top of the first stack; *sp is its address.
 * Errors: EXO_ERR_NO_RESOURCES (arguments beyond a quarter of the stack), those of vm_write(). */
EXO_MUST_CHECK exo_status_t native_start_make(struct proc *proc, const struct proc_image *image,
                                              const struct native_given *given, vaddr_t *sp);

/* Find an object of the caller's and take a reference.  Errors: those of cap_lookup(). */
EXO_MUST_CHECK exo_status_t native_object(const struct native_call *call, exo_cap_t cap,
                                          uint32_t type, exo_rights_t need, struct kobj **out);

/* Give an object, whose reference is consumed, its first capability in the caller's table.
 * Returns the capability or an error. */
int64_t native_cap_of(const struct native_call *call, struct kobj *object, exo_rights_t rights);

/* Answer a native call; of a program that is not native, the FAST ones. */
void native_syscall(struct proc *proc, const struct proc_tie *tie,
                    const struct hal_user_event *event);

#endif /* CORE_SYSCALL_NATIVE_H */
