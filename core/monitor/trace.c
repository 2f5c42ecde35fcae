/*
 * core/monitor/trace.c - tracing as a person meets it: the command, the parameters, the file.
 *
 * Invariants:
 *   (1) rings are allocated when tracing is switched on and kept until `trace free`, so that what
 *       was recorded can be written after `trace off`;
 *   (2) with trace= on the command line the trace is written to the machine's file at the end,
 *       whatever the end is; nothing in that allocates or locks.
 */
#include "exo/debug/trace.h"

#include "exo/debug/armour.h"
#include "exo/debug/boot.h"
#include "exo/debug/end.h"
#include "exo/debug/log.h"
#include "exo/debug/panic.h"
#include "exo/hal.h"
#include "exo/hal/file.h"
#include "exo/lib/number.h"
#include "exo/lib/string.h"
#include "exo/mem/phys.h"
#include "exo/monitor.h"
#include "exo/sched/sched.h"
#include "exo/sync/epoch.h"

#define EVENTS_DEFAULT 8192u /* per CPU: 256 KiB */
#define EVENTS_MIN     16u
#define EVENTS_MAX     (1u << 24)

/* What `on` without names means: all but every allocation, which would crowd out the rest. */
#define KINDS_DEFAULT                                                                              \
    (TRACE_ALL &                                                                                   \
     ~(1u << TRACE_ALLOC | 1u << TRACE_FREE | 1u << TRACE_FRAME_ALLOC | 1u << TRACE_FRAME_FREE))

/* Names for several kinds at once, beside the kinds' own. */
static const struct {
    const char *name;
    uint32_t kinds;
} g_groups[] = {
    { "all", TRACE_ALL },
    { "sched", 1u << TRACE_SWITCH | 1u << TRACE_WAKE | 1u << TRACE_BLOCK | 1u << TRACE_MIGRATE },
    { "irq", 1u << TRACE_IRQ_ENTER | 1u << TRACE_IRQ_EXIT | 1u << TRACE_TIMER |
                 1u << TRACE_IPI_SEND | 1u << TRACE_IPI },
    { "mem",
      1u << TRACE_ALLOC | 1u << TRACE_FREE | 1u << TRACE_FRAME_ALLOC | 1u << TRACE_FRAME_FREE },
    { "lock", 1u << TRACE_CONTEND_BEGIN | 1u << TRACE_CONTEND_END },
    { "user", 1u << TRACE_FAULT_ENTER | 1u << TRACE_FAULT_EXIT | 1u << TRACE_SYSCALL_ENTER |
                  1u << TRACE_SYSCALL_EXIT },
};

static void *g_ring[CPUS_MAX];
static uint32_t g_ring_events; /* of each ring in g_ring */
static uint32_t g_events = EVENTS_DEFAULT;
static uint32_t g_kinds = KINDS_DEFAULT;
static bool g_at_boot; /* trace= was given: the file is written at the end */

/* ---- parameters ---- */

static bool kind_find(const char *name, uint32_t *kinds)
{
    for (size_t i = 0; i < ARRAY_COUNT(g_groups); i++) {
        if (str_equal(name, g_groups[i].name)) {
            *kinds = g_groups[i].kinds;
            return true;
        }
    }
    for (uint32_t kind = 0; kind < TRACE_KINDS; kind++) {
        if (str_equal(name, trace_kind_name((enum trace_kind)kind))) {
            *kinds = 1u << kind;
            return true;
        }
    }
    return false;
}

/* Add the kinds of a list "sched,irq"; false if one is unknown. */
static bool kinds_parse(const char *list, uint32_t *kinds)
{
    char name[32];

    while (*list != '\0') {
        size_t len = 0;
        uint32_t found = 0;

        while (list[len] != ',' && list[len] != '\0') {
            len++;
        }
        (void)str_copy_max(name, sizeof(name), list, len);
        if (len >= sizeof(name) || !kind_find(name, &found)) {
            return false;
        }
        *kinds |= found;
        list += len + (list[len] == ',' ? 1 : 0);
    }
    return true;
}

static exo_status_t param_trace(const char *value)
{
    uint32_t kinds = 0;

    if (*value != '\0' && !str_equal(value, "on")) {
        if (!kinds_parse(value, &kinds)) {
            return EXO_ERR_INVALID;
        }
        g_kinds = kinds;
    }
    g_at_boot = true;
    return EXO_OK;
}
EXO_BOOT_PARAM(trace, "trace", "on|KIND,...: trace from the boot on, write the file at the end",
               param_trace);

static exo_status_t param_trace_events(const char *value)
{
    uint32_t events = 0;
    const exo_status_t status = number_parse_max(value, EVENTS_MAX, &events);

    if (status == EXO_OK && events < EVENTS_MIN) {
        return EXO_ERR_INVALID;
    }
    while (status == EXO_OK && (events & (events - 1)) != 0) {
        events &= events - 1; /* the next power of two below */
    }
    g_events = status == EXO_OK ? events : g_events;
    return status;
}
EXO_BOOT_PARAM(trace_events, "trace_events", "records per CPU in a trace; default 8192",
               param_trace_events);

/* ---- rings ---- */

static size_t ring_frames(void)
{
    return (size_t)(align_up(TRACE_RING_BYTES(g_ring_events), PAGE_SIZE) >> PAGE_SHIFT);
}

