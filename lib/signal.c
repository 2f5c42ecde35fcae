/*
 * lib/signal.c - events, timers, ports, and waiting.
 */
#include "exo_std/signal.h"

#include "exo_std/syscall.h"
#include "result.h"

exo_status_t exo_event_create(exo_cap_t *event)
{
    return result_value(exo_syscall(EXO_SYSCALL_event_create, 0, 0, 0), event);
}

exo_status_t exo_event_signal(exo_cap_t event, uint64_t signals)
{
    return (exo_status_t)exo_syscall(EXO_SYSCALL_event_signal, event, signals, 0);
}

exo_status_t exo_timer_create(exo_cap_t *timer)
{
    return result_value(exo_syscall(EXO_SYSCALL_timer_create, 0, 0, 0), timer);
}

exo_status_t exo_timer_set(exo_cap_t timer, uint64_t at_ns, uint64_t period_ns)
{
    return (exo_status_t)exo_syscall(EXO_SYSCALL_timer_set, timer, at_ns, period_ns);
}

exo_status_t exo_signal_wait(exo_cap_t object, uint64_t want, uint64_t deadline_ns, uint64_t *got)
{
    return result_value(exo_syscall(EXO_SYSCALL_signal_wait, object, want, deadline_ns), got);
}

exo_status_t exo_port_create(exo_cap_t *port)
{
    return result_value(exo_syscall(EXO_SYSCALL_port_create, 0, 0, 0), port);
}

exo_status_t exo_port_bind(exo_cap_t port, exo_cap_t object, uint64_t signals, uint64_t key,
                           uint32_t flags)
{
    const uint64_t arg[6] = { port, object, signals, key, flags };

    return (exo_status_t)exo_syscall6(EXO_SYSCALL_port_bind, arg);
}

exo_status_t exo_port_unbind(exo_cap_t port, uint64_t key)
{
    return (exo_status_t)exo_syscall(EXO_SYSCALL_port_unbind, port, key, 0);
}

exo_status_t exo_port_wait(exo_cap_t port, uint64_t deadline_ns, struct exo_packet *packet)
{
    return (exo_status_t)exo_syscall(EXO_SYSCALL_port_wait, port, (uint64_t)packet, deadline_ns);
}
