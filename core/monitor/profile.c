/*
 * core/monitor/profile.c - the sampling profiler as a person meets it: timers, the command, the
 * parameters, the file.
 *
 * Invariants:
 *   (1) while g_running, each CPU that has a table has its timer pending, which arms itself again
 *       on its CPU;
 *   (2) tables are allocated at the start and kept until `profile free`; they are cleared only
 *       while no timer runs;
 *   (3) with profile= on the command line the profile is written to the machine's file at the end;
 *       nothing in that allocates or locks.
 */
#include "exo/debug/profile.h"

#include <stdatomic.h>

#include "exo/debug/boot.h"
#include "exo/debug/end.h"
#include "exo/debug/log.h"
#include "exo/debug/panic.h"
#include "exo/hal.h"
#include "exo/hal/file.h"
#include "exo/lib/assert.h"
#include "exo/lib/number.h"
#include "exo/lib/string.h"
#include "exo/mem/phys.h"
#include "exo/monitor.h"
#include "exo/sched/sched.h"
#include "exo/sched/thread.h"
#include "exo/time/clock.h"
#include "exo/time/timer.h"

#define STACKS       1024u /* different ones per CPU: 129 KiB */
#define HZ_DEFAULT   997u  /* in step with nothing */
#define HZ_MAX       20000u
#define TABLE_FRAMES ((size_t)((PROFILE_TABLE_BYTES(STACKS) + PAGE_SIZE - 1) / PAGE_SIZE))

static struct timer g_timer[CPUS_MAX];
static void *g_table[CPUS_MAX];
static bool g_running;
static _Atomic uint64_t g_period_ns;
static _Atomic bool g_sampling; /* false from the end of the machine on */
static uint32_t g_hz = HZ_DEFAULT;
static bool g_at_boot; /* profile= was given: the file is written at the end */

static exo_status_t hz_parse(const char *text, uint32_t *hz)
{
    const exo_status_t status = number_parse_max(text, HZ_MAX, hz);

    return status == EXO_OK && *hz == 0 ? EXO_ERR_INVALID : status;
}

static exo_status_t param_profile(const char *value)
{
    exo_status_t status = EXO_OK;

    if (*value != '\0' && !str_equal(value, "on")) {
        uint32_t hz = 0;

        status = hz_parse(value, &hz);
        g_hz = status == EXO_OK ? hz : g_hz;
    }
    g_at_boot = g_at_boot || status == EXO_OK;
    return status;
}
EXO_BOOT_PARAM(profile, "profile", "on|HZ: sample kernel code from the boot on, write the file",
               param_profile);

/* ---- timers ---- */

static void on_timer(struct timer *timer)
{
    if (!atomic_load_explicit(&g_sampling, memory_order_relaxed)) {
        return; /* the machine ends */
    }
    profile_sample();
    timer_arm(timer, clock_deadline_ns(atomic_load_explicit(&g_period_ns, memory_order_relaxed)));
}

/* Start the timer of the CPU that this thread is pinned to. */
static void arm_here(void *arg)
{
    struct timer *const timer = arg;

    timer_init(timer, on_timer);
    timer_arm(timer, clock_deadline_ns(atomic_load_explicit(&g_period_ns, memory_order_relaxed)));
}

static void stop(void)
{
    for (uint32_t cpu = 0; cpu < CPUS_MAX && g_running; cpu++) {
        if (g_timer[cpu].fire != NULL) {
            (void)timer_cancel_sync(&g_timer[cpu]);
        }
    }
    g_running = false;
}

static void tables_free(void)
{
    stop();
    for (uint32_t cpu = 0; cpu < CPUS_MAX; cpu++) {
        profile_table_set(cpu, NULL, 0);
        if (g_table[cpu] != NULL) {
            phys_free(hal_virt_to_phys(g_table[cpu]), TABLE_FRAMES);
            g_table[cpu] = NULL;
        }
    }
}

/* A table for `cpu`, and its timer. */
static exo_status_t cpu_start(uint32_t cpu)
{
    const struct thread_spec spec = {
        .name = "profile", .entry = arm_here, .arg = &g_timer[cpu], .cpu = cpu
    };
    struct thread *thread = NULL;

    if (g_table[cpu] == NULL) {
        paddr_t frames = 0;
        const exo_status_t status = phys_alloc(TABLE_FRAMES, 1, &frames);

        if (status != EXO_OK) {
            return status;
        }
        g_table[cpu] = hal_phys_to_virt(frames);
    }
    profile_table_set(cpu, g_table[cpu], STACKS);
    const exo_status_t status = thread_create(&spec, &thread);

    if (status == EXO_OK) {
        thread_join(thread, NULL);
    }
    return status;
}

