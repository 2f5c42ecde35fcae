/*
 * core/proc/proc.c - spawning a process, its thread's loop, its end.
 *
 * Invariants:
 *   (1) proc.status is PROC_RUNNING until the end is decided; it and proc.end are written once,
 *       together, under `user_lock`;
 *   (2) space, user context and tie belong to the spawner until the thread runs, then to that
 *       thread, which gives them back before it exits;
 *   (3) the process itself is freed when both have let it go: its thread, and who spawned it.
 */
#include "exo/proc/proc.h"

#include <stdatomic.h>

#include "exo/debug/log.h"
#include "exo/debug/trace.h"
#include "exo/hal.h"
#include "exo/ipc/source.h"
#include "exo/lib/assert.h"
#include "exo/lib/string.h"
#include "exo/mem/phys.h"
#include "exo/proc/layout.h"
#include "exo/proc/upcalls.h"
#include "exo/sched/thread.h"
#include "exo/sync/spinlock.h"

#include "end.h"

#define PROC_RUNNING (-1)
#define STATUS_MASK  0xff

/* Lives in a frame of its own. Keys: [c] constant after spawn, [s] by the process's thread, [a]
 * atomic. */
struct proc {
    uint32_t id;            /* [c] */
    _Atomic int status;     /* [a] PROC_RUNNING, then 0-255 */
    _Atomic uint32_t refs;  /* [a] its thread's, its spawner's */
    struct source ended;    /* everything has been given back but the process itself */
    struct thread *thread;  /* [c] */
    struct vm_space *space; /* [s] */
    struct hal_user *user;  /* [s]; proc_kill() reads it under `user_lock` */
    struct spinlock user_lock;
    struct exo_end end;       /* under `user_lock`; constant once status is not PROC_RUNNING */
    struct exo_end *fault;    /* [s] what is being answered, NULL otherwise */
    vaddr_t stack_start;      /* [c] */
    struct proc_tie tie;      /* [s] */
    char path[PROC_PATH_MAX]; /* [c] */
    char exe[PROC_PATH_MAX];  /* [c] */
};

_Static_assert(sizeof(struct proc) <= 4096, "one frame");

static _Atomic uint32_t g_next_id = 1;

struct proc *proc_current(void)
{
    return thread_user_data(hal_current());
}

uint32_t proc_id(const struct proc *proc)
{
    return proc->id;
}

const char *proc_path(const struct proc *proc)
{
    return proc->path;
}

const char *proc_exe(const struct proc *proc)
{
    return proc->exe;
}

struct vm_space *proc_space(struct proc *proc)
{
    return proc->space;
}

struct hal_user *proc_user(struct proc *proc)
{
    return proc->user;
}

/* Decide the end, unless it is decided: who waits sees both through the thread's end. */
static void end_decide_locked(struct proc *proc, const struct exo_end *why, int status)
{
    spin_assert_held(&proc->user_lock);
    if (atomic_load_explicit(&proc->status, memory_order_relaxed) == PROC_RUNNING) {
        proc->end = *why;
        proc->end.status = status & STATUS_MASK;
        atomic_store_explicit(&proc->status, proc->end.status, memory_order_release);
    }
}

void proc_end(struct proc *proc, int status)
{
    const struct exo_end exited = { .reason = EXO_END_EXIT };

    spin_lock(&proc->user_lock);
    end_decide_locked(proc, proc->fault != NULL ? proc->fault : &exited, status);
    spin_unlock(&proc->user_lock);
}

void proc_kill(struct proc *proc)
{
    const struct exo_end killed = { .reason = EXO_END_KILLED };

    spin_lock(&proc->user_lock);
    end_decide_locked(proc, &killed, PROC_STATUS_KILLED);
    if (proc->user != NULL) {
        hal_user_interrupt(proc->user);
    }
    spin_unlock(&proc->user_lock);
    thread_kill(proc->thread);   /* its interruptible waits fail */
    thread_unpark(proc->thread); /* other waits look at proc_ending() */
}

bool proc_ending(const struct proc *proc)
{
    return atomic_load_explicit(&proc->status, memory_order_acquire) != PROC_RUNNING;
}

