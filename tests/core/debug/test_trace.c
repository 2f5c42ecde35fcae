/*
 * tests/core/debug/test_trace.c - tracepoints: rings, order, names, and what switching leaves
 * there.
 */
#include <stdatomic.h>

#include "exo/debug/trace.h"
#include "exo/hal.h"
#include "exo/hal/test.h"
#include "exo/lib/string.h"
#include "exo/mem/heap.h"
#include "exo/mem/phys.h"
#include "exo/monitor.h"
#include "exo/sched/sched.h"
#include "exo/sched/thread.h"
#include "exo/sync/epoch.h"
#include "exo/sync/wait.h"
#include "exo/time/clock.h"
#include "exo_check.h"
#include "exo_test.h"

#define EVENTS  4096u /* of the ring in most tests */
#define SMALL   64u
#define ROUNDS  20u
#define PASSES  200u
#define WRITERS 4u

static uint8_t g_memory[WRITERS][TRACE_RING_BYTES(EVENTS)] EXO_ALIGNED(CACHE_LINE);
static struct trace_cursor g_cursor;

/* Take the rings away again; nobody writes to them afterwards. */
static void rings_end(void)
{
    trace_stop();
    for (uint32_t cpu = 0; cpu < CPUS_MAX; cpu++) {
        trace_ring_set(cpu, NULL, 0);
    }
    epoch_synchronize();
}

/* Record on this CPU, whose thread stays there, interrupts off, until record_end(). */
static hal_irq_t record_begin(uint32_t events, uint32_t kinds)
{
    const hal_irq_t irq = hal_irq_save();

    trace_ring_set(hal_cpu_id(), g_memory[0], events);
    trace_start(kinds);
    return irq;
}

static void record_end(hal_irq_t irq)
{
    trace_stop();
    hal_irq_restore(irq);
}

START_TEST(trace_records_only_what_is_on)
{
    struct trace_record record;
    uint32_t cpu = 0;
    const hal_irq_t irq = record_begin(EVENTS, 1u << TRACE_FREE);

    trace_event(TRACE_ALLOC, 1, 1);
    trace_event(TRACE_FREE, 2, 3);
    trace_running_set(hal_cpu_id(), 77);
    trace_event(TRACE_FREE, 4, 5);
    record_end(irq);
    trace_event(TRACE_FREE, 6, 7);
    trace_cursor_init(&g_cursor);
    ck_assert(trace_next(&g_cursor, &record, &cpu));
    ck_assert_uint_eq(record.kind, TRACE_FREE);
    ck_assert_uint_eq(record.a, 2);
    ck_assert_uint_eq(record.b, 3);
    ck_assert_uint_eq(record.thread, TRACE_THREAD_UNKNOWN);
    ck_assert(trace_next(&g_cursor, &record, &cpu));
    ck_assert_uint_eq(record.a, 4);
    ck_assert_uint_eq(record.thread, 77);
    ck_assert(!trace_next(&g_cursor, &record, &cpu));
    rings_end();
}
END_TEST

/* Three times more than fits: the newest are there in order, the rest is counted. A second start
 * hides them all. */
START_TEST(trace_keeps_the_newest_and_counts_the_lost)
{
    struct trace_record record;
    struct trace_stats stats;
    uint32_t cpu = 0;
    uint64_t seen = 0;
    const hal_irq_t irq = record_begin(SMALL, 1u << TRACE_FREE);
    const uint32_t here = hal_cpu_id();

    for (uint64_t i = 0; i < 3 * SMALL; i++) {
        trace_event(TRACE_FREE, i, 0);
    }
    record_end(irq);
    trace_cursor_init(&g_cursor);
    while (trace_next(&g_cursor, &record, &cpu)) {
        ck_assert_uint_eq(record.a, 2 * SMALL + 1 + seen);
        ck_assert_uint_eq(cpu, here);
        seen++;
    }
    ck_assert_uint_eq(seen, SMALL - 1);
    ck_assert_uint_eq(g_cursor.lost[here], 2 * SMALL + 1);
    trace_stats(here, &stats);
    ck_assert_uint_eq(stats.events, 3 * SMALL);
    ck_assert_uint_eq(stats.lost, 2 * SMALL + 1);
    trace_start(1u << TRACE_FREE);
    trace_stop();
    trace_cursor_init(&g_cursor);
    ck_assert(!trace_next(&g_cursor, &record, &cpu));
    ck_assert_uint_eq(g_cursor.lost[here], 0);
    rings_end();
}
END_TEST

