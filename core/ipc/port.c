/*
 * core/ipc/port.c - ports.
 *
 * Invariants:
 *   (1) a binding that is not over and has one of its signals set is in the ready list, or about to
 *       be put there by who set it;
 *   (2) a binding is freed by who took it out of the port's list, after it was made over and left
 *       its source: nobody finds it any more.
 */
#include "exo/ipc/port.h"

#include "exo/lib/assert.h"
#include "exo/mem/heap.h"
#include "exo/sync/mutex.h"
#include "exo/sync/preempt.h"

#include "port_private.h"

/* Keys: [m] guarded by mutex, [l] by lock. */
struct port {
    struct kobj object;
    struct mutex mutex;        /* bindings come and go one at a time */
    struct list_node bindings; /* [m] */
    uint32_t bindings_count;   /* [m] */
    struct spinlock lock;      /* RANK_PORT */
    struct list_node ready;    /* [l] bindings with something to tell, first come first */
    bool is_closed;            /* [l], written under both */
    struct wait_queue waiters;
};

static void port_on_last_cap(struct kobj *object)
{
    port_close(port_of(object));
}

static void port_destroy(struct kobj *object)
{
    struct port *const port = port_of(object);

    port_close(port);
    mutex_fini(&port->mutex);
    wait_queue_fini(&port->waiters);
    heap_free_sized(port, sizeof(*port));
}

static const struct kobj_ops g_port_ops = { .name = "port",
                                            .type = EXO_TYPE_PORT,
                                            .rights = PORT_RIGHTS,
                                            .on_last_cap = port_on_last_cap,
                                            .destroy = port_destroy };

struct kobj *port_object(struct port *port)
{
    return &port->object;
}

struct port *port_of(struct kobj *object)
{
    return container_of(object, struct port, object);
}

exo_status_t port_create(struct port **out)
{
    struct port *const port = heap_alloc_zeroed(sizeof(*port));

    if (port == NULL) {
        return EXO_ERR_NO_MEMORY;
    }
    kobj_init(&port->object, &g_port_ops);
    mutex_init(&port->mutex);
    list_init(&port->bindings);
    spin_init(&port->lock, RANK_PORT);
    list_init(&port->ready);
    wait_queue_init(&port->waiters);
    *out = port;
    return EXO_OK;
}

void binding_tell(struct binding *binding)
{
    struct port *const port = binding->port;
    const hal_irq_t irq = spin_lock_irq(&port->lock);
    const bool is_new = !binding->is_over && !list_is_linked(&binding->in_ready);

    if (is_new) {
        list_add_tail(&port->ready, &binding->in_ready);
    }
    spin_unlock_irq(&port->lock, irq);
    if (is_new) {
        wait_wake_one(&port->waiters);
    }
}

/* ---- bindings ---- */

static struct binding *binding_find(struct port *port, uint64_t key)
{
    LIST_FOR_EACH(node, &port->bindings)
    {
        struct binding *const binding = container_of(node, struct binding, in_port);

        if (binding->key == key) {
            return binding;
        }
    }
    return NULL;
}

/* Free a binding that was taken out of the port's list. */
static void binding_end(struct port *port, struct binding *binding)
{
    const hal_irq_t irq = spin_lock_irq(&port->lock);

    binding->is_over = true;
    list_remove(&binding->in_ready);
    spin_unlock_irq(&port->lock, irq);
    source_unbind(binding->source, binding);
    kobj_unref(binding->object);
    heap_free_sized(binding, sizeof(*binding));
}

/* Take a binding out of the port's list. */
static void binding_remove(struct port *port, struct binding *binding)
{
    KASSERT_DEBUG(mutex_is_mine(&port->mutex));
    list_remove(&binding->in_port);
    port->bindings_count--;
}

static exo_status_t bind_locked(struct port *port, struct binding *binding)
{
    KASSERT_DEBUG(mutex_is_mine(&port->mutex));
    if (port->is_closed) {
        return EXO_ERR_DEAD;
    }
    if (binding_find(port, binding->key) != NULL) {
        return EXO_ERR_EXISTS;
    }
    if (port->bindings_count == PORT_BINDINGS_MAX) {
        return EXO_ERR_NO_RESOURCES;
    }
    const exo_status_t status = source_bind(binding->source, binding);

    if (status == EXO_OK) {
        list_add_tail(&port->bindings, &binding->in_port);
        port->bindings_count++;
    }
    return status;
}