/* Let the personality answer a fault or an exception; if that ends the process, this is why. */
static void answer_fault(struct proc *proc, const struct hal_user_event *event, exo_status_t status)
{
    struct end_facts facts = { .status = status, .stack_start = proc->stack_start };
    struct hal_user_regs regs;
    struct exo_end end;

    if (event->reason != HAL_USER_DEAD) {
        hal_user_regs_get(proc->user, &regs);
        facts.pc = regs.rip;
    }
    end_of_event(event, &facts, &end);
    proc->fault = &end;
    if (event->reason == HAL_USER_DEAD) {
        klog(KLOG_WARN, "proc", "user context lost pid=%u path=%s hostile=%u", proc->id, proc->path,
             event->error);
        proc_end(proc, PROC_STATUS_KILLED);
    } else {
        proc_on_fault(proc, &proc->tie, event, status);
    }
    proc->fault = NULL;
}

static void handle_event(struct proc *proc, const struct hal_user_event *event)
{
    exo_status_t status = EXO_OK;

    switch (event->reason) {
    case HAL_USER_SYSCALL:
        trace_event(TRACE_SYSCALL_ENTER, event->nr, event->arg[0]);
        proc_on_syscall(proc, &proc->tie, event);
        trace_event(TRACE_SYSCALL_EXIT, event->nr, 0);
        break;
    case HAL_USER_FAULT:
        status = vm_fault(proc->space, event->addr, event->access);
        if (status != EXO_OK) {
            answer_fault(proc, event, status);
        }
        break;
    case HAL_USER_EXCEPTION:
    case HAL_USER_DEAD:
        answer_fault(proc, event, EXO_OK);
        break;
    case HAL_USER_QUANTUM:
        thread_yield();
        break;
    case HAL_USER_INTERRUPT:
        break; /* the loop looks at the end status */
    }
}

static void proc_release(struct proc *proc)
{
    struct hal_user *user = proc->user;

    proc_on_detach(proc, &proc->tie);
    spin_lock(&proc->user_lock);
    proc->user = NULL;
    spin_unlock(&proc->user_lock);
    hal_user_destroy(user);
    vm_space_destroy(proc->space);
    proc->space = NULL;
}

static void proc_unref(struct proc *proc)
{
    if (atomic_fetch_sub_explicit(&proc->refs, 1, memory_order_acq_rel) == 1) {
        source_fini(&proc->ended);
        phys_free(hal_virt_to_phys(proc), 1);
    }
}

static void proc_main(void *arg)
{
    struct proc *proc = arg;
    struct hal_user_event event;

    thread_user_data_set(hal_current(), proc);
    while (!proc_ending(proc)) {
        hal_user_run(proc->user, &event);
        handle_event(proc, &event);
    }
    proc_release(proc);
    thread_user_data_set(hal_current(), NULL);
    source_set(&proc->ended, EXO_SIGNAL_PROCESS_ENDED);
    proc_unref(proc);
}

static exo_status_t stack_map(struct proc *proc, const struct elf_plan *plan,
                              const struct proc_layout *layout)
{
    struct vm_object *zero = vm_object_zero();
    const struct vm_map_spec spec = {
        .addr = layout->stack_start,
        .len_bytes = layout->stack_top - layout->stack_start,
        .prot = VM_PROT_READ | VM_PROT_WRITE | (plan->stack_exec ? VM_PROT_EXEC : 0),
        .flags = VM_MAP_FIXED | VM_MAP_NOREPLACE,
        .object = zero,
    };
    vaddr_t at = 0;
    const exo_status_t status = vm_map(proc->space, &spec, &at);

    vm_object_unref(zero);
    if (status == EXO_OK) {
        proc->stack_start = at;
        vm_ceiling_set(proc->space, layout->ceiling);
    }
    return status;
}

/* Map image and stack; on failure the space holds a part and is destroyed by the caller. */
static exo_status_t image_load(struct proc *proc, const struct proc_spawn_spec *spec,
                               const struct elf_plan *plan, const struct proc_layout *layout)
{
    struct vm_object *object = NULL;
    exo_status_t status = vm_object_bytes_create(spec->image, spec->image_size_bytes, &object);

    if (status != EXO_OK) {
        return status;
    }
    status = elf_map(plan, object, proc->space);
    vm_object_unref(object); /* the areas hold theirs */
    if (status == EXO_OK) {
        status = stack_map(proc, plan, layout);
    }
    if (status == EXO_OK) {
        vm_brk_init(proc->space, plan->end + layout->brk_gap);
    }
    return status;
}

