/*
 * core/debug/symbols_default.c - the empty symbol table of a first link.
 *
 * Alone in its file, so that no reader of the table is compiled where these values are visible.
 */
#include "exo/debug/symbols.h"

__attribute__((weak)) const struct ksym g_ksyms[1] = { { 0, "" } };
__attribute__((weak)) const uint32_t g_ksym_count = 0;
