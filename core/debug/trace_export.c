/*
 * core/debug/trace_export.c - from the records in the rings to a trace that Perfetto shows.
 *
 * Tracks: one per CPU, with the running threads as slices, interrupts inside them and what happens
 * on the CPU as instants; one per thread, with what it is in the middle of: a system call, a page
 * fault, waiting for a lock, being blocked.
 *
 * Invariants:
 *   (1) slices of a track nest: one is closed only when it is the innermost, and everything that is
 *       open at the end is closed then. The end of what began before the oldest record is left out;
 *   (2) a thread's track and name stand in the file before the first event that refers to them;
 *   (3) time stamps of the file never go back.
 *
 * Spec: perfetto.dev, "Trace packet proto reference": TracePacket, TrackEvent, TrackDescriptor.
 */
#include "trace_export.h"

#include "exo/debug/panic.h"
#include "exo/lib/string.h"

#define UUID_CPUS    1u
#define UUID_THREADS 2u
#define UUID_CPU     0x100u
#define UUID_THREAD  0x10000ull

#define IID_THREAD 0x1000ull /* names of threads; those of kinds are the kind plus 1 */
#define OPEN_MAX   8u        /* slices inside each other on one thread's track */

enum slice { SLICE_NONE, SLICE_SYSCALL, SLICE_FAULT, SLICE_LOCK, SLICE_BLOCKED };

struct thread_track {
    uint64_t owner; /* thread + 1; 0: nobody */
    uint64_t flow;  /* of the wake-up that it has not run after yet, or 0 */
    uint32_t open;
    uint8_t slice[OPEN_MAX]; /* enum slice, outermost first */
};

struct cpu_track {
    bool has_thread;
    uint32_t thread; /* whose slice is open */
    uint32_t irqs;   /* slices of interrupts inside it */
};

static struct {
    struct trace_file file;
    struct trace_cursor cursor;
    struct thread_track thread[TRACE_NAMES];
    struct cpu_track cpu[CPUS_MAX];
    uint64_t flows; /* given out */
    uint64_t now_ns;
} g_export;

/* ---- tracks of threads ---- */

static uint64_t thread_uuid(uint32_t thread)
{
    return UUID_THREAD + thread;
}

static void slice_close(uint64_t uuid)
{
    struct protobuf *const to = trace_file_event(&g_export.file, g_export.now_ns, uuid, EVENT_END);

    trace_file_end(&g_export.file, to);
}

static void thread_close(struct thread_track *track, uint32_t down_to)
{
    while (track->open > down_to) {
        track->open--;
        slice_close(thread_uuid((uint32_t)(track->owner - 1)));
    }
}

/* The thread's track; its first use introduces it to the file (2). */
static struct thread_track *thread_track(uint32_t thread)
{
    struct thread_track *const track = &g_export.thread[thread % TRACE_NAMES];
    char name[TRACE_NAME_MAX + 12];

    if (track->owner == (uint64_t)thread + 1) {
        return track;
    }
    thread_close(track, 0); /* of a thread that ended long ago */
    *track = (struct thread_track){ .owner = (uint64_t)thread + 1 };
    trace_thread_label(thread, name);
    trace_file_track(&g_export.file, thread_uuid(thread), UUID_THREADS, name);
    trace_file_name(&g_export.file, IID_THREAD + thread, name);
    return track;
}

static struct protobuf *thread_open(uint32_t thread, enum slice slice)
{
    struct thread_track *const track = thread_track(thread);

    if (track->open == OPEN_MAX) {
        return NULL;
    }
    track->slice[track->open++] = (uint8_t)slice;
    return trace_file_event(&g_export.file, g_export.now_ns, thread_uuid(thread), EVENT_BEGIN);
}

/* Close the thread's innermost slice of that kind and what is inside it (1). */
static void thread_shut(uint32_t thread, enum slice slice)
{
    struct thread_track *const track = thread_track(thread);

    for (uint32_t i = track->open; i > 0; i--) {
        if (track->slice[i - 1] == slice) {
            thread_close(track, i - 1);
            return;
        }
    }
}

/* ---- tracks of CPUs ---- */

static void cpu_close(uint32_t cpu)
{
    struct cpu_track *const track = &g_export.cpu[cpu];

    for (; track->irqs > 0; track->irqs--) {
        slice_close(UUID_CPU + cpu);
    }
    if (track->has_thread) {
        slice_close(UUID_CPU + cpu);
    }
    track->has_thread = false;
}

/* See to it that the slice of `thread` is the open one. */
static void cpu_run(uint32_t cpu, uint32_t thread)
{
    struct cpu_track *const track = &g_export.cpu[cpu];

    if (thread == TRACE_THREAD_UNKNOWN || (track->has_thread && track->thread == thread)) {
        return;
    }
    cpu_close(cpu);
    struct thread_track *const runs = thread_track(thread);
    struct protobuf *const to =
        trace_file_event(&g_export.file, g_export.now_ns, UUID_CPU + cpu, EVENT_BEGIN);

    trace_event_name(to, IID_THREAD + thread);
    if (runs->flow != 0) {
        trace_event_flow(to, runs->flow, true);
        runs->flow = 0;
    }
    trace_file_end(&g_export.file, to);
    *track = (struct cpu_track){ .has_thread = true, .thread = thread };
}

static void cpu_irq(uint32_t cpu, bool enters)
{
    struct cpu_track *const track = &g_export.cpu[cpu];

    if (enters) {
        struct protobuf *const to =
            trace_file_event(&g_export.file, g_export.now_ns, UUID_CPU + cpu, EVENT_BEGIN);

        trace_event_name(to, TRACE_IRQ_ENTER + 1);
        trace_file_end(&g_export.file, to);
        track->irqs++;
    } else if (track->irqs > 0) {
        slice_close(UUID_CPU + cpu);
        track->irqs--;
    }
}

