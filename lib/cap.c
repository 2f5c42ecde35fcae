/*
 * lib/cap.c - the program's own capabilities.
 */
#include "exo_std/cap.h"

#include "exo_std/syscall.h"
#include "result.h"

exo_status_t exo_cap_close(exo_cap_t cap)
{
    return (exo_status_t)exo_syscall(EXO_SYSCALL_cap_close, cap, 0, 0);
}

exo_status_t exo_cap_duplicate(exo_cap_t cap, exo_rights_t rights, exo_cap_t *out)
{
    return result_value(exo_syscall(EXO_SYSCALL_cap_duplicate, cap, rights, 0), out);
}

exo_status_t exo_cap_derive(exo_cap_t cap, exo_rights_t rights, uint64_t badge, exo_cap_t *out)
{
    return result_value(exo_syscall(EXO_SYSCALL_cap_derive, cap, rights, badge), out);
}

exo_status_t exo_cap_revoke(exo_cap_t cap)
{
    return (exo_status_t)exo_syscall(EXO_SYSCALL_cap_revoke, cap, 0, 0);
}

exo_status_t exo_cap_query(exo_cap_t cap, struct exo_cap_info *out)
{
    return (exo_status_t)exo_syscall(EXO_SYSCALL_cap_query, cap, (uint64_t)out, 0);
}
