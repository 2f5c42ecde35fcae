/*
 * core/proc/end.h - the record of a process's end, made out of what user mode reported.
 */
#ifndef CORE_PROC_END_H
#define CORE_PROC_END_H

#include "exo/abi/end.h"
#include "exo/hal/user.h"

/* What end_of_event() has to know beside the event. */
struct end_facts {
    exo_status_t status; /* of vm_fault() for FAULT, otherwise EXO_OK */
    vaddr_t stack_start; /* lowest address of the first thread's stack */
    vaddr_t pc;
};

/* Describe the end that `event` (FAULT, EXCEPTION or DEAD) means if nobody answers it; the status
 * stays 0. */
void end_of_event(const struct hal_user_event *event, const struct end_facts *facts,
                  struct exo_end *out);

#endif /* CORE_PROC_END_H */
