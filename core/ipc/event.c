/*
 * core/ipc/event.c - events: a source that whoever may signal it sets.
 */
#include "exo/ipc/event.h"

#include "exo/mem/heap.h"

struct event {
    struct kobj object;
    struct source source;
};

struct source *event_source(struct kobj *event)
{
    return &container_of(event, struct event, object)->source;
}

static void event_on_last_cap(struct kobj *object)
{
    source_close(event_source(object));
}

static void event_destroy(struct kobj *object)
{
    struct event *const event = container_of(object, struct event, object);

    source_fini(&event->source);
    heap_free_sized(event, sizeof(*event));
}

static const struct kobj_ops g_event_ops = { .name = "event",
                                             .type = EXO_TYPE_EVENT,
                                             .rights = EVENT_RIGHTS,
                                             .on_last_cap = event_on_last_cap,
                                             .source = event_source,
                                             .destroy = event_destroy };

exo_status_t event_create(struct kobj **out)
{
    struct event *const event = heap_alloc(sizeof(*event));

    if (event == NULL) {
        return EXO_ERR_NO_MEMORY;
    }
    kobj_init(&event->object, &g_event_ops);
    source_init(&event->source, 0);
    *out = &event->object;
    return EXO_OK;
}
