/*
 * core/monitor/scheduler.c - the commands `cpus` and `threads`.
 */
#include "scheduler.h"

#include "exo/debug/panic.h"
#include "exo/hal.h"
#include "exo/lib/fmt.h"
#include "exo/monitor.h"
#include "exo/time/clock.h"

#define THREADS_SHOWN_MAX 128u
#define RANK_MAX          16u

static struct thread_info g_threads[THREADS_SHOWN_MAX];

void scheduler_cpu_line(char *line, uint32_t cpu, const struct sched_cpu_info *info)
{
    (void)fmt_print(line, SCHEDULER_LINE_MAX,
                    "%3u  %5u %7u %10lu %8lu %8lu %8lu %10lu %7lu/%-7lu %s", cpu, info->ready,
                    info->movable, info->switches, info->stolen, info->moved, info->ticks,
                    info->idle_ns / NS_PER_MS, sched_latency_percentile(info, 50) / 1000,
                    sched_latency_percentile(info, 99) / 1000, info->current);
}

static void command_cpus(uint32_t argc, const char *const *argv)
{
    struct sched_cpu_info info;
    char line[SCHEDULER_LINE_MAX];

    (void)argc;
    (void)argv;
    kprintf("%s, clock %s, %u of %u CPUs online, scheduler %s\n", hal_caps()->cpu_name,
            hal_caps()->clock_name, sched_online_count(), hal_caps()->cpus, sched_policy_name());
    kprintf("cpu  ready movable   switches   stolen    moved    ticks    idle ms"
            "  wake p50/p99 us running\n");
    for (uint32_t cpu = 0; cpu < CPUS_MAX; cpu++) {
        if (sched_cpu_info(cpu, &info)) {
            scheduler_cpu_line(line, cpu, &info);
            kprintf("%s\n", line);
        }
    }
}
EXO_MONITOR_COMMAND(cpus, "processors: queues, switches, steals, moves, idle time, latency",
                    command_cpus);

/* Priority, nice, or what it was promised of each period in ms. */
static void rank_print(char *rank, const struct thread_info *info)
{
    switch (info->class) {
    case 'D':
        (void)fmt_print(rank, RANK_MAX, "%lu/%lums", info->runtime_ns / NS_PER_MS,
                        info->period_ns / NS_PER_MS);
        break;
    case 'F':
    case 'R':
        (void)fmt_print(rank, RANK_MAX, "%u", info->priority);
        break;
    default:
        (void)fmt_print(rank, RANK_MAX, "%d", info->nice);
        break;
    }
}

void scheduler_thread_line(char *line, const struct thread_info *info)
{
    char rank[RANK_MAX];

    rank_print(rank, info);
    (void)fmt_print(
        line, SCHEDULER_LINE_MAX, "%4u %3u %c     %c%c%-8s %c %8lu %9lu %7lu/%-7lu %7zu/%-7zu %s",
        info->id, info->cpu, info->state, info->class, info->is_raised ? '^' : ' ', rank,
        info->temperature, info->run_ns / NS_PER_MS, info->switches, info->latency_ns / 1000,
        info->latency_max_ns / 1000, info->stack_used_bytes, info->stack_size_bytes, info->name);
}

static void command_threads(uint32_t argc, const char *const *argv)
{
    const size_t count = thread_list(g_threads, THREADS_SHOWN_MAX);
    char line[SCHEDULER_LINE_MAX];

    (void)argc;
    (void)argv;
    kprintf("  id cpu state class rank  burst   run ms  switches  wait us/max     "
            "stack used/size name\n");
    for (size_t i = 0; i < count && i < THREADS_SHOWN_MAX; i++) {
        scheduler_thread_line(line, &g_threads[i]);
        kprintf("%s\n", line);
    }
    if (count > THREADS_SHOWN_MAX) {
        kprintf("... and %zu more\n", count - THREADS_SHOWN_MAX);
    }
}
EXO_MONITOR_COMMAND(
    threads,
    "threads: state (R running, r ready, B blocked, D dead), class (^ raised), bursts, "
    "waits, stacks",
    command_threads);
