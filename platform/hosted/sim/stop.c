/*
 * stop.c - points, stops, virtual time: where a CPU may be left, and what happens there.
 *
 * Invariants:
 *   (1) the time is a function of the points passed and of the costs of HAL calls; a stop that the
 *       policy asks for changes neither. So a run is repeated by repeating the decisions that
 *       differ from the default, whatever made them;
 *   (2) an event fires at the first point that is not before its time, since the countdown never
 *       reaches beyond it and everything else that moves the time is a stop itself;
 *   (3) between stops, g_granted - g_sim_countdown points were passed that no counter has yet.
 *
 * Defaults: at an access or a call the CPU goes on; when it spins or idles, the next ready CPU by
 * number goes on. Only other decisions are in the log (log.c).
 */
#include "sim.h"

#define POINT_NS 5u /* virtual time of one point; CPUs share it */

int64_t g_sim_countdown = INT64_MAX;

static int64_t g_granted = INT64_MAX;
static uint64_t g_points;
static uint64_t g_now_ns;
static uint64_t g_decisions;
static bool g_frozen;

/* Give the points passed since the last time to the CPU that passed them (3). */
static void account(void)
{
    const uint64_t passed = (uint64_t)(g_granted - g_sim_countdown);

    g_sim_cpu[sim_self()].points += passed;
    g_points += passed;
    g_now_ns += passed * POINT_NS;
    g_granted = g_sim_countdown;
}

static int64_t points_until(uint64_t time_ns)
{
    if (time_ns <= g_now_ns) {
        return 1;
    }
    return (int64_t)min_u64((time_ns - g_now_ns + POINT_NS - 1) / POINT_NS, INT64_MAX / 2);
}

void sim_grant(void)
{
    const struct sim_cpu *const cpu = &g_sim_cpu[sim_self()];
    int64_t points = INT64_MAX / 2;

    if (!g_frozen) {
        const uint64_t gap =
            g_sim.replay_path != NULL ? sim_log_gap(sim_self(), cpu->points) : sim_policy_gap();

        points = (int64_t)min_u64(gap, (uint64_t)points_until(sim_event_next_ns()));
        points = (int64_t)min_u64((uint64_t)points, g_sim.points_max + 1 - g_points);
    }
    g_granted = g_sim_countdown = points;
}

/* What a CPU does when nobody decides otherwise. */
static uint32_t decision_default(enum sim_stop_kind kind)
{
    const uint32_t self = sim_self();

    if (kind == SIM_AT_ACCESS || kind == SIM_AT_CALL) {
        return self;
    }
    for (uint32_t i = 1; i <= CPUS_MAX; i++) {
        if ((g_sim_ready >> (self + i) % CPUS_MAX & 1) != 0) {
            return (self + i) % CPUS_MAX;
        }
    }
    return self;
}

static bool can_take(enum sim_stop_kind kind)
{
    return kind != SIM_AT_IDLE && sim_percpu->irq_on != 0 &&
           atomic_load_explicit(&sim_percpu->pending, memory_order_relaxed) != 0;
}

static bool possible(uint32_t decision, enum sim_stop_kind kind)
{
    return decision == SIM_LOG_TAKE ? can_take(kind)
                                    : decision < CPUS_MAX && (g_sim_ready >> decision & 1) != 0;
}

static uint32_t decide(enum sim_stop_kind kind)
{
    const uint32_t self = sim_self();
    const uint32_t otherwise = decision_default(kind);
    uint32_t decision = otherwise;

    g_decisions++;
    if (g_sim.replay_path != NULL) {
        return sim_log_find(self, g_sim_cpu[self].points, &decision) && possible(decision, kind)
                   ? decision
                   : otherwise;
    }
    decision = can_take(kind) && sim_policy_deliver() ? SIM_LOG_TAKE : sim_policy_choose(kind);
    if (decision != otherwise) {
        sim_log_write(g_sim_cpu[self].points, decision);
    }
    return decision;
}

/* All CPUs idle: let the time jump to what happens next. */
static void rest_pass(void)
{
    while (g_sim_ready == 0) {
        const uint64_t next_ns = sim_event_next_ns();

        if (next_ns != UINT64_MAX && !sim_faults_rest()) {
            g_now_ns = max_u64(g_now_ns, next_ns);
            sim_trace(SIM_TRACE_IDLE, g_now_ns);
            sim_events_run(g_now_ns);
            continue;
        }
        sim_faults_begin(); /* it has booted */
        if (!sim_console_input()) {
            sim_end(3, "deadlock: nothing will happen any more, and nobody ended the machine");
        }
    }
}

void sim_stop(enum sim_stop_kind kind, struct sim_place at)
{
    account();
    if (kind != SIM_AT_ACCESS) {
        g_sim_cpu[sim_self()].points++;
        g_points++;
    }
    if (kind == SIM_AT_IDLE) {
        sim_store_order();
    }
    if (g_frozen) {
        sim_grant();
        return;
    }
    if (g_points > g_sim.points_max) {
        sim_end(3, "livelock: the run passed the limit of points (--points)");
    }
    sim_events_run(g_now_ns);
    rest_pass();
    const uint32_t decision = decide(kind);

    if (decision == SIM_LOG_TAKE) {
        sim_grant();
        sim_irq_take(at);
        account();
    } else if (decision != sim_self()) {
        sim_trace(SIM_TRACE_SWITCH, decision);
        sim_cpu_switch(decision);
    }
    sim_grant();
}

void sim_access_stop(struct sim_place at)
{
    sim_stop(SIM_AT_ACCESS, at);
}

void sim_call(uint64_t cost_ns)
{
    sim_store_order();
    sim_ask(cost_ns);
}

void sim_ask(uint64_t cost_ns)
{
    account();
    g_now_ns += cost_ns;
    sim_stop(SIM_AT_CALL, SIM_CALLER);
}

uint64_t sim_now_ns(void)
{
    account();
    return g_now_ns;
}

void sim_freeze(void)
{
    account();
    g_frozen = true;
    sim_grant();
}

uint64_t sim_points(void)
{
    account();
    return g_points;
}

uint64_t sim_decisions(void)
{
    return g_decisions;
}
