/*
 * policy.c - who goes on: uniform random, PCT, round robin, or nobody but whom it has to be.
 *
 *   uniform  at decisions a few points apart, any ready CPU is as likely as the others. How few is
 *            drawn for the run: some bugs want to be cut often, some want to be let run.
 *   pct      the ready CPU of the highest priority runs; priorities are drawn, and at a few random
 *            points of a round the one that runs falls below all others. A bug that needs k
 *            orderings is found in a round of n points with probability 1/(cpus * n^(k-1)) or more,
 *            so how long rounds are is drawn for the run: short ones cut often, in long ones a CPU
 *            stands still while another gets far.
 *   round    the next ready CPU in turn, every ROUND_POINTS points.
 *   none     no decisions: a CPU runs until it spins or idles. The measure of what switching finds.
 *
 * Invariant: who spins is not chosen again while somebody else is ready, so that loops which wait
 * for another CPU end under every policy. Who waits in a loop without hal_pause() is put off after
 * STUBBORN_POINTS.
 * Spec: Burckhardt, Kothari, Musuvathi, Nagarakatte, "A randomized scheduler with probabilistic
 * guarantees of finding bugs", ASPLOS 2010 (PCT).
 */
#include <string.h>

#include "sim.h"

#define ROUND_POINTS    100u
#define STUBBORN_POINTS 50000u
#define ROUND_MIN       32ull       /* pct: the shortest bound of a round's points, */
#define ROUND_SIZES     10u         /* and how many times it may be doubled, less one */
#define PRIORITY_TOP    0x80000000u /* priorities drawn at the start of a round are above */

static uint64_t g_gap_max;    /* uniform: points between decisions, at most */
static uint64_t g_round_max;  /* pct: points of a round, at most */
static uint64_t g_turn_start; /* when who runs was chosen, in points of the run */

/* A round of PCT. */
static struct {
    uint64_t end;                       /* in points of the run */
    uint64_t change[SIM_PCT_DEPTH_MAX]; /* ascending */
    uint32_t next;                      /* index of the next change */
    uint32_t lowest;                    /* the lowest priority given in this round */
} g_pct;

static const char *const g_names[] = { [SIM_POLICY_UNIFORM] = "uniform",
                                       [SIM_POLICY_PCT] = "pct",
                                       [SIM_POLICY_ROUND] = "round",
                                       [SIM_POLICY_NONE] = "none" };

const char *sim_policy_name(enum sim_policy_kind kind)
{
    return g_names[kind];
}

bool sim_policy_parse(const char *name, enum sim_policy_kind *out)
{
    for (uint32_t i = 0; i < ARRAY_COUNT(g_names); i++) {
        if (strcmp(name, g_names[i]) == 0) {
            *out = (enum sim_policy_kind)i;
            return true;
        }
    }
    return false;
}

/* Begin a round: its length, its priorities and the points where they change. */
static void pct_round(void)
{
    const uint64_t start = sim_points();
    const uint64_t length = g_round_max / 2 + 1 + sim_draw_below(SIM_STREAM_SCHED, g_round_max / 2);

    g_pct.end = start + length;
    g_pct.next = 0;
    g_pct.lowest = PRIORITY_TOP;
    for (uint32_t i = 0; i < CPUS_MAX; i++) {
        g_sim_cpu[i].priority = PRIORITY_TOP + (uint32_t)(sim_draw(SIM_STREAM_SCHED) >> 33);
    }
    for (uint32_t i = 0; i < g_sim.pct_depth; i++) {
        uint64_t at = start + sim_draw_below(SIM_STREAM_SCHED, length);

        for (uint32_t j = 0; j < i; j++) { /* insert in order */
            if (g_pct.change[j] > at) {
                const uint64_t later = g_pct.change[j];

                g_pct.change[j] = at;
                at = later;
            }
        }
        g_pct.change[i] = at;
    }
}

void sim_policy_init(void)
{
    g_gap_max = 4ull << sim_draw_below(SIM_STREAM_PLAN, 6); /* 4, 8, .. 128 */
    if (g_sim.policy == SIM_POLICY_PCT) {
        g_round_max = ROUND_MIN << sim_draw_below(SIM_STREAM_PLAN, ROUND_SIZES);
        pct_round();
    }
}

