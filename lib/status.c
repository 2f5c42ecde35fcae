/*
 * lib/status.c - errors, and why programs end, as text.
 */
#include "exo/abi/status.h"

#include "exo/abi/end.h"

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

const char *exo_end_text(uint32_t reason)
{
    switch (reason) {
#define X(name, value, text)                                                                       \
    case EXO_END_##name:                                                                           \
        return text;
#include "exo/abi/end_list.h"
#undef X
    default:
        return "ended for an unknown reason";
    }
}
