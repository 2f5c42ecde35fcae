/*
 * exo/lib/assert.h - assertions on facts that only the kernel itself can break.
 *
 * KASSERT is always on; KASSERT_DEBUG only with EXO_CONFIG_DEBUG (hot paths). Never on user input
 * or hardware answers: those return a status. One condition each.
 */
#ifndef EXO_LIB_ASSERT_H
#define EXO_LIB_ASSERT_H

#include "exo/config.h"

/* Defined by core/debug: prints the condition and place and panics. */
_Noreturn void kassert_fail(const char *condition, const char *file, int line,
                            const char *function);

#define KASSERT(condition)                                                                         \
    ((condition) ? (void)0 : kassert_fail(#condition, __FILE__, __LINE__, __func__))

#define KASSERT_DEBUG(condition)                                                                   \
    ((!EXO_CONFIG_DEBUG || (condition)) ? (void)0                                                  \
                                        : kassert_fail(#condition, __FILE__, __LINE__, __func__))

#endif /* EXO_LIB_ASSERT_H */