/* ---- one record ---- */

static void do_switch(uint32_t cpu, const struct trace_record *record)
{
    const uint32_t next = (uint32_t)record->a;

    cpu_close(cpu);
    if (record->thread != TRACE_THREAD_UNKNOWN && record->b == TRACE_LEFT_BLOCKED) {
        struct protobuf *const to = thread_open(record->thread, SLICE_BLOCKED);

        if (to != NULL) {
            trace_event_text(to, EVENT_NAME, "blocked");
            trace_file_end(&g_export.file, to);
        }
    }
    cpu_run(cpu, next);
    thread_shut(next, SLICE_BLOCKED);
}

static void begin(const struct trace_record *record, enum slice slice)
{
    struct protobuf *const to =
        record->thread == TRACE_THREAD_UNKNOWN ? NULL : thread_open(record->thread, slice);

    if (to != NULL) {
        trace_event_describe(to, record);
        trace_file_end(&g_export.file, to);
    }
}

static void end(const struct trace_record *record, enum slice slice)
{
    if (record->thread != TRACE_THREAD_UNKNOWN) {
        thread_shut(record->thread, slice);
    }
}

static void do_instant(uint32_t cpu, const struct trace_record *record)
{
    struct thread_track *woken = NULL;

    if (record->kind == TRACE_WAKE || record->kind == TRACE_MIGRATE) {
        woken = thread_track((uint32_t)record->a);
    }
    struct protobuf *const to =
        trace_file_event(&g_export.file, g_export.now_ns, UUID_CPU + cpu, EVENT_INSTANT);

    trace_event_name(to, record->kind + 1);
    trace_event_describe(to, record);
    if (record->kind == TRACE_WAKE) {
        woken->flow = ++g_export.flows;
        trace_event_flow(to, woken->flow, false);
    }
    trace_file_end(&g_export.file, to);
}

static void do_record(uint32_t cpu, const struct trace_record *record)
{
    g_export.now_ns = max_u64(g_export.now_ns, trace_cycles_to_ns(record->cycles));
    cpu_run(cpu, record->thread);
    switch (record->kind) {
    case TRACE_SWITCH:
        do_switch(cpu, record);
        break;
    case TRACE_IRQ_ENTER:
    case TRACE_IRQ_EXIT:
        cpu_irq(cpu, record->kind == TRACE_IRQ_ENTER);
        break;
    case TRACE_CONTEND_BEGIN:
        begin(record, SLICE_LOCK);
        break;
    case TRACE_CONTEND_END:
        end(record, SLICE_LOCK);
        break;
    case TRACE_FAULT_ENTER:
        begin(record, SLICE_FAULT);
        break;
    case TRACE_FAULT_EXIT:
        end(record, SLICE_FAULT);
        break;
    case TRACE_SYSCALL_ENTER:
        begin(record, SLICE_SYSCALL);
        break;
    case TRACE_SYSCALL_EXIT:
        end(record, SLICE_SYSCALL);
        break;
    default:
        if (record->kind < TRACE_KINDS) {
            do_instant(cpu, record);
        }
    }
}

/* ---- the file ---- */

/* Tracks of CPUs, and names of kinds. */
static void head_write(void)
{
    char name[16];

    trace_file_track(&g_export.file, UUID_CPUS, 0, "CPUs");
    trace_file_track(&g_export.file, UUID_THREADS, 0, "Threads");
    for (uint32_t cpu = 0; cpu < CPUS_MAX; cpu++) {
        struct trace_stats stats;

        trace_stats(cpu, &stats);
        if (stats.size != 0) {
            fmt_print(name, sizeof(name), "CPU %u", cpu);
            trace_file_track(&g_export.file, UUID_CPU + cpu, UUID_CPUS, name);
        }
    }
    for (uint32_t kind = 0; kind < TRACE_KINDS; kind++) {
        const char *const text =
            kind == TRACE_IRQ_ENTER ? "interrupt" : trace_kind_name((enum trace_kind)kind);

        trace_file_name(&g_export.file, kind + 1, text);
    }
}

/* Say where records are missing, at the end, when all is known. */
static void lost_write(void)
{
    for (uint32_t cpu = 0; cpu < CPUS_MAX; cpu++) {
        if (g_export.cursor.lost[cpu] != 0) {
            struct protobuf *const to =
                trace_file_event(&g_export.file, g_export.now_ns, UUID_CPU + cpu, EVENT_INSTANT);

            trace_event_text(to, EVENT_NAME, "events lost");
            trace_event_note(to, "count", g_export.cursor.lost[cpu]);
            trace_file_end(&g_export.file, to);
        }
    }
}

void trace_export(struct fmt_sink *sink)
{
    struct trace_record record;
    uint32_t cpu = 0;

    memset(&g_export, 0, sizeof(g_export));
    trace_file_init(&g_export.file, sink);
    head_write();
    trace_cursor_init(&g_export.cursor);
    while (trace_next(&g_export.cursor, &record, &cpu)) {
        do_record(cpu, &record);
    }
    for (uint32_t i = 0; i < TRACE_NAMES; i++) {
        thread_close(&g_export.thread[i], 0);
    }
    for (uint32_t i = 0; i < CPUS_MAX; i++) {
        cpu_close(i);
    }
    lost_write();
    trace_file_flush(&g_export.file);
}
