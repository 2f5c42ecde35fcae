/*
 * exo/ipc/event.h - events and timers as capabilities name them: sources that one sets oneself, or
 * that the clock sets.
 *
 * Owns:    `create` returns one reference.
 * Context: thread; event_source() of an event may be set in any but NMI.
 */
#ifndef EXO_IPC_EVENT_H
#define EXO_IPC_EVENT_H

#include "exo/abi/status.h"
#include "exo/ipc/source.h"
#include "exo/sync/kobj.h"

#define EVENT_RIGHTS (EXO_RIGHTS_COMMON | EXO_RIGHT_WAIT | EXO_RIGHT_EVENT_SIGNAL)
#define ALARM_RIGHTS (EXO_RIGHTS_COMMON | EXO_RIGHT_WAIT | EXO_RIGHT_TIMER_SET)

/* An event: 63 signals. The last capability's end closes it.  Errors: EXO_ERR_NO_MEMORY. */
EXO_MUST_CHECK exo_status_t event_create(struct kobj **out);
struct source *event_source(struct kobj *event);

/* A timer object, kept apart from exo/time/timer.h by its name. */
EXO_MUST_CHECK exo_status_t alarm_create(struct kobj **out);

/* Set EXO_SIGNAL_TIMER_EXPIRED at `at_ns` and, unless period_ns is 0, that often afterwards,
 * counted from at_ns; expirations that nobody took in between are one. UINT64_MAX: never. What had
 * expired before is cleared.  Errors: EXO_ERR_INVALID (a period under EXO_TIMER_PERIOD_MIN_NS). */
EXO_MUST_CHECK exo_status_t alarm_set(struct kobj *alarm, uint64_t at_ns, uint64_t period_ns);

#endif /* EXO_IPC_EVENT_H */