START_TEST(trace_remembers_names)
{
    char name[TRACE_NAME_MAX];

    ck_assert(trace_name_get(thread_id(thread_current()), name));
    ck_assert_str_eq(name, thread_name(thread_current()));
    trace_thread_name(UINT32_MAX - 1, "a-name-that-is-too-long-for-it");
    ck_assert(trace_name_get(UINT32_MAX - 1, name));
    ck_assert_str_eq(name, "a-name-that-is-too-long");
    ck_assert(!trace_name_get(UINT32_MAX - 1 - TRACE_NAMES, name));
}
END_TEST

/* Interrupts enter and leave in pairs: raised on this very CPU, in the middle of a stream of other
 * events. */
START_TEST(trace_brackets_interrupts)
{
    struct trace_record record;
    uint32_t cpu = 0;
    uint32_t depth = 0;
    uint32_t interrupts = 0;
    uint64_t last = 0;

    hal_irq_t irq =
        record_begin(EVENTS, 1u << TRACE_IRQ_ENTER | 1u << TRACE_IRQ_EXIT | 1u << TRACE_FREE);
    for (uint64_t i = 0; i < ROUNDS; i++) {
        hal_test_irq_raise(hal_cpu_id());
        hal_irq_restore(irq);
        trace_event(TRACE_FREE, 0, 0);
        irq = hal_irq_save();
    }
    record_end(irq);
    trace_cursor_init(&g_cursor);
    while (trace_next(&g_cursor, &record, &cpu)) {
        ck_assert_uint_ge(record.cycles, last);
        last = record.cycles;
        if (record.kind == TRACE_IRQ_ENTER) {
            depth++;
            interrupts++;
        } else if (record.kind == TRACE_IRQ_EXIT) {
            ck_assert_uint_gt(depth, 0);
            depth--;
        } else {
            ck_assert_uint_eq(depth, 0);
        }
    }
    ck_assert_uint_eq(depth, 0);
    ck_assert_uint_ge(interrupts, 1);
    rings_end();
}
END_TEST

/* ---- memory ---- */

/* Is the next record on this CPU of that kind and with these words? */
static void expect(enum trace_kind kind, uint64_t a, uint64_t b)
{
    struct trace_record record;
    uint32_t cpu = 0;

    ck_assert(trace_next(&g_cursor, &record, &cpu));
    ck_assert_str_eq(trace_kind_name(record.kind), trace_kind_name(kind));
    ck_assert_uint_eq(record.a, a);
    ck_assert_uint_eq(record.b, b);
}

/* One frame goes a shorter way than several, twice over: caches may be empty at first. */
START_TEST(trace_has_every_frame)
{
    paddr_t one[2] = { 0 };
    paddr_t four = 0;
    const hal_irq_t irq = record_begin(EVENTS, 1u << TRACE_FRAME_ALLOC | 1u << TRACE_FRAME_FREE);

    for (uint32_t i = 0; i < 2; i++) {
        ck_assert_int_eq(phys_alloc(1, 1, &one[i]), EXO_OK);
        phys_free(one[i], 1);
    }
    ck_assert_int_eq(phys_alloc(4, 1, &four), EXO_OK);
    phys_free(four, 4);
    record_end(irq);
    trace_cursor_init(&g_cursor);
    for (uint32_t i = 0; i < 2; i++) {
        expect(TRACE_FRAME_ALLOC, one[i], 1);
        expect(TRACE_FRAME_FREE, one[i], 1);
    }
    expect(TRACE_FRAME_ALLOC, four, 4);
    expect(TRACE_FRAME_FREE, four, 4);
    rings_end();
}
END_TEST

/* By a size that the compiler knows, by one that it does not, zeroed, aligned; freed by size or
 * not. */
