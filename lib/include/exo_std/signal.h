/*
 * exo_std/signal.h - events, timers, and waiting: for one object, or through a port for many.
 */
#ifndef EXO_STD_SIGNAL_H
#define EXO_STD_SIGNAL_H

#include "exo/abi/cap.h"
#include "exo/abi/signal.h"
#include "exo/abi/status.h"

/* An event has 63 signals, to be used as one likes. A capability with a badge may set those in its
 * badge.  Errors: EXO_ERR_NO_MEMORY, EXO_ERR_NO_RESOURCES. */
exo_status_t exo_event_create(exo_cap_t *event);

/* Errors: EXO_ERR_INVALID (no signals, or bit 63), EXO_ERR_BAD_CAP, EXO_ERR_WRONG_TYPE,
 *         EXO_ERR_ACCESS_DENIED (no EXO_RIGHT_EVENT_SIGNAL, or not in the badge). */
exo_status_t exo_event_signal(exo_cap_t event, uint64_t signals);

/* A timer sets EXO_SIGNAL_TIMER_EXPIRED at at_ns on the clock, and then every period_ns unless that
 * is 0; UINT64_MAX: never.  Errors of set: EXO_ERR_INVALID (a period under 10 us), EXO_ERR_BAD_CAP,
 * EXO_ERR_WRONG_TYPE, EXO_ERR_ACCESS_DENIED (no EXO_RIGHT_TIMER_SET). */
exo_status_t exo_timer_create(exo_cap_t *timer);
exo_status_t exo_timer_set(exo_cap_t timer, uint64_t at_ns, uint64_t period_ns);

/* Wait until one of `want` is set; *got says which. Those of events and timers are taken by that.
 * Errors: EXO_ERR_TIMED_OUT, EXO_ERR_DEAD (nobody can set them any more), EXO_ERR_INVALID,
 *         EXO_ERR_BAD_CAP, EXO_ERR_WRONG_TYPE, EXO_ERR_ACCESS_DENIED (no EXO_RIGHT_WAIT). */
exo_status_t exo_signal_wait(exo_cap_t object, uint64_t want, uint64_t deadline_ns, uint64_t *got);

/* A port tells, again and again, which of the objects bound to it have signals set; taking these is
 * the caller's.  Errors of bind: EXO_ERR_EXISTS (the key), EXO_ERR_NO_RESOURCES, those of wait. */
exo_status_t exo_port_create(exo_cap_t *port);
exo_status_t exo_port_bind(exo_cap_t port, exo_cap_t object, uint64_t signals, uint64_t key,
                           uint32_t flags);
exo_status_t exo_port_unbind(exo_cap_t port, uint64_t key); /* Errors: EXO_ERR_NOT_FOUND */
exo_status_t exo_port_wait(exo_cap_t port, uint64_t deadline_ns, struct exo_packet *packet);

#endif /* EXO_STD_SIGNAL_H */
