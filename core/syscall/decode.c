/*
 * core/syscall/decode.c - which ABI a system call belongs to, and the table of personalities.
 */
#include "exo/lib/assert.h"
#include "exo/syscall/personality.h"
#include "native.h"

#define SYSCALL_SIGN_BIT 0x80000000u

/* Bounds of the linker section; weak, since a kernel without any personality has no such
 * section. */
extern const struct personality *const __start_exo_personalities[] __attribute__((weak));
extern const struct personality *const __stop_exo_personalities[] __attribute__((weak));

exo_status_t proc_on_attach(struct proc *proc, const struct proc_image *image, struct proc_tie *tie,
                            vaddr_t *sp)
{
    for (const struct personality *const *at = __start_exo_personalities;
         at != __stop_exo_personalities; at++) {
        void *data = NULL;
        const exo_status_t status = (*at)->attach(proc, image, &data, sp);

        if (status == EXO_OK) {
            *tie = (struct proc_tie){ .personality = *at, .data = data };
        }
        if (status != EXO_ERR_NOT_SUPPORTED) {
            return status;
        }
    }
    return EXO_ERR_NOT_SUPPORTED;
}

void proc_on_detach(struct proc *proc, struct proc_tie *tie)
{
    if (tie->personality != NULL) {
        tie->personality->detach(proc, tie->data);
        *tie = (struct proc_tie){ 0 };
    }
}

/* Linux looks at the low 32 bits of the number alone, and so do we: -1 is negative, not native. */
static bool is_native(uint64_t nr)
{
    return ((uint32_t)nr & (EXO_SYSCALL_NATIVE | SYSCALL_SIGN_BIT)) == EXO_SYSCALL_NATIVE;
}

void proc_on_syscall(struct proc *proc, struct proc_tie *tie, const struct hal_user_event *event)
{
    if (is_native(event->nr)) {
        /* Answers with a native status; it never passes a personality's errno table. */
        native_syscall(proc, tie, event);
        return;
    }
    KASSERT(tie->personality != NULL); /* proc_spawn() fails without one */
    tie->personality->syscall(proc, tie->data, event);
}

void proc_on_fault(struct proc *proc, struct proc_tie *tie, const struct hal_user_event *event,
                   exo_status_t status)
{
    KASSERT(tie->personality != NULL);
    tie->personality->fault(proc, tie->data, event, status);
}