START_TEST(trace_has_every_object)
{
    static const uint64_t sizes[] = { 48, 48, 80, 112, 64, 100000 };
    void *object[ARRAY_COUNT(sizes)] = { NULL };
    const hal_irq_t irq = record_begin(EVENTS, 1u << TRACE_ALLOC | 1u << TRACE_FREE);

    object[0] = heap_alloc(48);
    object[1] = heap_alloc(48);
    object[2] = heap_alloc_any(80);
    object[3] = heap_alloc_zeroed(112);
    object[4] = heap_alloc_aligned(64, 64);
    object[5] = heap_alloc_any(100000);
    heap_free_sized(object[0], 48);
    for (uint32_t i = 1; i < ARRAY_COUNT(sizes); i++) {
        heap_free(object[i]);
    }
    record_end(irq);
    trace_cursor_init(&g_cursor);
    for (uint32_t i = 0; i < ARRAY_COUNT(sizes); i++) {
        expect(TRACE_ALLOC, (uintptr_t)object[i], sizes[i]);
    }
    for (uint32_t i = 0; i < ARRAY_COUNT(sizes); i++) {
        expect(TRACE_FREE, (uintptr_t)object[i], 0);
    }
    rings_end();
}
END_TEST

/* ---- writers on several CPUs, and a reader that does not wait for them ---- */

static _Atomic bool g_enough;

static void stream_write(void *arg)
{
    const uint64_t who = (uintptr_t)arg;

    for (uint64_t i = 0; !atomic_load_explicit(&g_enough, memory_order_relaxed); i++) {
        const uint64_t word = who << 32 | (uint32_t)i;

        trace_event(TRACE_FREE, word, ~word);
    }
}

/* Read once through: whole records only, each writer's in its order. Returns how many. */
static uint64_t stream_check(uint32_t writers)
{
    uint64_t next[WRITERS] = { 0 };
    struct trace_record record;
    uint64_t count = 0;
    uint32_t cpu = 0;

    trace_cursor_init(&g_cursor);
    while (trace_next(&g_cursor, &record, &cpu)) {
        const uint64_t who = record.a >> 32;

        ck_assert_uint_eq(record.kind, TRACE_FREE);
        if (record.b == 0) {
            continue; /* the heap's own */
        }
        ck_assert_uint_eq(record.b, ~record.a);
        ck_assert_uint_lt(who, writers);
        ck_assert_uint_ge((uint32_t)record.a, next[who]);
        next[who] = (uint32_t)record.a + 1;
        count++;
    }
    return count;
}

START_TEST(trace_reads_whole_records_while_cpus_write)
{
    const uint32_t others = sched_online_count() > 1 ? sched_online_count() - 1 : 1;
    const uint32_t writers = others < WRITERS ? others : WRITERS;
    struct thread *thread[WRITERS];

    for (uint32_t i = 0; i < writers; i++) {
        trace_ring_set(i, g_memory[i], SMALL);
    }
    atomic_store(&g_enough, false);
    trace_start(1u << TRACE_FREE);
    for (uint32_t i = 0; i < writers; i++) {
        const struct thread_spec spec = {
            .name = "stream", .entry = stream_write, .arg = (void *)(uintptr_t)i, .cpu = i
        };

        ck_assert_int_eq(thread_create(&spec, &thread[i]), EXO_OK);
    }
    for (uint32_t pass = 0, seen = 0; pass < PASSES || seen == 0; pass++) {
        seen += stream_check(writers) > 0 ? 1 : 0;
        thread_yield();
    }
    atomic_store(&g_enough, true);
    for (uint32_t i = 0; i < writers; i++) {
        thread_join(thread[i], NULL);
    }
    trace_stop();
    ck_assert_uint_gt(stream_check(writers), 0);
    rings_end();
}
END_TEST

/* ---- a known program of switches ---- */

/* Two real-time threads of one priority on one CPU that wake each other in turn: nothing comes
 * between them, so the events are known one by one. */
struct duet {
    struct thread *_Atomic first;
    struct thread *_Atomic second;
    _Atomic uint32_t ready;
    uint32_t cpu;
    struct completion done;
};

static void duet_wait(struct duet *duet)
{
    ck_assert_int_eq(thread_class_set(thread_current(), THREAD_CLASS_FIFO, 50), EXO_OK);
    atomic_fetch_add(&duet->ready, 1);
    ck_assert_int_eq(thread_park(CLOCK_NEVER), EXO_OK);
}

static void duet_first(void *arg)
{
    struct duet *const duet = arg;

    atomic_store(&duet->first, thread_current());
    duet_wait(duet);
    for (uint32_t i = 0; i < ROUNDS; i++) {
        thread_unpark(atomic_load(&duet->second));
        ck_assert_int_eq(thread_park(CLOCK_NEVER), EXO_OK);
    }
    completion_complete(&duet->done);
}

