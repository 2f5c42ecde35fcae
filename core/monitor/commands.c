/*
 * core/monitor/commands.c - the monitor's own commands: looking at the kernel, and ending it.
 */
#include "exo/debug/boot.h"
#include "exo/debug/end.h"
#include "exo/debug/log.h"
#include "exo/debug/panic.h"
#include "exo/drivers/console.h"
#include "exo/hal.h"
#include "exo/mem/heap.h"
#include "exo/mem/phys.h"
#include "exo/monitor.h"
#include "exo/sched/sched.h"
#include "exo/sched/thread.h"
#include "exo/time/timer.h"

#define FRAMES_PER_MIB 256u

static void command_dmesg(uint32_t argc, const char *const *argv)
{
    struct klog_record record;
    char line[KLOG_LINE_MAX];
    uint64_t cursor = 0;
    uint64_t lost = 0;

    (void)argc;
    (void)argv;
    while (klog_next(&cursor, &record, &lost)) {
        klog_format(line, sizeof(line), &record);
        kprintf("%s\n", line);
    }
    if (lost > 0) {
        kprintf("(%lu older records are overwritten)\n", lost);
    }
}
EXO_MONITOR_COMMAND(dmesg, "show the kernel log, oldest first", command_dmesg);

static void zone_show(const struct phys_zone_stats *zone)
{
    static const char *const kinds[PHYS_ZONE_KINDS] = { "DMA", "DMA32", "Normal" };

    kprintf("%4u %-6s %10lu %10lu %6lu/%lu/%lu  ", zone->node, kinds[zone->kind],
            zone->frames_total, zone->frames_free, zone->mark_min, zone->mark_low, zone->mark_high);
    for (uint32_t order = 0; order < PHYS_ORDER_COUNT; order++) {
        kprintf(" %lu", zone->blocks[order]);
    }
    kprintf("\n");
}

static void command_mem(uint32_t argc, const char *const *argv)
{
    struct phys_cache_stats caches;
    struct phys_zone_stats zone;
    struct phys_stats stats;

    (void)argc;
    (void)argv;
    phys_stats(&stats);
    kprintf("frames of %zu bytes: total %lu (%lu MiB), free %lu (%lu MiB), fewest free %lu\n",
            PAGE_SIZE, stats.frames_total, stats.frames_total / FRAMES_PER_MIB, stats.frames_free,
            stats.frames_free / FRAMES_PER_MIB, stats.frames_low_water);
    phys_cache_stats(&caches);
    kprintf("CPU caches: %lu frames, %lu refills, %lu drains; reclaim: %lu rounds, %lu frames\n",
            caches.frames, caches.refills, caches.drains, caches.reclaims, caches.reclaimed);
    kprintf("node zone        frames       free    min/low/high  free blocks of order 0-%u\n",
            PHYS_ORDER_MAX);
    for (uint32_t i = 0; phys_zone_stats(i, &zone); i++) {
        zone_show(&zone);
    }
}
EXO_MONITOR_COMMAND(mem, "physical memory", command_mem);

static void command_timers(uint32_t argc, const char *const *argv)
{
    const uint64_t now_ns = clock_now_ns();

    (void)argc;
    (void)argv;
    kprintf("uptime %lu.%06lu s\n", now_ns / NS_PER_S, now_ns % NS_PER_S / NS_PER_US);
    kprintf("cpu  pending      fired  interrupts  next in us\n");
    for (uint32_t cpu = 0; cpu < CPUS_MAX; cpu++) {
        struct timer_stats stats;

        if (!sched_is_online(cpu)) {
            continue;
        }
        timer_stats(cpu, &stats);
        kprintf("%3u  %7lu %10lu  %10lu  ", cpu, stats.pending, stats.fired, stats.interrupts);
        if (stats.next_ns == CLOCK_NEVER) {
            kprintf("%10s\n", "-");
        } else {
            kprintf("%10lu\n", stats.next_ns > now_ns ? (stats.next_ns - now_ns) / NS_PER_US : 0);
        }
    }
}
EXO_MONITOR_COMMAND(timers, "clock and timers of each CPU", command_timers);

static void command_bootchart(uint32_t argc, const char *const *argv)
{
    (void)argc;
    (void)argv;
    bootchart_print();
}
EXO_MONITOR_COMMAND(bootchart, "what the boot steps took", command_bootchart);

static void command_tests(uint32_t argc, const char *const *argv)
{
    (void)argc;
    kprintf("%s: not in this kernel; exo-test.elf (booted) and exo-unit (hosted) have it\n",
            argv[0]);
}
EXO_MONITOR_COMMAND_KIND(check, "run tests", command_tests, true);
EXO_MONITOR_COMMAND_KIND(bench, "run benchmarks", command_tests, true);

static void command_panic(uint32_t argc, const char *const *argv)
{
    (void)argc;
    (void)argv;
    panic("asked for at the monitor");
}
EXO_MONITOR_COMMAND(panic, "end the kernel as a fault would", command_panic);

static void command_reboot(uint32_t argc, const char *const *argv)
{
    (void)argc;
    (void)argv;
    kernel_restart();
}
EXO_MONITOR_COMMAND(reboot, "restart the machine", command_reboot);

static void command_poweroff(uint32_t argc, const char *const *argv)
{
    (void)argc;
    (void)argv;
    if (EXO_CONFIG_TEST) {
        (void)heap_leak_report();
    }
    kernel_shutdown(0);
}
EXO_MONITOR_COMMAND(poweroff, "switch the machine off (^D does too)", command_poweroff);
