/*
 * exo/sched/sched.h - the scheduler's start on each CPU, and facts about CPUs.
 */
#ifndef EXO_SCHED_SCHED_H
#define EXO_SCHED_SCHED_H

#include "exo/lib/types.h"

/* Make the context that runs on this CPU its idle thread and the CPU known to the scheduler.
 * Threads may be created afterwards; they run from sched_idle() on.
 * Context: once per CPU, interrupts off, preemption count as it starts (1). */
void sched_cpu_init(void);

/* Run threads for ever; what the start-up context of every CPU ends in.  Context: as left by
 * sched_cpu_init(). */
_Noreturn void sched_idle(void);

/* This CPU will run user code, which holds nothing of the kernel's, until sched_user_leave(): the
 * epoch scheme need not wait for it. Around hal_user_run().  Context: thread, preemption on. */
void sched_user_enter(void);
void sched_user_leave(void);

/* How many CPUs have been started; their numbers may have gaps where one did not answer. */
uint32_t sched_online_count(void);
bool sched_is_online(uint32_t cpu);

/* The policy that the command line chose (sched=NAME): "fair" or "rr". */
const char *sched_policy_name(void);

/* Does it heed classes, priorities and deadlines? Plain round robin does not. */
bool sched_heeds_classes(void);

#define SCHED_LATENCY_STEPS 40u

struct sched_cpu_info {
    char current[24]; /* name of the thread that runs there */
    uint32_t current_id;
    uint32_t ready;   /* threads that wait for this CPU */
    uint32_t movable; /* of those: that every CPU may run */
    uint64_t switches;
    uint64_t stolen; /* threads that it took from other CPUs */
    uint64_t ticks;  /* ends of time slices looked at */
    uint64_t moved;  /* cold threads that balancing gave to other CPUs */
    uint64_t idle_ns;
    uint64_t latency[SCHED_LATENCY_STEPS]; /* wake-ups that ran after 2^n to 2^(n+1) cycles */
};

/* False if `cpu` is not online. */
bool sched_cpu_info(uint32_t cpu, struct sched_cpu_info *out);

/* The latency, in ns, that `percent` (0..100) of the wake-ups counted in `info` did not exceed, to
 * a power of two of cycles; 0 if there were none. */
uint64_t sched_latency_percentile(const struct sched_cpu_info *info, uint32_t percent);

#endif /* EXO_SCHED_SCHED_H */
