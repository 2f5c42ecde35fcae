/*
 * exo/ipc/port.h - ports: waiting for signals of many objects at once.
 *
 * A binding ties some signals of an object to a port, under a key. As long as one of them is set
 * the port has a packet to tell it (level-triggered); who takes the signal itself, by
 * source_wait(), ends that. Of several bindings with something to tell each has its turn.
 *
 * Owns:    port_create() returns one reference of port_object(). A binding keeps its object.
 * Locks:   a mutex, RANK_SOURCE, RANK_PORT and RANK_WAIT_QUEUE inside.
 * Context: thread, may block.
 */
#ifndef EXO_IPC_PORT_H
#define EXO_IPC_PORT_H

#include "exo/abi/signal.h"
#include "exo/abi/status.h"
#include "exo/sync/kobj.h"

struct port; /* opaque; layout private to core/ipc */

#define PORT_RIGHTS       (EXO_RIGHTS_COMMON | EXO_RIGHT_WAIT | EXO_RIGHT_PORT_BIND)
#define PORT_BINDINGS_MAX 1024u

EXO_MUST_CHECK exo_status_t port_create(struct port **out); /* Errors: EXO_ERR_NO_MEMORY */

/* The object for capabilities and references; and back, of an object of EXO_TYPE_PORT. */
struct kobj *port_object(struct port *port);
struct port *port_of(struct kobj *object);

struct port_binding {
    struct kobj *object; /* borrowed; the binding takes its own reference */
    uint64_t signals;    /* of it, not 0 */
    uint64_t key;        /* unique in the port */
    uint32_t flags;      /* EXO_BIND_* */
};

/* Errors: EXO_ERR_INVALID (no signals, or some that do not exist, flags), EXO_ERR_WRONG_TYPE (the
 *         object has no signals), EXO_ERR_EXISTS (the key), EXO_ERR_NO_RESOURCES
 *         (PORT_BINDINGS_MAX, SOURCE_BINDINGS_MAX), EXO_ERR_DEAD (the port is closed),
 *         EXO_ERR_NO_MEMORY. */
EXO_MUST_CHECK exo_status_t port_bind(struct port *port, const struct port_binding *binding);

/* End a binding: no packet of it is told any more.  Errors: EXO_ERR_NOT_FOUND. */
EXO_MUST_CHECK exo_status_t port_unbind(struct port *port, uint64_t key);

/* Wait for a packet; not at all if deadline_ns is 0. Whoever waits longest gets the next.
 * Errors: EXO_ERR_TIMED_OUT, EXO_ERR_INTERRUPTED, EXO_ERR_DEAD (closed). */
EXO_MUST_CHECK exo_status_t port_wait(struct port *port, uint64_t deadline_ns,
                                      struct exo_packet *out);

/* End all bindings and let who waits go. The last capability's end does it, too. */
void port_close(struct port *port);

#endif /* EXO_IPC_PORT_H */
