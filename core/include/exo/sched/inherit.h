/*
 * exo/sched/inherit.h - priority inheritance, declared in exo/sync/inherit.h for the locks that use
 * it.
 */
#ifndef EXO_SCHED_INHERIT_H
#define EXO_SCHED_INHERIT_H

#include "exo/sync/inherit.h"

#endif /* EXO_SCHED_INHERIT_H */
