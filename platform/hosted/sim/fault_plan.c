/*
 * fault_plan.c - which fault sites are armed in this run, how often they fire, and when it ends.
 *
 * Phases: BEFORE -(sim_faults_begin)-> FAULTS -(g_sim.fault_ns of virtual time)-> QUIET. In FAULTS
 * what is armed fires; in QUIET nothing does, and the machine must end, or come to rest, within
 * g_sim.rest_ns.
 * Invariant (1): the plan follows from the seed and the sites of the build; sites that the plan
 * leaves off take no draw when they are passed.
 */
#include "exo/debug/fault.h"
#include "sim.h"

extern struct fault_site *const __start_exo_fault_sites[] __attribute__((weak));
extern struct fault_site *const __stop_exo_fault_sites[] __attribute__((weak));

static bool g_begun;
static uint64_t g_quiet_ns = UINT64_MAX; /* when faults stop */
static struct sim_event g_limit;

static void rest_is_late(struct sim_event *event)
{
    (void)event;
    sim_end(3, "the system did not come to rest in time after the faults had stopped");
}

/* Swarm: a site is armed in every other run, and fires once in 10 to 10000 times. */
static void plan_draw(void)
{
    static const uint32_t rates[] = { 100000, 10000, 1000, 100 };

    for (struct fault_site *const *site = __start_exo_fault_sites; site < __stop_exo_fault_sites;
         site++) {
        const uint64_t draw = sim_draw(SIM_STREAM_PLAN);

        (*site)->per_million = (draw & 1) != 0 ? rates[draw >> 1 & 3] : 0;
    }
}

void sim_faults_begin(void)
{
    if (g_begun || g_sim.fault_ns == 0) {
        return;
    }
    g_begun = true;
    plan_draw();
    g_quiet_ns = sim_now_ns() + g_sim.fault_ns;
    g_limit.fire = rest_is_late;
    sim_event_set(&g_limit, g_quiet_ns + g_sim.rest_ns);
}

bool sim_faults_last(void)
{
    return g_begun && sim_now_ns() < g_quiet_ns;
}

/* If nothing comes before the limit, the machine has come to rest. */
bool sim_faults_rest(void)
{
    if (g_limit.place == 0 || sim_event_next_ns() < g_limit.time_ns) {
        return false;
    }
    sim_event_cancel(&g_limit);
    return sim_event_next_ns() == UINT64_MAX;
}

bool fault_fires(struct fault_site *site)
{
    if (site->per_million == 0 || !sim_faults_last() ||
        sim_draw_below(SIM_STREAM_FAULT, 1000000) >= site->per_million) {
        return false;
    }
    site->fired++;
    sim_trace(SIM_TRACE_FAULT, site->fired);
    return true;
}