/* Put the CPU that runs below all others. */
static void pct_demote(uint32_t cpu)
{
    g_sim_cpu[cpu].priority = --g_pct.lowest;
}

/* Points left of a turn of `length`, at least 1. */
static uint64_t turn_left(uint64_t length)
{
    const uint64_t passed = sim_points() - g_turn_start;

    return passed < length ? length - passed : 1;
}

static bool turn_is_over(uint64_t length)
{
    return sim_points() - g_turn_start >= length;
}

static uint64_t pct_gap(void)
{
    const uint64_t now = sim_points();
    const uint64_t next = g_pct.next < g_sim.pct_depth ? g_pct.change[g_pct.next] : g_pct.end;

    return min_u64(next > now ? next - now : 1, turn_left(STUBBORN_POINTS));
}

uint64_t sim_policy_gap(void)
{
    switch (g_sim.policy) {
    case SIM_POLICY_UNIFORM:
        return 1 + sim_draw_below(SIM_STREAM_SCHED, g_gap_max);
    case SIM_POLICY_PCT:
        return pct_gap();
    case SIM_POLICY_ROUND:
        return turn_left(ROUND_POINTS);
    case SIM_POLICY_NONE:
    default:
        return turn_left(STUBBORN_POINTS);
    }
}

static uint32_t uniform_choose(uint64_t ready)
{
    uint64_t place = sim_draw_below(SIM_STREAM_SCHED, (uint64_t)__builtin_popcountll(ready));

    while (place-- > 0) {
        ready &= ready - 1;
    }
    return (uint32_t)__builtin_ctzll(ready);
}

static uint32_t pct_choose(uint64_t ready)
{
    const uint32_t self = sim_self();
    const uint64_t now = sim_points();
    uint32_t best = UINT32_MAX;

    if (now >= g_pct.end) {
        pct_round();
    }
    while (g_pct.next < g_sim.pct_depth && g_pct.change[g_pct.next] <= now) {
        g_pct.next++;
        pct_demote(self);
    }
    if (turn_is_over(STUBBORN_POINTS)) {
        pct_demote(self);
    }
    for (; ready != 0; ready &= ready - 1) {
        const uint32_t cpu = (uint32_t)__builtin_ctzll(ready);

        if (best == UINT32_MAX || g_sim_cpu[cpu].priority > g_sim_cpu[best].priority) {
            best = cpu;
        }
    }
    return best;
}

static uint32_t next_choose(uint64_t ready)
{
    const uint32_t self = sim_self();
    const uint64_t above = self == CPUS_MAX - 1 ? 0 : ready >> (self + 1) << (self + 1);

    return (uint32_t)__builtin_ctzll(above != 0 ? above : ready);
}

/* The own CPU until its turn of `length` is over, then the next one. */
static uint32_t turn_choose(uint64_t ready, uint64_t length)
{
    const uint32_t self = sim_self();

    return (ready >> self & 1) != 0 && !turn_is_over(length) ? self : next_choose(ready);
}

static uint32_t choose(uint64_t ready)
{
    switch (g_sim.policy) {
    case SIM_POLICY_UNIFORM:
        return uniform_choose(ready);
    case SIM_POLICY_PCT:
        return pct_choose(ready);
    case SIM_POLICY_ROUND:
        return turn_choose(ready, ROUND_POINTS);
    case SIM_POLICY_NONE:
    default:
        return turn_choose(ready, STUBBORN_POINTS);
    }
}

uint32_t sim_policy_choose(enum sim_stop_kind kind)
{
    const uint32_t self = sim_self();
    const uint64_t own = 1ull << self;
    uint64_t ready = g_sim_ready;

    if (kind == SIM_AT_PAUSE && (ready & ~own) != 0) {
        ready &= ~own;
        if (g_sim.policy == SIM_POLICY_PCT) {
            pct_demote(self);
        }
    }
    const uint32_t chosen = choose(ready);

    if (chosen != self ||
        turn_is_over(g_sim.policy == SIM_POLICY_ROUND ? ROUND_POINTS : STUBBORN_POINTS)) {
        g_turn_start = sim_points();
    }
    return chosen;
}

bool sim_policy_deliver(void)
{
    return g_sim.policy != SIM_POLICY_UNIFORM || (sim_draw(SIM_STREAM_SCHED) >> 63) != 0;
}