/* Make space, image, user context and personality; undoes everything on failure. */
static exo_status_t proc_build(struct proc *proc, const struct proc_spawn_spec *spec,
                               const struct elf_plan *plan, const struct proc_layout *layout)
{
    const struct proc_image image = { .plan = plan,
                                      .path = spec->path,
                                      .args = spec->args,
                                      .env = spec->env,
                                      .gifts = spec->gifts,
                                      .stack_start = layout->stack_start,
                                      .stack_end = layout->stack_end };
    vaddr_t sp = 0;
    exo_status_t status = vm_space_create(&proc->space);

    if (status != EXO_OK) {
        return status;
    }
    status = image_load(proc, spec, plan, layout);
    if (status != EXO_OK) {
        goto fail_space;
    }
    status = proc_on_attach(proc, &image, &proc->tie, &sp);
    if (status != EXO_OK) {
        goto fail_space;
    }
    status = hal_user_create(vm_space_hal(proc->space), &proc->user);
    if (status != EXO_OK) {
        goto fail_detach;
    }
    hal_user_start(proc->user, plan->entry, sp);
    return EXO_OK;

fail_detach:
    proc_on_detach(proc, &proc->tie);
fail_space:
    vm_space_destroy(proc->space);
    return status;
}

/* The last part of the path, which names the thread. */
static const char *base_name(const char *path)
{
    const char *name = path;

    for (const char *at = path; *at != '\0'; at++) {
        name = *at == '/' ? at + 1 : name;
    }
    return name;
}

static exo_status_t spec_parse(const struct proc_spawn_spec *spec, uint64_t slide,
                               struct elf_plan *plan)
{
    if (strlen(spec->path) >= PROC_PATH_MAX || strlen(spec->exe) >= PROC_PATH_MAX) {
        return EXO_ERR_NO_RESOURCES;
    }
    const exo_status_t status = elf_parse(spec->image, spec->image_size_bytes, slide, plan);

    if (status == EXO_OK && plan->interp_len != 0) {
        return EXO_ERR_NOT_SUPPORTED; /* no files yet from which it could be loaded */
    }
    return status;
}

exo_status_t proc_spawn(const struct proc_spawn_spec *spec, struct proc **out)
{
    struct elf_plan plan;
    struct proc_layout layout;
    paddr_t frame = 0;

    proc_layout_draw(&layout);
    exo_status_t status = spec_parse(spec, layout.image_slide, &plan);

    if (status != EXO_OK) {
        return status;
    }
    status = phys_alloc_zeroed(&frame);
    if (status != EXO_OK) {
        return status;
    }
    struct proc *proc = hal_phys_to_virt(frame);

    proc->id = atomic_fetch_add_explicit(&g_next_id, 1, memory_order_relaxed);
    atomic_init(&proc->status, PROC_RUNNING);
    atomic_init(&proc->refs, 2);
    source_init(&proc->ended, EXO_SIGNAL_PROCESS_ENDED);
    spin_init(&proc->user_lock, RANK_PROC_TABLE);
    memcpy(proc->path, spec->path, strlen(spec->path) + 1);
    memcpy(proc->exe, spec->exe, strlen(spec->exe) + 1);
    status = proc_build(proc, spec, &plan, &layout);
    if (status != EXO_OK) {
        goto fail_free;
    }
    const struct thread_spec thread = {
        .name = base_name(proc->path), .entry = proc_main, .arg = proc, .cpu = THREAD_ANY_CPU
    };

    status = thread_create(&thread, &proc->thread);
    if (status != EXO_OK) {
        goto fail_release;
    }
    *out = proc;
    return EXO_OK;

fail_release:
    proc_release(proc);
fail_free:
    phys_free(frame, 1);
    return status;
}

void proc_wait_end(struct proc *proc, struct exo_end *out)
{
    thread_join(proc->thread, NULL);
    KASSERT(proc_ending(proc));
    *out = proc->end;
    proc_unref(proc);
}

exo_status_t proc_wait_until(struct proc *proc, uint64_t deadline_ns, struct exo_end *out)
{
    uint64_t signals = 0;
    const exo_status_t status =
        source_wait(&proc->ended, EXO_SIGNAL_PROCESS_ENDED, deadline_ns, &signals);

    if (status == EXO_OK) {
        *out = proc->end;
    }
    return status;
}

struct source *proc_source(struct proc *proc)
{
    return &proc->ended;
}

void proc_let_go(struct proc *proc)
{
    thread_detach(proc->thread);
    proc_unref(proc);
}

int proc_wait(struct proc *proc)
{
    struct exo_end end;

    proc_wait_end(proc, &end);
    return end.status;
}
