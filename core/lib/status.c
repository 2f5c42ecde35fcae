/*
 * core/lib/status.c - names and texts of status codes, from the one list.
 */
#include "exo/abi/status.h"

#include "exo/lib/types.h"

static const struct {
    exo_status_t value;
    const char *name;
    const char *text;
} g_status[] = {
    { EXO_OK, "EXO_OK", "success" },
#define X(name, value, text) { (value), "EXO_ERR_" #name, (text) },
#include "exo/abi/status_list.h"
#undef X
};

const char *exo_status_name(exo_status_t status)
{
    for (size_t i = 0; i < ARRAY_COUNT(g_status); i++) {
        if (g_status[i].value == status) {
            return g_status[i].name;
        }
    }
    return "EXO_ERR_?";
}

const char *exo_status_text(exo_status_t status)
{
    for (size_t i = 0; i < ARRAY_COUNT(g_status); i++) {
        if (g_status[i].value == status) {
            return g_status[i].text;
        }
    }
    return "unknown status";
}
