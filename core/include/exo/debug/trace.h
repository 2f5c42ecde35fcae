/*
 * exo/debug/trace.h - tracepoints, the rings that they write to, and reading those.
 *
 * A tracepoint that is off costs one load and one branch that is never taken. One that is on writes
 * a record of 32 bytes to its CPU's ring, over the oldest. Nothing here locks, waits or allocates.
 * Context: any but NMI, unless a function says less.
 */
#ifndef EXO_DEBUG_TRACE_H
#define EXO_DEBUG_TRACE_H

#include <stdatomic.h>

#include "exo/lib/fmt.h"
#include "exo/lib/types.h"

/* What the two words of a record mean stands behind each kind. */
enum trace_kind {
    TRACE_SWITCH,        /* next thread; enum trace_left: why the running one leaves */
    TRACE_WAKE,          /* thread made ready; CPU it is queued on */
    TRACE_BLOCK,         /* the running thread is about to wait: 0; 0 */
    TRACE_MIGRATE,       /* thread; CPU it comes from << 32 | CPU it goes to */
    TRACE_IRQ_ENTER,     /* 0; 0 */
    TRACE_IRQ_EXIT,      /* 0; 0 */
    TRACE_TIMER,         /* function called; deadline in ns of the clock */
    TRACE_IPI_SEND,      /* CPU it goes to; enum hal_ipi */
    TRACE_IPI,           /* enum hal_ipi; 0 */
    TRACE_ALLOC,         /* object or 0; bytes asked for */
    TRACE_FREE,          /* object; 0 */
    TRACE_FRAME_ALLOC,   /* physical address; frames */
    TRACE_FRAME_FREE,    /* physical address; frames */
    TRACE_CONTEND_BEGIN, /* lock; rank << 48 | 48 bits of the address that takes it */
    TRACE_CONTEND_END,   /* lock; 0 */
    TRACE_FAULT_ENTER,   /* user address; HAL_ACCESS_* */
    TRACE_FAULT_EXIT,    /* user address; status */
    TRACE_SYSCALL_ENTER, /* number; first argument */
    TRACE_SYSCALL_EXIT,  /* number; 0 */
    TRACE_KINDS,
};

#define TRACE_ALL ((1u << TRACE_KINDS) - 1)

enum trace_left { TRACE_LEFT_READY, TRACE_LEFT_BLOCKED, TRACE_LEFT_DEAD };

#define TRACE_THREAD_UNKNOWN UINT32_MAX
#define TRACE_RANK_SHIFT     48u

/* The kinds that are on, a bit each, in a cache line that nothing else writes to. */
struct trace_switchboard {
    _Atomic uint32_t kinds;
} EXO_ALIGNED(CACHE_LINE);
extern struct trace_switchboard g_trace_switchboard;

/* The way of a tracepoint that is on. */
void trace_record(enum trace_kind kind, uint64_t a, uint64_t b);

/* The kinds that are on, a bit each. */
static inline uint32_t trace_kinds(void)
{
    return atomic_load_explicit(&g_trace_switchboard.kinds, memory_order_relaxed);
}

static inline bool trace_is_on(enum trace_kind kind)
{
    return EXO_UNLIKELY((trace_kinds() & 1u << kind) != 0);
}

static inline void trace_event(enum trace_kind kind, uint64_t a, uint64_t b)
{
    if (trace_is_on(kind)) {
        trace_record(kind, a, b);
    }
}

static inline void trace_object(enum trace_kind kind, const void *object, uint64_t b)
{
    trace_event(kind, (uintptr_t)object, b);
}

/* `pc` is where the lock is being taken. */
static inline void trace_contend(const void *lock, uint32_t rank, const void *pc)
{
    trace_event(TRACE_CONTEND_BEGIN, (uintptr_t)lock,
                (uint64_t)rank << TRACE_RANK_SHIFT |
                    ((uintptr_t)pc & ((1ull << TRACE_RANK_SHIFT) - 1)));
}

/* This CPU goes on with thread `next`: to be called while any kind is on, since the records of all
 * kinds say which thread ran.  Context: interrupts off. */
void trace_switch(uint32_t next, enum trace_left left);

/* Remember the name of a new thread, whether tracing is on or not. The latest TRACE_NAMES threads
 * have theirs in a trace. */
#define TRACE_NAMES    1024u
#define TRACE_NAME_MAX 24u /* bytes, NUL included */
void trace_thread_name(uint32_t thread, const char *name);

/* ---- recording ---- */

struct trace_record {
    uint64_t cycles; /* hal_cycles() */
    uint64_t a;
    uint64_t b;
    uint32_t thread; /* that ran, or TRACE_THREAD_UNKNOWN */
    uint32_t kind;   /* enum trace_kind */
};

/* Give `cpu` a ring over `memory`, of `events` records (a power of two); NULL takes it away, after
 * which the CPU may still write to it until it has left the tracepoint that it is in, which has
 * interrupts off.  Owns: memory stays the caller's.  Context: tracing off. */
#define TRACE_RING_BYTES(events) (CACHE_LINE + (size_t)(events) * sizeof(struct trace_record))
void trace_ring_set(uint32_t cpu, void *memory, uint32_t events);

/* Switch the kinds on, and what was recorded before out of sight. One caller at a time. */
void trace_start(uint32_t kinds);
void trace_stop(void);

/* Say which thread runs on `cpu`; of no effect once a switch was recorded there. */
void trace_running_set(uint32_t cpu, uint32_t thread);

struct trace_stats {
    uint64_t events; /* recorded since trace_start() */
    uint64_t lost;   /* of these, overwritten */
    uint32_t size;   /* of the ring; 0: the CPU has none */
};

void trace_stats(uint32_t cpu, struct trace_stats *out);

/* ---- reading, also while tracing is on ---- */

struct trace_cursor {
    struct {
        uint64_t next; /* index of the record behind `record` */
        uint64_t end;
        struct trace_record record;
        bool has;
    } cpu[CPUS_MAX];
    uint64_t lost[CPUS_MAX]; /* records that were overwritten before they were read */
};

/* From the oldest record to the last one at the time of this call. */
void trace_cursor_init(struct trace_cursor *cursor);

/* The earliest record not read yet, over all CPUs; false if there is none. Cycles of one CPU never
 * go back. */
bool trace_next(struct trace_cursor *cursor, struct trace_record *out, uint32_t *cpu);

/* The scale of the trace: nanoseconds of hal_clock_ns() for a count of hal_cycles(). */
uint64_t trace_cycles_to_ns(uint64_t cycles);

/* Copy the name of a thread; false, and its number as a name, if it is forgotten. */
bool trace_name_get(uint32_t thread, char name[TRACE_NAME_MAX]);

/* Names of the kinds, as the monitor and the exported file have them: "switch", "irq-enter". */
const char *trace_kind_name(enum trace_kind kind);

/* Write what the rings hold as a Perfetto trace (docs/tracing.md) to `sink`, bytes as they are.
 * One caller at a time.  Context: any, a panic included. */
void trace_export(struct fmt_sink *sink);

/* The name of a lock's rank; NULL if it has none.  Defined by sync. */
const char *lock_rank_name(uint32_t rank);

#endif /* EXO_DEBUG_TRACE_H */
