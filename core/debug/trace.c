/*
 * core/debug/trace.c - the rings of tracepoints.
 *
 * Invariants:
 *   (1) a ring has one writer at a time: its CPU, with interrupts off, so that events inside events
 *       (an interrupt in a tracepoint) come one after the other;
 *   (2) record n lies in slot n % size; `head` is the number of the next one, stored by release
 *       after the record's words, which are stored by release too: a reader that sees a word of a
 *       later record sees, when it looks again, a head that says so;
 *   (3) records before `first` belong to an earlier trace and are never shown. No ring is ever
 *       cleared, so a writer that comes late does no harm.
 */
#include "exo/debug/trace.h"

#include "exo/hal.h"
#include "exo/lib/assert.h"
#include "exo/lib/string.h"

#define RECORD_WORDS 4u
#define NS_PER_S     1000000000u
#define NAME_WORDS   (TRACE_NAME_MAX / sizeof(uint64_t))

struct slot {
    _Atomic uint64_t word[RECORD_WORDS]; /* cycles, a, b, kind | thread << 32 */
};

struct ring {
    _Atomic uint64_t head;
    _Atomic uint64_t first;
    _Atomic uint32_t running; /* thread, as far as is known */
    uint32_t size;            /* [c] a power of two */
    struct slot slot[] EXO_ALIGNED(CACHE_LINE);
};

_Static_assert(sizeof(struct slot) == sizeof(struct trace_record), "TRACE_RING_BYTES counts on it");
_Static_assert(offsetof(struct ring, slot) == CACHE_LINE, "TRACE_RING_BYTES counts on it");
_Static_assert(TRACE_KINDS <= 32, "the switchboard has a bit per kind");

struct name {
    _Atomic uint64_t owner; /* thread + 1; 0 while the words change */
    _Atomic uint64_t word[NAME_WORDS];
};

struct trace_switchboard g_trace_switchboard;
static _Atomic(struct ring *) g_ring[CPUS_MAX];
static struct name g_name[TRACE_NAMES];
static _Atomic uint64_t g_start_cycles; /* one moment on two clocks */
static _Atomic uint64_t g_start_ns;

static const char *const g_kind_name[TRACE_KINDS] = {
    [TRACE_SWITCH] = "switch",
    [TRACE_WAKE] = "wake",
    [TRACE_BLOCK] = "block",
    [TRACE_MIGRATE] = "migrate",
    [TRACE_IRQ_ENTER] = "irq-enter",
    [TRACE_IRQ_EXIT] = "irq-exit",
    [TRACE_TIMER] = "timer",
    [TRACE_IPI_SEND] = "ipi-send",
    [TRACE_IPI] = "ipi",
    [TRACE_ALLOC] = "alloc",
    [TRACE_FREE] = "free",
    [TRACE_FRAME_ALLOC] = "frame-alloc",
    [TRACE_FRAME_FREE] = "frame-free",
    [TRACE_CONTEND_BEGIN] = "contend-begin",
    [TRACE_CONTEND_END] = "contend-end",
    [TRACE_FAULT_ENTER] = "fault-enter",
    [TRACE_FAULT_EXIT] = "fault-exit",
    [TRACE_SYSCALL_ENTER] = "syscall-enter",
    [TRACE_SYSCALL_EXIT] = "syscall-exit",
};

const char *trace_kind_name(enum trace_kind kind)
{
    return g_kind_name[kind];
}

/* ---- writing ---- */

static void slot_store(struct slot *slot, uint32_t word, uint64_t value)
{
    atomic_store_explicit(&slot->word[word], value, memory_order_release); /* (2) */
}

static struct ring *ring_of(uint32_t cpu)
{
    /* Acquire: the ring's size was written before it was set. */
    return atomic_load_explicit(&g_ring[cpu], memory_order_acquire);
}