static exo_status_t start(uint32_t hz)
{
    exo_status_t status = EXO_OK;

    stop();
    atomic_store_explicit(&g_period_ns, NS_PER_S / hz, memory_order_relaxed);
    atomic_store_explicit(&g_sampling, true, memory_order_relaxed);
    g_running = true;
    for (uint32_t cpu = 0; cpu < CPUS_MAX && status == EXO_OK; cpu++) {
        if (sched_is_online(cpu)) {
            status = cpu_start(cpu);
        }
    }
    if (status != EXO_OK) {
        tables_free();
    }
    return status;
}

static void boot_start(void)
{
    if (g_at_boot && start(g_hz) != EXO_OK) {
        klog(KLOG_WARN, "profile", "no memory for tables stacks=%u", STACKS);
    }
}
EXO_BOOT_STEP(profile, BOOT_NORMAL, BOOT_ORDER_CPUS + 2, boot_start);

/* ---- the file ---- */

/* Folded stacks are written in pieces of a name; the file gets them by lines and more. */
struct file_sink {
    struct fmt_sink sink;
    size_t used;
    char buffer[1024];
};

static void file_flush(struct file_sink *to)
{
    hal_file_write(HAL_FILE_PROFILE, to->buffer, to->used);
    to->used = 0;
}

static void file_put(struct fmt_sink *sink, const char *bytes, size_t len_bytes)
{
    struct file_sink *const to = container_of(sink, struct file_sink, sink);

    for (size_t i = 0; i < len_bytes; i++) {
        if (to->used == sizeof(to->buffer)) {
            file_flush(to);
        }
        to->buffer[to->used++] = bytes[i];
    }
}

static void end_write(void)
{
    struct file_sink to = { .sink = { .put = file_put } };

    if (g_at_boot && hal_file_begin(HAL_FILE_PROFILE)) {
        atomic_store_explicit(&g_sampling, false, memory_order_relaxed);
        profile_export(&to.sink);
        file_flush(&to);
    }
}
EXO_END_HOOK(profile, end_write);

static void console_put(struct fmt_sink *sink, const char *bytes, size_t len_bytes)
{
    (void)sink;
    hal_console_write(HAL_STREAM_OUT, bytes, len_bytes);
}

/* ---- the command ---- */

static void status_show(void)
{
    kprintf("sampling is %s, every %lu ns\n", g_running ? "on" : "off",
            atomic_load_explicit(&g_period_ns, memory_order_relaxed));
    kprintf("cpu   samples      lost  stacks  most often in\n");
    for (uint32_t cpu = 0; cpu < CPUS_MAX; cpu++) {
        struct profile_stats stats;

        profile_stats(cpu, &stats);
        if (stats.size != 0) {
            uint64_t count = 0;
            const char *const top = profile_top(cpu, &count);

            kprintf("%3u  %8lu  %8lu  %6u  %s (%lu)\n", cpu, stats.samples, stats.lost,
                    stats.stacks, top != NULL ? top : "-", count);
        }
    }
}

static void command_start(const char *text)
{
    uint32_t hz = g_hz;
    exo_status_t status = text != NULL ? hz_parse(text, &hz) : EXO_OK;

    if (status != EXO_OK) {
        kprintf("profile: %s is no rate; 1 to %u samples a second\n", text, HZ_MAX);
        return;
    }
    status = start(hz);
    if (status != EXO_OK) {
        kprintf("profile: %s\n", exo_status_text(status));
    }
}

static void command_profile(uint32_t argc, const char *const *argv)
{
    struct fmt_sink sink = { .put = console_put };
    const char *const word = argc > 1 ? argv[1] : "status";

    if (str_equal(word, "start")) {
        command_start(argc > 2 ? argv[2] : NULL);
    } else if (str_equal(word, "stop")) {
        stop();
    } else if (str_equal(word, "free")) {
        tables_free();
    } else if (str_equal(word, "dump")) {
        profile_export(&sink);
    } else if (str_equal(word, "status")) {
        status_show();
    } else {
        kprintf("usage: profile [status | start [HZ] | stop | dump | free]\n");
    }
}
EXO_MONITOR_COMMAND(profile, "where kernel code spends its time: start, stop, status, dump, free",
                    command_profile);
