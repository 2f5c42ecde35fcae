/*
 * lib/status.c - errors as text.
 */
#include "exo/abi/status.h"

const char *exo_status_name(exo_status_t status)
{
    switch (status) {
    case EXO_OK:
        return "EXO_OK";
#define X(name, value, text)                                                                       \
    case EXO_ERR_##name:                                                                           \
        return "EXO_ERR_" #name;
#include "exo/abi/status_list.h"
#undef X
    default:
        return "EXO_ERR_?";
    }
}

const char *exo_status_text(exo_status_t status)
{
    switch (status) {
    case EXO_OK:
        return "done";
#define X(name, value, text)                                                                       \
    case EXO_ERR_##name:                                                                           \
        return text;
#include "exo/abi/status_list.h"
#undef X
    default:
        return "unknown status";
    }
}
