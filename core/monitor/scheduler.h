/*
 * scheduler.h - one line of the tables that `cpus` and `threads` show, for their tests.
 */
#ifndef MONITOR_SCHEDULER_H
#define MONITOR_SCHEDULER_H

#include "exo/sched/sched.h"
#include "exo/sched/thread.h"

#define SCHEDULER_LINE_MAX 160u

/* Write the line, without its end, to line[SCHEDULER_LINE_MAX]. */
void scheduler_cpu_line(char *line, uint32_t cpu, const struct sched_cpu_info *info);
void scheduler_thread_line(char *line, const struct thread_info *info);

#endif /* MONITOR_SCHEDULER_H */
