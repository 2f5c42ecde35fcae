/*
 * hosted_unit.h - what the two files of exo-unit share.
 */
#ifndef TESTS_HOSTED_HOSTED_UNIT_H
#define TESTS_HOSTED_HOSTED_UNIT_H

#include "exo/lib/types.h"

/* Set in a process that libcheck forked, before the machine boots; constant after. */
extern bool g_libcheck_child;

#endif /* TESTS_HOSTED_HOSTED_UNIT_H */