exo_status_t port_bind(struct port *port, const struct port_binding *spec)
{
    if (spec->signals == 0 || (spec->signals & ~EXO_SIGNALS_ALL) != 0 ||
        (spec->flags & ~EXO_BIND_ONCE) != 0) {
        return EXO_ERR_INVALID;
    }
    if (spec->object->ops->source == NULL) {
        return EXO_ERR_WRONG_TYPE;
    }
    struct binding *const binding = heap_alloc(sizeof(*binding));

    if (binding == NULL) {
        return EXO_ERR_NO_MEMORY;
    }
    *binding = (struct binding){ .port = port,
                                 .source = spec->object->ops->source(spec->object),
                                 .object = kobj_ref(spec->object),
                                 .mask = spec->signals,
                                 .key = spec->key,
                                 .flags = spec->flags };
    list_init(&binding->in_ready);
    mutex_lock(&port->mutex);
    const exo_status_t status = bind_locked(port, binding);

    mutex_unlock(&port->mutex);
    if (status != EXO_OK) {
        kobj_unref(binding->object);
        heap_free_sized(binding, sizeof(*binding));
    }
    return status;
}

exo_status_t port_unbind(struct port *port, uint64_t key)
{
    mutex_lock(&port->mutex);
    struct binding *const binding = binding_find(port, key);

    if (binding != NULL) {
        binding_remove(port, binding);
    }
    mutex_unlock(&port->mutex);
    if (binding == NULL) {
        return EXO_ERR_NOT_FOUND;
    }
    binding_end(port, binding);
    return EXO_OK;
}

/* End the binding whose only packet was told. Another may have the key by now: that one stays. */
static void once_end(struct port *port, uint64_t key)
{
    mutex_lock(&port->mutex);
    struct binding *const binding = binding_find(port, key);
    const hal_irq_t irq = spin_lock_irq(&port->lock);
    const bool is_it = binding != NULL && binding->is_over;

    spin_unlock_irq(&port->lock, irq);
    if (is_it) {
        binding_remove(port, binding);
    }
    mutex_unlock(&port->mutex);
    if (is_it) {
        binding_end(port, binding);
    }
}

void port_close(struct port *port)
{
    mutex_lock(&port->mutex);
    const hal_irq_t irq = spin_lock_irq(&port->lock);

    port->is_closed = true;
    spin_unlock_irq(&port->lock, irq);
    while (!list_is_empty(&port->bindings)) {
        struct binding *const binding = container_of(port->bindings.next, struct binding, in_port);

        binding_remove(port, binding);
        binding_end(port, binding);
    }
    mutex_unlock(&port->mutex);
    wait_wake_all(&port->waiters);
}

/* ---- waiting ---- */

/* The next binding whose signals are still set goes to the end of the line. One whose signals were
 * taken leaves it: whoever sets them again tells again, after what we looked at. */
static bool next_locked(struct port *port, struct exo_packet *out, bool *is_last)
{
    spin_assert_held(&port->lock);
    for (;;) {
        struct list_node *const node = list_pop_head(&port->ready);

        if (node == NULL) {
            return false;
        }
        struct binding *const binding = container_of(node, struct binding, in_ready);
        const uint64_t signals =
            atomic_load_explicit(&binding->source->signals, memory_order_acquire) & binding->mask;

        if (signals == 0) {
            continue;
        }
        *out = (struct exo_packet){ .key = binding->key, .signals = signals };
        *is_last = (binding->flags & EXO_BIND_ONCE) != 0;
        if (*is_last) {
            binding->is_over = true; /* nobody is told twice */
        } else {
            list_add_tail(&port->ready, &binding->in_ready);
        }
        return true;
    }
}

struct listening {
    struct port *port;
    struct exo_packet *out;
    bool is_last;
    bool is_closed;
};

static bool listen(struct listening *self)
{
    struct port *const port = self->port;
    const hal_irq_t irq = spin_lock_irq(&port->lock);
    const bool is_found = next_locked(port, self->out, &self->is_last);

    self->is_closed = !is_found && port->is_closed;
    spin_unlock_irq(&port->lock, irq);
    return is_found || self->is_closed;
}

exo_status_t port_wait(struct port *port, uint64_t deadline_ns, struct exo_packet *out)
{
    struct listening self = { .port = port, .out = out };
    exo_status_t status = EXO_OK;

    assert_may_block("port_wait");
    if (deadline_ns == 0) {
        status = listen(&self) ? EXO_OK : EXO_ERR_TIMED_OUT;
    } else {
        WAIT_INTERRUPTIBLY(&port->waiters, listen(&self), deadline_ns, &status);
    }
    if (status == EXO_OK && self.is_closed) {
        return EXO_ERR_DEAD;
    }
    if (status == EXO_OK && self.is_last) {
        once_end(port, out->key);
    }
    return status;
}
