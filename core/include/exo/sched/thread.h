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

#define THREAD_LOCALS_MAX 8u   /* slots of thread-local storage */
#define THREAD_KILLED     (-1) /* exit status of a thread that ended at a safe point */

#define AFFINITY_ALL UINT64_MAX /* any CPU */
#define NICE_MIN     (-20)
#define NICE_MAX     19
#define REALTIME_MAX 99u

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

/* The same, cut short by thread_interrupt() and thread_kill(): EXO_ERR_INTERRUPTED. A request made
 * before counts; one to interrupt is used up by that. */
EXO_MUST_CHECK exo_status_t thread_park_interruptible(uint64_t deadline_ns);
EXO_MUST_CHECK exo_status_t thread_sleep_interruptible(uint64_t duration_ns);

/* Ask a thread to leave its interruptible wait, or the next one.  Context: any but NMI. */
void thread_interrupt(struct thread *thread);

/* Ask it to end: all its interruptible waits fail from now on, and it ends with THREAD_KILLED at
 * its next thread_safe_point(), where it holds nothing. Code that never comes to one is not ended:
 * what it holds could not be given back. */
void thread_kill(struct thread *thread);
bool thread_is_killed(const struct thread *thread);
void thread_safe_point(void);

/* ---- what a thread asks of the scheduler; docs/sched.md ---- */

enum thread_class {
    THREAD_CLASS_FIFO,        /* real time: until it blocks, yields, or a higher one is ready */
    THREAD_CLASS_ROUND_ROBIN, /* real time: in slices with its equals */
    THREAD_CLASS_NORMAL,      /* shares by weight */
    THREAD_CLASS_IDLE,        /* when nothing else is ready */
};

/* `priority` 0-99, the highest first, for the real-time classes.  Errors: EXO_ERR_INVALID,
 * EXO_ERR_BUSY (a deadline thread). The caller keeps `thread` alive. */
EXO_MUST_CHECK exo_status_t thread_class_set(struct thread *thread, enum thread_class class,
                                             uint32_t priority);

/* Weight 1024 * 1.25^-nice among normal threads.  Errors: EXO_ERR_INVALID (not -20..19). */
EXO_MUST_CHECK exo_status_t thread_nice_set(struct thread *thread, int nice);

/* Run on these CPUs only, bit per CPU; the calling thread is on one of them at return.  Context:
 * thread.  Errors: EXO_ERR_INVALID (none is online), EXO_ERR_BUSY (a deadline thread). */
EXO_MUST_CHECK exo_status_t thread_affinity_set(struct thread *thread, uint64_t cpus);

struct thread_deadline {
    uint64_t runtime_ns;  /* of CPU, in every period */
    uint64_t deadline_ns; /* after the start of the period; runtime <= deadline <= period */
    uint64_t period_ns;
};

#define DEADLINE_RUNTIME_MIN_NS 10000u
#define DEADLINE_PERIOD_MAX_NS  1000000000u

/* The calling thread goes before all others, earliest deadline first, as long as it has budget;
 * it stays on one CPU until thread_deadline_clear().  Context: thread, may block.  Errors:
 * EXO_ERR_INVALID, EXO_ERR_BUSY (it has one), EXO_ERR_NO_RESOURCES (no CPU can promise that). */
EXO_MUST_CHECK exo_status_t thread_deadline_set(const struct thread_deadline *wish);
void thread_deadline_clear(void);

/* ---- thread-local storage: a pointer per thread and slot, NULL at first ---- */

/* Errors: EXO_ERR_NO_RESOURCES (THREAD_LOCALS_MAX are in use; none is ever given back). */
EXO_MUST_CHECK exo_status_t thread_local_create(uint32_t *slot);
void *thread_local_get(uint32_t slot);
void thread_local_set(uint32_t slot, void *value);

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
    char class;              /* its own: D deadline, F fifo, R round robin, N normal, I idle */
    bool is_raised;          /* by inheritance, above its own class or priority */
    char temperature;        /* h hot, n normal, c cold, by its bursts so far */
    int8_t nice;             /* -20..19, of its weight among normal threads */
    uint8_t priority;        /* 0-99, of the real-time classes, else 0 */
    uint64_t affinity;       /* bit per CPU that it may run on */
    uint64_t runtime_ns;     /* of a deadline thread: promised in every period, else 0 */
    uint64_t period_ns;      /* of a deadline thread, else 0 */
    uint64_t run_ns;         /* time on CPUs, up to now */
    uint64_t switches;       /* times switched to */
    uint64_t wakeups;        /* times it ran after a wake-up */
    uint64_t latency_ns;     /* from wake-up to run, on average */
    uint64_t latency_max_ns; /* and at most */
    uint32_t level;          /* in effect: 0 deadline, 1-100 real time 99-0, 101 normal, 102 idle */
    size_t stack_used_bytes; /* high-water mark */
    size_t stack_size_bytes;
};

/* Copy the facts of all threads, at most `max`; returns how many there are. */
size_t thread_list(struct thread_info *out, size_t max);

#endif /* EXO_SCHED_THREAD_H */
