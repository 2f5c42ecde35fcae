/*
 * core/main.c - the boot order, as one readable list.
 *
 * Invariants:
 *   (1) critical steps run on the boot CPU's start-up stack with interrupts off; that context then
 *       becomes the CPU's idle thread;
 *   (2) all further steps run in the thread "main", which ends after the last one.
 */
#include "exo/debug/boot.h"
#include "exo/debug/log.h"
#include "exo/debug/panic.h"
#include "exo/hal.h"
#include "exo/lib/assert.h"
#include "exo/lib/number.h"
#include "exo/lib/string.h"
#include "exo/mem/fill.h"
#include "exo/mem/heap.h"
#include "exo/mem/kva.h"
#include "exo/mem/phys.h"
#include "exo/sched/sched.h"
#include "exo/sched/thread.h"
#include "exo/sync/epoch.h"
#include "exo/sync/wait.h"
#include "exo/time/clock.h"

#define CPU_ONLINE_TIMEOUT_NS (2 * NS_PER_S)

static uint32_t g_cpus_wanted; /* cpus=N on the command line; 0: it does not say */
static bool g_chart_wanted;    /* bootchart on the command line */
static struct completion g_cpu_online[CPUS_MAX];

static exo_status_t param_cpus(const char *value)
{
    uint32_t cpus = 0;
    const exo_status_t status = number_parse_max(value, CPUS_MAX, &cpus);

    if (status == EXO_OK && cpus == 0) {
        return EXO_ERR_INVALID;
    }
    g_cpus_wanted = status == EXO_OK ? cpus : g_cpus_wanted;
    return status;
}
EXO_BOOT_PARAM(cpus, "cpus", "start at most this many CPUs", param_cpus);

static exo_status_t param_bootchart(const char *value)
{
    g_chart_wanted = !str_equal(value, "0");
    return EXO_OK;
}
EXO_BOOT_PARAM(bootchart, "bootchart", "print what the boot steps took", param_bootchart);

static void step_phys(void)
{
    KASSERT(fill_mask_fits(boot_info_get()->fill_mask));
    g_fill_mask = boot_info_get()->fill_mask;
    phys_init(boot_info_get());
}

/* A thread that lives as long as the kernel. */
static void start_thread(const char *name, void (*entry)(void *))
{
    const struct thread_spec spec = { .name = name, .entry = entry, .cpu = THREAD_ANY_CPU };
    struct thread *thread = NULL;
    const exo_status_t status = thread_create(&spec, &thread);

    if (status != EXO_OK) {
        panic("boot: thread %s: %s", name, exo_status_text(status));
    }
    thread_detach(thread);
}

/* Who can give frames back, cheapest first. */
static void step_reclaim(void)
{
    kva_reclaim_start();
    heap_reclaim_start();
}

static void step_epoch(void)
{
    start_thread("epoch", epoch_worker);
}

/* A ring for the log of `cpu`; without memory its records go to the first CPU's. */
static void log_ring_create(uint32_t cpu)
{
    paddr_t frames = 0;

    if (phys_alloc(KLOG_RING_BYTES / PAGE_SIZE, 1, &frames) != EXO_OK) {
        klog(KLOG_WARN, "boot", "no memory for a log ring cpu=%u", cpu);
        return;
    }
    memset(hal_phys_to_virt(frames), 0, KLOG_RING_BYTES);
    klog_ring_add(cpu, hal_phys_to_virt(frames));
}

static void start_cpu(uint32_t cpu)
{
    log_ring_create(cpu);
    completion_init(&g_cpu_online[cpu]);
    exo_status_t status = hal_cpu_start(cpu);

    if (status == EXO_OK) {
        status = completion_wait(&g_cpu_online[cpu], clock_deadline_ns(CPU_ONLINE_TIMEOUT_NS));
    }
    if (status != EXO_OK) {
        klog(KLOG_ERROR, "boot", "cpu=%u did not start: %s", cpu, exo_status_text(status));
    }
}

static void step_cpus(void)
{
    const uint32_t all = boot_is_recovery() ? 1 : CPUS_MAX;
    const uint32_t wanted = g_cpus_wanted != 0 ? g_cpus_wanted : all;

    if (boot_info_get()->cpu_count > wanted) {
        klog(KLOG_INFO, "boot", "cpus left off=%u", boot_info_get()->cpu_count - wanted);
    }
    for (uint32_t cpu = 1; cpu < boot_info_get()->cpu_count && cpu < wanted; cpu++) {
        start_cpu(cpu);
    }
    klog(KLOG_INFO, "boot", "cpus online=%u", sched_online_count());
}

static void step_banner(void)
{
    struct phys_stats stats;
    const uint32_t cpus = sched_online_count();
    uint32_t argc = 0;

    (void)boot_args(&argc);
    if (argc > 0) {
        return; /* nothing but the program's own output */
    }
    phys_stats(&stats);
    kprintf("Exo-OS %s (%s) on %s: %u CPU%s, %lu MiB, %s, clock %s\n", EXO_VERSION, EXO_COMMIT,
            boot_info_get()->platform, cpus, cpus == 1 ? "" : "s",
            (stats.frames_total * PAGE_SIZE) >> 20, hal_caps()->cpu_name, hal_caps()->clock_name);
}

static void step_chart(void)
{
    if (g_chart_wanted) {
        bootchart_print();
    }
}

static const struct boot_step g_steps[] = {
    { "phys", BOOT_CRITICAL, 0, step_phys },
    { "kva", BOOT_CRITICAL, 6, kva_init },
    { "heap", BOOT_CRITICAL, 5, heap_init },
    { "params", BOOT_CRITICAL, 10, boot_params_read },
    { "sched", BOOT_CRITICAL, 20, sched_cpu_init },
    { "reclaim", BOOT_NORMAL, 5, step_reclaim },
    { "epoch", BOOT_NORMAL, 10, step_epoch },
    { "cpus", BOOT_NORMAL, BOOT_ORDER_CPUS, step_cpus },
    /* Registered elsewhere: tests (700), the first program, the monitor (900). */
    { "banner", BOOT_NORMAL, BOOT_ORDER_MONITOR - 2, step_banner },
    { "chart", BOOT_DEFERRED, 1000, step_chart },
};

static void main_thread(void *unused)
{
    (void)unused;
    boot_phase_run(BOOT_NORMAL, g_steps, ARRAY_COUNT(g_steps));
    boot_phase_run(BOOT_DEFERRED, g_steps, ARRAY_COUNT(g_steps));
}

_Noreturn void core_main(const struct boot_info *info)
{
    boot_info_set(info);
    boot_phase_run(BOOT_CRITICAL, g_steps, ARRAY_COUNT(g_steps));
    start_thread("main", main_thread);
    sched_idle();
}

_Noreturn void core_cpu_main(uint32_t cpu)
{
    sched_cpu_init();
    completion_complete(&g_cpu_online[cpu]);
    sched_idle();
}