static void duet_second(void *arg)
{
    struct duet *const duet = arg;

    atomic_store(&duet->second, thread_current());
    duet_wait(duet);
    for (uint32_t i = 0; i < ROUNDS; i++) {
        thread_unpark(atomic_load(&duet->first));
        if (i + 1 < ROUNDS) {
            ck_assert_int_eq(thread_park(CLOCK_NEVER), EXO_OK);
        }
    }
}

/* Begin when both are parked: on their CPU a normal thread runs only then. A first that is woken
 * before it parks would go on without a switch, and the ring would not know who wakes the
 * second. */
static void duet_begin(void *arg)
{
    struct duet *const duet = arg;

    trace_ring_set(duet->cpu, g_memory[0], EVENTS);
    trace_start(1u << TRACE_SWITCH | 1u << TRACE_WAKE | 1u << TRACE_BLOCK);
    thread_unpark(atomic_load(&duet->first));
}

/* The next record of one of the two threads. */
static bool duet_next(uint32_t first, uint32_t second, struct trace_record *out)
{
    uint32_t cpu = 0;

    while (trace_next(&g_cursor, out, &cpu)) {
        if (out->thread == first || out->thread == second) {
            return true;
        }
    }
    return false;
}

/* `runs` wakes `other`, blocks and is switched to it. */
static void duet_check_turn(uint32_t runs, uint32_t other, struct trace_record *record)
{
    ck_assert_uint_eq(record->kind, TRACE_WAKE);
    ck_assert_uint_eq(record->thread, runs);
    ck_assert_uint_eq(record->a, other);
    ck_assert(duet_next(runs, other, record));
    ck_assert_uint_eq(record->kind, TRACE_BLOCK);
    ck_assert_uint_eq(record->thread, runs);
    ck_assert(duet_next(runs, other, record));
    ck_assert_uint_eq(record->kind, TRACE_SWITCH);
    ck_assert_uint_eq(record->thread, runs);
    ck_assert_uint_eq(record->a, other);
    ck_assert_uint_eq(record->b, TRACE_LEFT_BLOCKED);
}

static void duet_check(uint32_t first, uint32_t second)
{
    struct trace_record record;

    trace_cursor_init(&g_cursor);
    do {
        ck_assert(duet_next(first, second, &record)); /* their ways into the first wait */
    } while (record.kind != TRACE_WAKE || record.a != second);
    for (uint32_t i = 0; i < ROUNDS; i++) {
        duet_check_turn(first, second, &record);
        ck_assert(duet_next(first, second, &record));
        if (i + 1 == ROUNDS) {
            break; /* the second wakes the first and ends */
        }
        duet_check_turn(second, first, &record);
        ck_assert(duet_next(first, second, &record));
    }
    ck_assert_uint_eq(record.kind, TRACE_WAKE);
    ck_assert_uint_eq(record.a, first);
    ck_assert(duet_next(first, second, &record));
    ck_assert_uint_eq(record.kind, TRACE_SWITCH);
    ck_assert_uint_eq(record.thread, second);
    ck_assert_uint_eq(record.a, first);
    ck_assert_uint_eq(record.b, TRACE_LEFT_DEAD);
    for (uint32_t cpu = 0; cpu < CPUS_MAX; cpu++) {
        ck_assert_uint_eq(g_cursor.lost[cpu], 0);
    }
}

START_TEST(trace_has_exactly_the_switches_of_a_known_program)
{
    const uint32_t cpu = sched_online_count() - 1;
    struct duet duet = { .cpu = cpu };
    struct thread_spec spec = { .name = "second", .entry = duet_second, .arg = &duet, .cpu = cpu };
    struct thread *second = NULL;
    struct thread *first = NULL;
    struct thread *begin = NULL;

    if (!sched_heeds_classes()) {
        return; /* what comes between the two is decided by priorities */
    }
    completion_init(&duet.done);
    ck_assert_int_eq(thread_create(&spec, &second), EXO_OK);
    ck_assert(test_wait_for(&duet.ready, 1, 5 * NS_PER_S));
    spec.name = "first";
    spec.entry = duet_first;
    ck_assert_int_eq(thread_create(&spec, &first), EXO_OK);
    ck_assert(test_wait_for(&duet.ready, 2, 5 * NS_PER_S));
    const uint32_t ids[] = { thread_id(first), thread_id(second) };

    spec.name = "begin";
    spec.entry = duet_begin;
    ck_assert_int_eq(thread_create(&spec, &begin), EXO_OK);
    ck_assert_int_eq(completion_wait(&duet.done, CLOCK_NEVER), EXO_OK);
    trace_stop();
    thread_join(begin, NULL);
    thread_join(first, NULL);
    thread_join(second, NULL);
    duet_check(ids[0], ids[1]);
    rings_end();
}
END_TEST

