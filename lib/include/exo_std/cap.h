/*
 * exo_std/cap.h - the program's own capabilities.
 *
 * Rights only shrink. What is derived from a capability can be revoked through it; what is
 * duplicated stands beside it. Functions that make one return it in *out, which is untouched on
 * failure.
 * Errors: EXO_ERR_BAD_CAP, EXO_ERR_ACCESS_DENIED, EXO_ERR_INVALID (rights that do not exist),
 *         EXO_ERR_NO_RESOURCES (too many), EXO_ERR_NO_MEMORY.
 */
#ifndef EXO_STD_CAP_H
#define EXO_STD_CAP_H

#include "exo/abi/status.h"
#include "exo/abi/syscall.h"

exo_status_t exo_cap_close(exo_cap_t cap);
exo_status_t exo_cap_duplicate(exo_cap_t cap, exo_rights_t rights, exo_cap_t *out);
exo_status_t exo_cap_derive(exo_cap_t cap, exo_rights_t rights, uint64_t badge, exo_cap_t *out);
exo_status_t exo_cap_revoke(exo_cap_t cap);
exo_status_t exo_cap_query(exo_cap_t cap, struct exo_cap_info *out);

#endif /* EXO_STD_CAP_H */
