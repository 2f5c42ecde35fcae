/*
 * lib/result.h - a call's result taken apart: a value of 0 or more, or an error.
 */
#ifndef LIB_RESULT_H
#define LIB_RESULT_H

#include "exo/abi/status.h"

/* *out is untouched on failure. */
static inline exo_status_t result_value(int64_t result, uint64_t *out)
{
    if (result < 0) {
        return (exo_status_t)result;
    }
    *out = (uint64_t)result;
    return EXO_OK;
}

#endif /* LIB_RESULT_H */
