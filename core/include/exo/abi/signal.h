/*
 * exo/abi/signal.h - what can be waited for: signals of objects, and ports, which wait for many.
 */
#ifndef EXO_ABI_SIGNAL_H
#define EXO_ABI_SIGNAL_H

#include <stdint.h>

#define EXO_SIGNALS_ALL 0x7fffffffffffffffull /* an event has 63, to be used as one likes */

#define EXO_SIGNAL_TIMER_EXPIRED 1u /* taken by who waits for it */
#define EXO_SIGNAL_PROCESS_ENDED 1u /* stays */

#define EXO_TIMER_PERIOD_MIN_NS 10000u

/* Flags of a binding. */
#define EXO_BIND_ONCE 1u /* it ends with its first packet */

/* What a port tells: the binding's key, and which of its signals are set. */
struct exo_packet {
    uint64_t key;
    uint64_t signals;
};

#endif /* EXO_ABI_SIGNAL_H */
