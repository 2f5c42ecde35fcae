/*
 * fault_plan.c - which fault sites are armed in this run, how often they fire, and when it ends.
 *
 * Phases: BEFORE -(sim_faults_begin)-> FAULTS -(g_sim.fault_ns of virtual time)-> QUIET. In FAULTS
 * sites fire as planned; in QUIET none does, and the machine must end, or come to rest, within
 * g_sim.rest_ns.
 * Invariant (1): the plan follows from the seed and the sites of the build; sites that the plan
 * leaves off take no draw when they are passed.
 */
#include "exo/debug/fault.h"
#include "exo/time/clock.h"
#include "sim.h"

#define RARE_PER_MILLION  500u   /* up to eight times that */
#define OFTEN_PER_MILLION 30000u /* and that */
#define NTH_MAX           64u    /* of one time alone; a power of two */

#define REST_GAP_NS (1 * NS_PER_S)

enum rate { RATE_NEVER, RATE_RARE, RATE_OFTEN, RATE_ONCE };

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

/* Swarm: each site is of a class of its own. What fails all the time hides what lies behind the
 * first failure, what fails seldom meets no rare path, and some bugs want one failure alone. */
static void site_draw(struct fault_site *site)
{
    const uint64_t draw = sim_draw(SIM_STREAM_PLAN);
    const uint32_t part = (uint32_t)(draw >> 8 & 3);

    site->per_million = 0;
    site->nth = 0;
    switch ((enum rate)(draw & 3)) {
    case RATE_NEVER:
        break;
    case RATE_RARE:
        site->per_million = RARE_PER_MILLION << part;
        break;
    case RATE_OFTEN:
        site->per_million = OFTEN_PER_MILLION << part;
        break;
    case RATE_ONCE:
        site->nth = 1 + (uint32_t)(draw >> 16 & ((NTH_MAX >> part) - 1));
        break;
    }
}

uint32_t sim_fault_sites(void)
{
    return (uint32_t)(__stop_exo_fault_sites - __start_exo_fault_sites);
}

const struct fault_site *sim_fault_site(uint32_t index)
{
    return __start_exo_fault_sites[index];
}

uint64_t sim_faults_fired(void)
{
    uint64_t fired = 0;

    for (uint32_t i = 0; i < sim_fault_sites() && i < 64; i++) {
        fired |= sim_fault_site(i)->fired != 0 ? 1ull << i : 0;
    }
    return fired;
}

static void plan_draw(void)
{
    for (uint32_t i = 0; i < sim_fault_sites(); i++) {
        site_draw(__start_exo_fault_sites[i]);
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

/* All idle and nothing due for REST_GAP_NS is rest. Who does something at shorter intervals goes on
 * into the limit, which is itself an event. */
bool sim_faults_rest(void)
{
    if (g_limit.place == 0 || sim_event_next_ns() - sim_now_ns() < REST_GAP_NS) {
        return false;
    }
    sim_event_cancel(&g_limit);
    return sim_event_next_ns() == UINT64_MAX;
}

static bool fires_now(struct fault_site *site)
{
    if (site->nth != 0) {
        return ++site->passed == site->nth;
    }
    return site->per_million != 0 && sim_draw_below(SIM_STREAM_FAULT, 1000000) < site->per_million;
}

bool fault_fires(struct fault_site *site)
{
    if (!sim_faults_last() || !fires_now(site)) {
        return false;
    }
    site->fired++;
    sim_trace(SIM_TRACE_FAULT, site->fired);
    return true;
}
