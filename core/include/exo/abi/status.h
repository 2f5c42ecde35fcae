/*
 * exo/abi/status.h - status codes: 0 is success, errors are negative (exo/abi/status_list.h).
 */
#ifndef EXO_ABI_STATUS_H
#define EXO_ABI_STATUS_H

#include <stdint.h>

typedef int32_t exo_status_t;

#define EXO_OK ((exo_status_t)0)

enum {
#define X(name, value, text) EXO_ERR_##name = (value),
#include "exo/abi/status_list.h"
#undef X
};

/* Return the constant's name ("EXO_ERR_BUSY") or "EXO_ERR_?" for a number not in the list. */
const char *exo_status_name(exo_status_t status);

/* Return one line of English for `status`; never NULL. */
const char *exo_status_text(exo_status_t status);

#endif /* EXO_ABI_STATUS_H */
