/*
 * clock.c - the virtual clock, deadlines and random bytes of the simulator.
 */
#include "sim.h"

#define WALL_START_NS   1767225600000000000ull /* 2026-01-01: runs begin on the same day */
#define CYCLES_PER_NS   3u                     /* rate of hal_cycles() */
#define CLOCK_COST_NS   20u
#define CYCLES_COST_NS  10u
#define PAUSE_COST_NS   40u
#define YIELD_COST_NS   2000u
#define TIMER_COST_NS   30u
#define ENTROPY_COST_NS 200u

static uint64_t g_advance_ns; /* what tests have added: the clock has it, the counter has not */

void hosted_clock_init(void)
{
}

uint64_t hosted_clock_hz(void)
{
    return CYCLES_PER_NS * 1000000000ull;
}

/* The time is read after the stop: in between, others may have had it pass. */
uint64_t hal_clock_ns(void)
{
    sim_ask(CLOCK_COST_NS);
    return sim_now_ns();
}

uint64_t hal_wall_clock_ns(void)
{
    return WALL_START_NS + hal_clock_ns();
}

void hosted_clock_advance(uint64_t delta_ns)
{
    g_advance_ns += delta_ns;
    sim_call(delta_ns);
}

uint64_t sim_cycles(void)
{
    sim_ask(CYCLES_COST_NS);
    return (sim_now_ns() - g_advance_ns) * CYCLES_PER_NS;
}

/* Somebody else goes on if anybody can. */
static void pause_for(uint64_t cost_ns)
{
    sim_ask(cost_ns);
    sim_stop(SIM_AT_PAUSE, SIM_CALLER);
}

void sim_pause(void)
{
    pause_for(PAUSE_COST_NS);
}

void sim_spin_yield(void)
{
    pause_for(YIELD_COST_NS);
}

void hal_timer_set(uint64_t deadline_ns)
{
    const uint32_t self = sim_self();

    hosted_cpu(self)->deadline_ns = deadline_ns;
    if (deadline_ns == HAL_TIMER_NEVER) {
        sim_event_cancel(&g_sim_cpu[self].timer);
    } else {
        sim_event_set(&g_sim_cpu[self].timer, deadline_ns);
    }
    sim_trace(SIM_TRACE_TIMER, deadline_ns);
    sim_call(TIMER_COST_NS);
}

bool hosted_timer_due(struct hosted_cpu *cpu)
{
    const bool due = cpu->deadline_ns != HAL_TIMER_NEVER && sim_now_ns() >= cpu->deadline_ns;

    if (due) {
        cpu->deadline_ns = HAL_TIMER_NEVER;
    }
    return due;
}

size_t hal_entropy(void *buf, size_t len_bytes)
{
    uint8_t *const bytes = buf;

    for (size_t i = 0; i < len_bytes; i++) {
        bytes[i] = (uint8_t)(sim_draw(SIM_STREAM_USER) >> 56);
    }
    sim_trace(SIM_TRACE_ENTROPY, len_bytes);
    sim_call(ENTROPY_COST_NS);
    return len_bytes;
}
