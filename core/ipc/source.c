/*
 * core/ipc/source.c - signals of objects: setting, taking, waiting.
 *
 * A waiter queues itself and then looks; who sets does so under the lock and wakes afterwards. The
 * same holds for ports: a binding joins under the lock and looks, and who sets tells all that have
 * joined.
 */
#include "exo/ipc/source.h"

#include "exo/lib/assert.h"
#include "exo/sync/preempt.h"

#include "port_private.h"

#define SOURCE_CLOSED (~EXO_SIGNALS_ALL)

void source_init(struct source *source, uint64_t kept)
{
    spin_init(&source->lock, RANK_SOURCE);
    atomic_init(&source->signals, 0);
    source->kept = kept;
    list_init(&source->bindings);
    source->bindings_count = 0;
    wait_queue_init(&source->waiters);
}

void source_fini(struct source *source)
{
    KASSERT(list_is_empty(&source->bindings));
    wait_queue_fini(&source->waiters);
}

static void change_locked(struct source *source, uint64_t clear, uint64_t set)
{
    const uint64_t before = atomic_load_explicit(&source->signals, memory_order_relaxed);

    spin_assert_held(&source->lock);
    /* Release: who sees a signal sees what was done before it was set. */
    atomic_store_explicit(&source->signals, (before & ~clear) | set, memory_order_release);
}

static void set_and_tell(struct source *source, uint64_t signals)
{
    const hal_irq_t irq = spin_lock_irq(&source->lock);

    change_locked(source, 0, signals);
    LIST_FOR_EACH(node, &source->bindings)
    {
        struct binding *const binding = container_of(node, struct binding, in_source);

        if ((binding->mask & signals) != 0) {
            binding_tell(binding);
        }
    }
    spin_unlock_irq(&source->lock, irq);
    wait_wake_all(&source->waiters);
}

void source_set(struct source *source, uint64_t signals)
{
    KASSERT((signals & ~EXO_SIGNALS_ALL) == 0);
    set_and_tell(source, signals);
}

void source_close(struct source *source)
{
    set_and_tell(source, SOURCE_CLOSED);
}

void source_clear(struct source *source, uint64_t signals)
{
    const hal_irq_t irq = spin_lock_irq(&source->lock);

    change_locked(source, signals, 0);
    spin_unlock_irq(&source->lock, irq);
}

/* Take what there is of `want`; true: the wait is over. */
static bool take(struct source *source, uint64_t want, uint64_t *got)
{
    /* Acquire: what was done before the signal was set. */
    const uint64_t seen = atomic_load_explicit(&source->signals, memory_order_acquire);

    if ((seen & (want | SOURCE_CLOSED)) == 0) {
        return false;
    }
    const hal_irq_t irq = spin_lock_irq(&source->lock);
    const uint64_t now = atomic_load_explicit(&source->signals, memory_order_relaxed);

    *got = now & want;
    change_locked(source, *got & ~source->kept, 0);
    spin_unlock_irq(&source->lock, irq);
    return *got != 0 || (now & SOURCE_CLOSED) != 0;
}

exo_status_t source_wait(struct source *source, uint64_t want, uint64_t deadline_ns, uint64_t *got)
{
    exo_status_t status = EXO_OK;

    KASSERT((want & ~EXO_SIGNALS_ALL) == 0);
    *got = 0;
    if (!take(source, want, got)) {
        if (deadline_ns == 0) {
            return EXO_ERR_TIMED_OUT;
        }
        assert_may_block("source_wait");
        WAIT_INTERRUPTIBLY(&source->waiters, take(source, want, got), deadline_ns, &status);
    }
    return status == EXO_OK && *got == 0 ? EXO_ERR_DEAD : status;
}

exo_status_t source_bind(struct source *source, struct binding *binding)
{
    exo_status_t status = EXO_ERR_NO_RESOURCES;
    const hal_irq_t irq = spin_lock_irq(&source->lock);

    if (source->bindings_count < SOURCE_BINDINGS_MAX) {
        source->bindings_count++;
        list_add_tail(&source->bindings, &binding->in_source);
        if ((atomic_load_explicit(&source->signals, memory_order_relaxed) & binding->mask) != 0) {
            binding_tell(binding);
        }
        status = EXO_OK;
    }
    spin_unlock_irq(&source->lock, irq);
    return status;
}

void source_unbind(struct source *source, struct binding *binding)
{
    const hal_irq_t irq = spin_lock_irq(&source->lock);

    list_remove(&binding->in_source);
    source->bindings_count--;
    spin_unlock_irq(&source->lock, irq);
}