static void rings_free(void)
{
    trace_stop();
    for (uint32_t cpu = 0; cpu < CPUS_MAX; cpu++) {
        trace_ring_set(cpu, NULL, 0);
    }
    epoch_synchronize(); /* nobody is in a tracepoint any more that saw a ring */
    for (uint32_t cpu = 0; cpu < CPUS_MAX; cpu++) {
        if (g_ring[cpu] != NULL) {
            phys_free(hal_virt_to_phys(g_ring[cpu]), ring_frames());
            g_ring[cpu] = NULL;
        }
    }
}

static exo_status_t rings_create(void)
{
    g_ring_events = g_events;
    for (uint32_t cpu = 0; cpu < CPUS_MAX; cpu++) {
        paddr_t frames = 0;

        if (g_ring[cpu] != NULL || !sched_is_online(cpu)) {
            continue;
        }
        const exo_status_t status = phys_alloc(ring_frames(), 1, &frames);

        if (status != EXO_OK) {
            rings_free();
            return status;
        }
        g_ring[cpu] = hal_phys_to_virt(frames);
        memset(g_ring[cpu], 0, ring_frames() * PAGE_SIZE);
        trace_ring_set(cpu, g_ring[cpu], g_ring_events);
    }
    return EXO_OK;
}

/* Record `kinds` from now on, on all CPUs that are online. */
static exo_status_t start(uint32_t kinds)
{
    trace_stop();
    const exo_status_t status = rings_create();

    if (status != EXO_OK) {
        return status;
    }
    trace_start(kinds);
    for (uint32_t cpu = 0; cpu < CPUS_MAX; cpu++) {
        struct sched_cpu_info info;

        if (sched_cpu_info(cpu, &info)) {
            trace_running_set(cpu, info.current_id);
        }
    }
    return EXO_OK;
}

static void boot_start(void)
{
    if (g_at_boot && start(g_kinds) != EXO_OK) {
        klog(KLOG_WARN, "trace", "no memory for rings events=%u", g_events);
    }
}
EXO_BOOT_STEP(trace, BOOT_NORMAL, BOOT_ORDER_CPUS + 1, boot_start);

/* ---- the file ---- */

static void file_put(struct fmt_sink *sink, const char *bytes, size_t len_bytes)
{
    (void)sink;
    hal_file_write(HAL_FILE_TRACE, bytes, len_bytes);
}

static void line_put(const char *line, size_t len)
{
    hal_console_write(HAL_STREAM_OUT, line, len);
}

static void console_put(struct fmt_sink *sink, const char *bytes, size_t len_bytes)
{
    (void)sink;
    armour_write("trace", bytes, len_bytes, line_put);
}

static void end_write(void)
{
    struct fmt_sink sink = { .put = file_put };

    if (g_at_boot && hal_file_begin(HAL_FILE_TRACE)) {
        trace_stop();
        trace_export(&sink);
    }
}
EXO_END_HOOK(trace, end_write);

static void dump(bool to_console)
{
    struct fmt_sink sink = { .put = file_put };

    if (!to_console && g_at_boot && hal_file_begin(HAL_FILE_TRACE)) {
        trace_export(&sink);
        kprintf("trace: written to the machine's file\n");
        return;
    }
    sink.put = console_put;
    armour_begin("trace", line_put);
    trace_export(&sink);
    kprintf("trace: tools/trace-convert makes a file of these lines\n");
}

/* ---- the command ---- */

static void status_show(void)
{
    const uint32_t kinds = trace_kinds();

    kprintf("tracing is %s:", kinds != 0 ? "on" : "off");
    for (uint32_t kind = 0; kind < TRACE_KINDS; kind++) {
        if ((kinds >> kind & 1) != 0) {
            kprintf(" %s", trace_kind_name((enum trace_kind)kind));
        }
    }
    kprintf("\ncpu     records        lost   ring\n");
    for (uint32_t cpu = 0; cpu < CPUS_MAX; cpu++) {
        struct trace_stats stats;

        trace_stats(cpu, &stats);
        if (stats.size != 0) {
            kprintf("%3u  %10lu  %10lu  %5u\n", cpu, stats.events, stats.lost, stats.size);
        }
    }
}

static void command_on(const char *list)
{
    uint32_t kinds = 0;

    if (list != NULL && !kinds_parse(list, &kinds)) {
        kprintf("trace: what is %s? Kinds: all sched irq mem lock user", list);
        for (uint32_t kind = 0; kind < TRACE_KINDS; kind++) {
            kprintf(" %s", trace_kind_name((enum trace_kind)kind));
        }
        kprintf("\n");
        return;
    }
    const exo_status_t status = start(list != NULL ? kinds : g_kinds);

    if (status != EXO_OK) {
        kprintf("trace: %s\n", exo_status_text(status));
    }
}

static void command_trace(uint32_t argc, const char *const *argv)
{
    const char *const word = argc > 1 ? argv[1] : "status";

    if (str_equal(word, "on")) {
        command_on(argc > 2 ? argv[2] : NULL);
    } else if (str_equal(word, "off")) {
        trace_stop();
    } else if (str_equal(word, "free")) {
        rings_free();
    } else if (str_equal(word, "dump")) {
        dump(argc > 2 && str_equal(argv[2], "console"));
    } else if (str_equal(word, "status")) {
        status_show();
    } else {
        kprintf("usage: trace [status | on [KIND,...] | off | dump [console] | free]\n");
    }
}
EXO_MONITOR_COMMAND(trace, "record what happens: on, off, status, dump, free", command_trace);
