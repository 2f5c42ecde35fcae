/*
 * core/proc/process.c - process objects.
 */
#include "exo/proc/process.h"

#include "exo/mem/heap.h"

struct process {
    struct kobj object;
    struct proc *proc; /* [c] owned */
};

static void process_destroy(struct kobj *object)
{
    struct process *const process = container_of(object, struct process, object);

    proc_let_go(process->proc);
    heap_free_sized(process, sizeof(*process));
}

static struct source *process_source(struct kobj *object)
{
    return proc_source(process_of(object));
}

static const struct kobj_ops g_process_ops = { .name = "process",
                                               .type = EXO_TYPE_PROCESS,
                                               .rights = PROCESS_RIGHTS,
                                               .source = process_source,
                                               .destroy = process_destroy };

struct proc *process_of(struct kobj *object)
{
    return container_of(object, struct process, object)->proc;
}

exo_status_t process_spawn(const struct proc_spawn_spec *spec, struct kobj **out)
{
    struct process *const process = heap_alloc(sizeof(*process));

    if (process == NULL) {
        return EXO_ERR_NO_MEMORY;
    }
    kobj_init(&process->object, &g_process_ops);
    const exo_status_t status = proc_spawn(spec, &process->proc);

    if (status != EXO_OK) {
        heap_free_sized(process, sizeof(*process));
        return status;
    }
    *out = &process->object;
    return EXO_OK;
}
