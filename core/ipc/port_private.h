/*
 * core/ipc/port_private.h - the link between sources and ports: source.c tells, port.c listens.
 */
#ifndef CORE_IPC_PORT_PRIVATE_H
#define CORE_IPC_PORT_PRIVATE_H

#include "exo/ipc/port.h"
#include "exo/ipc/source.h"

/* Keys: [c] constant, [b] the port's mutex, [s] the source's lock, [p] the port's spinlock. */
struct binding {
    struct list_node in_port;   /* [b] */
    struct list_node in_source; /* [s] */
    struct list_node in_ready;  /* [p] linked while something is to be told */
    struct port *port;          /* [c] */
    struct source *source;      /* [c] */
    struct kobj *object;        /* [c] of the source; owned reference */
    uint64_t mask;              /* [c] */
    uint64_t key;               /* [c] */
    uint32_t flags;             /* [c] */
    bool is_over;               /* [p] nothing is told any more */
};

/* One of its signals is set.  Locks: the source's is held. */
void binding_tell(struct binding *binding);

/* Join and leave a source; one that has its signals set already tells at once.
 * Errors: EXO_ERR_NO_RESOURCES (SOURCE_BINDINGS_MAX). */
EXO_MUST_CHECK exo_status_t source_bind(struct source *source, struct binding *binding);
void source_unbind(struct source *source, struct binding *binding);

#endif /* CORE_IPC_PORT_PRIVATE_H */