void trace_record(enum trace_kind kind, uint64_t a, uint64_t b)
{
    const hal_irq_t irq = hal_irq_save();
    struct ring *const ring = ring_of(hal_cpu_id());

    if (ring != NULL) {
        const uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
        const uint32_t running = atomic_load_explicit(&ring->running, memory_order_relaxed);
        struct slot *const slot = &ring->slot[head & (ring->size - 1)];

        slot_store(slot, 0, hal_cycles());
        slot_store(slot, 1, a);
        slot_store(slot, 2, b);
        slot_store(slot, 3, (uint64_t)running << 32 | kind);
        atomic_store_explicit(&ring->head, head + 1, memory_order_release);
    }
    hal_irq_restore(irq);
}

void trace_switch(uint32_t next, enum trace_left left)
{
    struct ring *const ring = ring_of(hal_cpu_id());

    trace_event(TRACE_SWITCH, next, left);
    if (ring != NULL) {
        atomic_store_explicit(&ring->running, next, memory_order_relaxed);
    }
}

void trace_thread_name(uint32_t thread, const char *name)
{
    struct name *const entry = &g_name[thread % TRACE_NAMES];
    uint64_t words[NAME_WORDS] = { 0 };

    str_copy((char *)words, sizeof(words), name);
    atomic_store_explicit(&entry->owner, 0, memory_order_relaxed);
    for (size_t i = 0; i < NAME_WORDS; i++) {
        atomic_store_explicit(&entry->word[i], words[i], memory_order_release);
    }
    atomic_store_explicit(&entry->owner, (uint64_t)thread + 1, memory_order_release);
}

bool trace_name_get(uint32_t thread, char name[TRACE_NAME_MAX])
{
    const struct name *const entry = &g_name[thread % TRACE_NAMES];
    const uint64_t wanted = (uint64_t)thread + 1;
    uint64_t words[NAME_WORDS];
    const bool known = atomic_load_explicit(&entry->owner, memory_order_acquire) == wanted;

    for (size_t i = 0; i < NAME_WORDS; i++) {
        words[i] = atomic_load_explicit(&entry->word[i], memory_order_acquire);
    }
    if (known && atomic_load_explicit(&entry->owner, memory_order_relaxed) == wanted) {
        memcpy(name, words, TRACE_NAME_MAX);
        return true;
    }
    fmt_print(name, TRACE_NAME_MAX, "thread");
    return false;
}

/* ---- starting and stopping ---- */

void trace_ring_set(uint32_t cpu, void *memory, uint32_t events)
{
    struct ring *const ring = memory;

    KASSERT(cpu < CPUS_MAX);
    if (ring != NULL) {
        KASSERT(events != 0 && (events & (events - 1)) == 0);
        *ring = (struct ring){ .size = events };
        atomic_store_explicit(&ring->running, TRACE_THREAD_UNKNOWN, memory_order_relaxed);
    }
    atomic_store_explicit(&g_ring[cpu], ring, memory_order_release);
}

void trace_start(uint32_t kinds)
{
    for (uint32_t cpu = 0; cpu < CPUS_MAX; cpu++) {
        struct ring *const ring = ring_of(cpu);

        if (ring != NULL) {
            atomic_store_explicit(&ring->running, TRACE_THREAD_UNKNOWN, memory_order_relaxed);
            atomic_store_explicit(&ring->first,
                                  atomic_load_explicit(&ring->head, memory_order_acquire),
                                  memory_order_relaxed);
        }
    }
    atomic_store_explicit(&g_start_cycles, hal_cycles(), memory_order_relaxed);
    atomic_store_explicit(&g_start_ns, hal_clock_ns(), memory_order_relaxed);
    atomic_store_explicit(&g_trace_switchboard.kinds, kinds & TRACE_ALL, memory_order_release);
}

void trace_stop(void)
{
    atomic_store_explicit(&g_trace_switchboard.kinds, 0, memory_order_release);
}

void trace_running_set(uint32_t cpu, uint32_t thread)
{
    struct ring *const ring = ring_of(cpu);
    uint32_t unknown = TRACE_THREAD_UNKNOWN;

    if (ring != NULL) {
        (void)atomic_compare_exchange_strong_explicit(&ring->running, &unknown, thread,
                                                      memory_order_relaxed, memory_order_relaxed);
    }
}

/* How many records can be read: the slot of the next one may be half written (2). */
static uint64_t ring_room(const struct ring *ring)
{
    return ring->size - 1;
}