/* Records of another kind name the thread that ran, though no switch is recorded. */
static void free_event(void *arg)
{
    (void)arg;
    trace_event(TRACE_FREE, thread_id(thread_current()), ~0ull);
}

START_TEST(trace_knows_the_thread_without_switches)
{
    const struct thread_spec spec = { .name = "freer", .entry = free_event, .cpu = 0 };
    struct trace_record record;
    uint32_t cpu = 0;
    uint32_t seen = 0;

    trace_ring_set(0, g_memory[0], EVENTS);
    trace_start(1u << TRACE_FREE);
    for (uint32_t i = 0; i < ROUNDS; i++) {
        struct thread *thread = NULL;

        ck_assert_int_eq(thread_create(&spec, &thread), EXO_OK);
        thread_join(thread, NULL);
    }
    trace_stop();
    trace_cursor_init(&g_cursor);
    while (trace_next(&g_cursor, &record, &cpu)) {
        if (record.b == ~0ull) {
            ck_assert_uint_eq(record.thread, record.a);
            seen++;
        }
    }
    ck_assert_uint_eq(seen, ROUNDS);
    rings_end();
}
END_TEST

/* ---- the command ---- */

static void command(const char *text)
{
    char line[MONITOR_LINE_MAX];

    ck_assert(str_copy(line, sizeof(line), text));
    monitor_run_line(line);
}

START_TEST(trace_command_switches_and_frees)
{
    struct trace_stats stats;

    command("trace on switch,wake");
    ck_assert_uint_eq(trace_kinds(), 1u << TRACE_SWITCH | 1u << TRACE_WAKE);
    trace_stats(0, &stats);
    ck_assert_uint_ge(stats.size, 16);
    command("trace on nonsense");
    ck_assert_uint_eq(trace_kinds(), 1u << TRACE_SWITCH | 1u << TRACE_WAKE);
    command("trace on mem");
    ck_assert_uint_eq(trace_kinds(), 1u << TRACE_ALLOC | 1u << TRACE_FREE |
                                         1u << TRACE_FRAME_ALLOC | 1u << TRACE_FRAME_FREE);
    command("trace off");
    ck_assert_uint_eq(trace_kinds(), 0);
    trace_stats(0, &stats);
    ck_assert_uint_ne(stats.size, 0); /* what was recorded is still there */
    command("trace free");
    trace_stats(0, &stats);
    ck_assert_uint_eq(stats.size, 0);
}
END_TEST

/* Memory ends at any ring: tracing stays off and nothing is kept. */
START_TEST(trace_command_survives_a_lack_of_memory)
{
    struct trace_stats stats;

    for (uint32_t n = 1; n <= sched_online_count() && n <= WRITERS; n++) {
        (void)phys_test_fail_after(n);
        command("trace on");
        (void)phys_test_fail_after(0);
        ck_assert_uint_eq(trace_kinds(), 0);
        trace_stats(0, &stats);
        ck_assert_uint_eq(stats.size, 0);
    }
}
END_TEST

EXO_SUITE(debug_trace, EXO_TEST(trace_records_only_what_is_on),
          EXO_TEST(trace_keeps_the_newest_and_counts_the_lost), EXO_TEST(trace_remembers_names),
          EXO_TEST(trace_brackets_interrupts), EXO_TEST(trace_has_every_frame),
          EXO_TEST(trace_has_every_object),
          EXO_TEST_TIMED(trace_reads_whole_records_while_cpus_write, 60),
          EXO_TEST_TIMED(trace_has_exactly_the_switches_of_a_known_program, 60),
          EXO_TEST(trace_knows_the_thread_without_switches),
          EXO_TEST(trace_command_switches_and_frees),
          EXO_TEST(trace_command_survives_a_lack_of_memory))
