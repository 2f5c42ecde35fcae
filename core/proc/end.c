/*
 * core/proc/end.c - why a program ended: faults and exceptions given a name that a person
 * understands, and the sentence that says it.
 *
 * Invariant (1): which name a fault has depends on what was touched first (the system's memory, the
 * null page, the gap below the stack) and then on what the address space said.
 */
#include "end.h"

#include "exo/lib/fmt.h"
#include "exo/mem/vm.h"
#include "exo/proc/proc.h"

#define VECTOR_DIVIDE     0u
#define VECTOR_PROTECTION 13u

_Static_assert(EXO_END_READ == HAL_ACCESS_READ && EXO_END_WRITE == HAL_ACCESS_WRITE &&
                   EXO_END_EXEC == HAL_ACCESS_EXEC,
               "one vocabulary");

const char *exo_end_text(uint32_t reason)
{
    switch (reason) {
#define X(name, value, text)                                                                       \
    case EXO_END_##name:                                                                           \
        return text;
#include "exo/abi/end_list.h"
#undef X
    default:
        return "ended for a reason that has no name";
    }
}

static uint32_t fault_reason(const struct hal_user_event *event, const struct end_facts *facts)
{
    if (event->addr >= HAL_USER_MAX) {
        return EXO_END_SYSTEM;
    }
    if (event->addr < HAL_USER_MIN) {
        return EXO_END_NULL;
    }
    switch (facts->status) {
    case EXO_ERR_BAD_ADDRESS:
        /* Nothing is ever mapped there but at an address that the program chose itself. */
        return event->addr < facts->stack_start && facts->stack_start - event->addr <= VM_STACK_GAP
                   ? EXO_END_STACK
                   : EXO_END_UNMAPPED;
    case EXO_ERR_ACCESS_DENIED:
        return (event->access & HAL_ACCESS_EXEC) != 0 ? EXO_END_EXEC_DATA : EXO_END_DENIED;
    case EXO_ERR_IO:
        return EXO_END_IO;
    case EXO_ERR_DEAD:
        return EXO_END_LOST;
    default:
        return EXO_END_NO_MEMORY;
    }
}

static uint32_t exception_reason(uint32_t vector)
{
    switch (vector) {
    case VECTOR_DIVIDE:
        return EXO_END_DIVIDE;
    case VECTOR_PROTECTION:
        return EXO_END_PRIVILEGED;
    default:
        return EXO_END_EXCEPTION;
    }
}

void end_of_event(const struct hal_user_event *event, const struct end_facts *facts,
                  struct exo_end *out)
{
    *out = (struct exo_end){ .pc = facts->pc, .vector = event->vector };
    switch (event->reason) {
    case HAL_USER_FAULT:
        out->reason = fault_reason(event, facts);
        out->access = event->access & (EXO_END_READ | EXO_END_WRITE | EXO_END_EXEC);
        out->addr = event->addr;
        break;
    case HAL_USER_EXCEPTION:
        out->reason = exception_reason(event->vector);
        break;
    default:
        out->reason = event->error == HAL_DEAD_HOSTILE ? EXO_END_HOSTILE : EXO_END_LOST;
        out->vector = 0;
        break;
    }
}

static const char *access_text(uint32_t access)
{
    if ((access & EXO_END_EXEC) != 0) {
        return "jump to";
    }
    return (access & EXO_END_WRITE) != 0 ? "write to" : "read of";
}

void proc_end_format(const struct exo_end *end, char *buf, size_t size)
{
    const char *text = exo_end_text(end->reason);

    if (end->access != 0) {
        (void)fmt_print(buf, size, "%s: %s 0x%llx at pc 0x%llx, status %d", text,
                        access_text(end->access), (unsigned long long)end->addr,
                        (unsigned long long)end->pc, end->status);
    } else if (end->pc != 0) {
        (void)fmt_print(buf, size, "%s: exception %u at pc 0x%llx, status %d", text, end->vector,
                        (unsigned long long)end->pc, end->status);
    } else {
        (void)fmt_print(buf, size, "%s, status %d", text, end->status);
    }
}