void trace_stats(uint32_t cpu, struct trace_stats *out)
{
    const struct ring *const ring = ring_of(cpu);

    *out = (struct trace_stats){ 0 };
    if (ring != NULL) {
        out->events = atomic_load_explicit(&ring->head, memory_order_acquire) -
                      atomic_load_explicit(&ring->first, memory_order_relaxed);
        out->size = ring->size;
        out->lost = out->events - min_u64(out->events, ring_room(ring));
    }
}

/* ---- reading ---- */

/* Copy record `index`; false if it was overwritten meanwhile, or may have been (2). */
static bool record_read(const struct ring *ring, uint64_t index, struct trace_record *out)
{
    const struct slot *const slot = &ring->slot[index & (ring->size - 1)];
    uint64_t word[RECORD_WORDS];

    for (uint32_t i = 0; i < RECORD_WORDS; i++) {
        word[i] = atomic_load_explicit(&slot->word[i], memory_order_acquire);
    }
    *out = (struct trace_record){ .cycles = word[0],
                                  .a = word[1],
                                  .b = word[2],
                                  .thread = (uint32_t)(word[3] >> 32),
                                  .kind = (uint32_t)word[3] };
    return atomic_load_explicit(&ring->head, memory_order_relaxed) - index < ring->size;
}

/* Fetch the CPU's next record that is still there. */
static void cursor_advance(struct trace_cursor *cursor, uint32_t cpu)
{
    const struct ring *const ring = ring_of(cpu);
    const uint64_t before = cursor->cpu[cpu].record.cycles;
    bool has = false;

    while (!has && ring != NULL && cursor->cpu[cpu].next < cursor->cpu[cpu].end) {
        has = record_read(ring, cursor->cpu[cpu].next, &cursor->cpu[cpu].record);
        cursor->cpu[cpu].next++;
        cursor->lost[cpu] += has ? 0 : 1;
    }
    /* The counter is read in no order with what is around it. */
    if (has && (int64_t)(cursor->cpu[cpu].record.cycles - before) < 0) {
        cursor->cpu[cpu].record.cycles = before;
    }
    cursor->cpu[cpu].has = has;
}

void trace_cursor_init(struct trace_cursor *cursor)
{
    memset(cursor, 0, sizeof(*cursor));
    for (uint32_t cpu = 0; cpu < CPUS_MAX; cpu++) {
        const struct ring *const ring = ring_of(cpu);

        if (ring == NULL) {
            continue;
        }
        const uint64_t end = atomic_load_explicit(&ring->head, memory_order_acquire);
        const uint64_t first = atomic_load_explicit(&ring->first, memory_order_relaxed);
        const uint64_t oldest = end - min_u64(end - first, ring_room(ring));

        cursor->cpu[cpu].end = end;
        cursor->cpu[cpu].next = oldest;
        cursor->lost[cpu] = oldest - first;
        cursor->cpu[cpu].record.cycles =
            atomic_load_explicit(&g_start_cycles, memory_order_relaxed);
        cursor_advance(cursor, cpu);
    }
}

bool trace_next(struct trace_cursor *cursor, struct trace_record *out, uint32_t *cpu)
{
    uint32_t best = CPUS_MAX;

    for (uint32_t i = 0; i < CPUS_MAX; i++) {
        if (cursor->cpu[i].has &&
            (best == CPUS_MAX || cursor->cpu[i].record.cycles < cursor->cpu[best].record.cycles)) {
            best = i;
        }
    }
    if (best == CPUS_MAX) {
        return false;
    }
    *out = cursor->cpu[best].record;
    *cpu = best;
    cursor_advance(cursor, best);
    return true;
}

uint64_t trace_cycles_to_ns(uint64_t cycles)
{
    const uint64_t hz = hal_caps()->cycles_hz != 0 ? hal_caps()->cycles_hz : NS_PER_S;
    const uint64_t since = cycles - atomic_load_explicit(&g_start_cycles, memory_order_relaxed);

    /* In two parts: the product of the rest fits as long as a second has less than 2^34 cycles. */
    return atomic_load_explicit(&g_start_ns, memory_order_relaxed) + since / hz * NS_PER_S +
           since % hz * NS_PER_S / hz;
}
