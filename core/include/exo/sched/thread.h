/*
 * exo/sched/thread.h - kernel threads, preemptible on every CPU.
 *
 * State: NEW -(thread_create)-> READY <-(sched_switch)-> RUNNING -(thread_park)-> BLOCKED
 *        -(thread_unpark)-> READY; RUNNING -(thread_exit)-> DEAD, freed by the last unref.
 * Owns:  thread_create() returns one reference, given back by thread_join() or thread_detach().
 */
#ifndef EXO_SCHED_THREAD_H
#define EXO_SCHED_THREAD_H

#include "exo/abi/status.h"
#include "exo/hal.h"

struct thread; /* opaque; layout private to core/sched */
struct proc;

#define THREAD_NAME_MAX 24u /* bytes, NUL included */
#define THREAD_ANY_CPU  UINT32_MAX

struct thread_spec {
    const char *name;      /* copied, cut to THREAD_NAME_MAX - 1 */
    void (*entry)(void *); /* returning is thread_exit(0) */
    void *arg;
    uint32_t cpu; /* pinned to this CPU, or THREAD_ANY_CPU */
};

/* Make a thread and let it run.
 * Context: thread, may block.  Errors: EXO_ERR_NO_MEMORY, EXO_ERR_INVALID (CPU not online). */
EXO_MUST_CHECK exo_status_t thread_create(const struct thread_spec *spec, struct thread **out);

/* End the calling thread. What it owns is its own affair; its stack and its struct go when nobody
 * can look at them any more.  Context: thread, may block, no lock held. */
_Noreturn void thread_exit(int status);

/* Wait for its end and give the reference back; *status may be NULL. */
void thread_join(struct thread *thread, int *status);
void thread_detach(struct thread *thread);

void thread_yield(void); /* let the other ready threads of this CPU go first */
void thread_sleep_ns(uint64_t duration_ns);

/* Block until thread_unpark(); a permit given before makes it return at once (at most one is kept).
 * Callers check their condition in a loop. `deadline_ns` on the clock, or UINT64_MAX.
 * Errors: EXO_ERR_TIMED_OUT. */
EXO_MUST_CHECK exo_status_t thread_park(uint64_t deadline_ns);
void thread_unpark(struct thread *thread); /* any context but NMI */

/* The calling thread. */
static inline struct thread *thread_current(void)
{
    return hal_current();
}

const char *thread_name(const struct thread *thread);
uint32_t thread_id(const struct thread *thread);

/* The personality's or process's pointer of this thread, NULL for a pure kernel thread. */
void *thread_user_data(const struct thread *thread);
void thread_user_data_set(struct thread *thread, void *data);

struct thread_info {
    uint32_t id;
    uint32_t cpu; /* where it runs or ran last */
    char state;   /* R running, r ready, B blocked, D dead */
    char name[THREAD_NAME_MAX];
    uint64_t run_ns;         /* time on a CPU */
    uint64_t switches;       /* times switched to */
    size_t stack_used_bytes; /* high-water mark */
    size_t stack_size_bytes;
};

/* Copy the facts of all threads, at most `max`; returns how many there are. */
size_t thread_list(struct thread_info *out, size_t max);

#endif /* EXO_SCHED_THREAD_H */
