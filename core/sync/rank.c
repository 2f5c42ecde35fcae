/*
 * core/sync/rank.c - names of the ranks, for traces.
 */
#include "exo/sync/rank.h"

#include "exo/debug/trace.h"

static const char *const g_name[RANK_COUNT] = {
    [RANK_PROC_TABLE] = "proc-table",
    [RANK_MONITOR] = "monitor",
    [RANK_KERNEL_FLUSH] = "kernel-flush",
    [RANK_KERNEL_AREA] = "kernel-area",
    [RANK_PLATFORM] = "platform",
    [RANK_TEST_LOW] = "test-low",
    [RANK_TEST_HIGH] = "test-high",
    [RANK_TEST_IRQ] = "test-irq",
    [RANK_WAIT_QUEUE] = "wait-queue",
    [RANK_WAIT_BUCKET] = "wait-bucket",
    [RANK_CONSOLE_INPUT] = "console-input",
    [RANK_INHERIT] = "inherit",
    [RANK_TIMER] = "timer",
    [RANK_THREAD] = "thread",
    [RANK_RUN_QUEUE] = "run-queue",
    [RANK_EPOCH] = "epoch",
    [RANK_HEAP] = "heap",
    [RANK_PHYS] = "phys",
    [RANK_PLATFORM_IRQ] = "platform-irq",
    [RANK_CONSOLE] = "console",
};

const char *lock_rank_name(uint32_t rank)
{
    return rank < RANK_COUNT ? g_name[rank] : NULL;
}
