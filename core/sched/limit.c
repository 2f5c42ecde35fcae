/*
 * core/sched/limit.c - the debt of real-time threads.
 *
 * Invariants while the queue's lock is free:
 *   (1) debt is at most g_most; is_limited is set when it gets there and cleared when it is zero;
 *   (2) with the limit off, both stay zero.
 */
#include "limit.h"

#include "exo/debug/boot.h"
#include "exo/lib/number.h"

static uint32_t g_percent = LIMIT_DEFAULT;
static uint64_t g_most; /* cycles */

void sched_limit_init(void)
{
    g_most =
        max_u64(hal_caps()->cycles_hz / 1000000, 1) * (LIMIT_PERIOD_NS / 1000) / 100 * g_percent;
}

void sched_limit_set(uint32_t percent)
{
    g_percent = percent;
    sched_limit_init();
}

uint32_t sched_limit_get(void)
{
    return g_percent;
}

static exo_status_t param_rt_limit(const char *value)
{
    uint32_t percent = 0;
    const exo_status_t status = number_parse_max(value, LIMIT_OFF, &percent);

    if (status != EXO_OK || percent < LIMIT_PERCENT_MIN) {
        return EXO_ERR_INVALID;
    }
    g_percent = percent;
    return EXO_OK;
}
EXO_BOOT_PARAM(rt_limit, "rt-limit",
               "percent of a CPU that real-time threads may take from normal ones: 95, 100 is all",
               param_rt_limit);

void sched_limit_charge(struct run_queue *queue, uint64_t cycles, bool is_real_time)
{
    if (is_real_time) {
        queue->debt = g_percent == LIMIT_OFF ? 0 : min_u64(queue->debt + cycles, g_most);
        queue->is_limited = queue->is_limited || (queue->debt != 0 && queue->debt == g_most);
    } else if (queue->debt != 0) {
        const uint64_t paid = cycles * g_percent / (LIMIT_OFF - min_u64(g_percent, LIMIT_OFF - 1));

        queue->debt -= min_u64(paid, queue->debt);
        queue->is_limited = queue->is_limited && queue->debt != 0;
    }
}
