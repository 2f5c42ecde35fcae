/*
 * tests/core/sched/test_bounds.c - the bounds of docs/sched.md, on workloads drawn from the run's
 * seed, played in virtual time (the simulator alone has it).
 *
 * Looked at: every wait of every normal thread, at its end; the virtual times of any two threads
 * that never sleep on one CPU, whenever one of them has its CPU; every deadline of every thread
 * that was promised one; how much of a wait was real time's.
 */
#include "exo/debug/log.h"
#include "exo/lib/string.h"
#include "exo_check.h"
#include "fair.h"
#include "limit.h"
#include "play.h"
#include "workload_seeded.h"

/* What the simulator's kernel takes: interrupts, switches, other CPUs' turns at the one clock. */
#define OVERHEAD_US 1000u

static struct play g_play;
static struct workload g_load;
static struct player *g_urgent[PLAY_URGENT_MAX];
static uint32_t g_urgent_count;
static int64_t g_lead[SEEDED_THREADS_MAX][SEEDED_THREADS_MAX]; /* when they met */
static bool g_have_met[SEEDED_THREADS_MAX][SEEDED_THREADS_MAX];
static uint64_t g_closest; /* the wait nearest to its bound, percent of that */

static uint64_t bucket_cycles(void)
{
    return 1ull << g_fair_bucket_shift;
}

static uint64_t inverse_of(const struct player *player)
{
    return sched_inverse_weight(player->spec->nice);
}

/* The longest turn of a normal thread while others wait: its slice by its weight, ended by the
 * tick that is nearest to it, but by the first one at the earliest. */
static uint64_t turn_cycles(const struct player *player)
{
    const uint64_t inverse = max_u64(inverse_of(player), 1u << FAIR_INVERSE_SHIFT);
    const uint64_t slice_us = (8000u << FAIR_INVERSE_SHIFT) / inverse;
    const uint64_t tick_us = FAIR_TICK_NS / NS_PER_US;

    return play_us_to_cycles(max_u64(slice_us + tick_us / 2, tick_us) + OVERHEAD_US);
}

/* The virtual length of that, as far as the ring remembers it. */
static uint64_t turn_virtual(const struct player *player)
{
    return min_u64(turn_cycles(player) * inverse_of(player) >> FAIR_INVERSE_SHIFT,
                   BUCKETS * bucket_cycles());
}

static bool is_normal(const struct player *player)
{
    return !play_is_urgent(player->spec) && player->spec->class == THREAD_CLASS_NORMAL;
}

static bool may_run_on(const struct player *player, uint32_t cpu)
{
    return player->thread != NULL && thread_allows(player->thread, cpu);
}

/* How long may it have waited on `cpu` for other normal threads? */
static uint64_t wait_bound(const struct player *player, uint32_t cpu)
{
    const uint64_t distance = turn_virtual(player) + 6 * bucket_cycles();
    uint64_t sum = play_us_to_cycles(OVERHEAD_US);

    for (uint32_t i = 0; i < g_load.count; i++) {
        const struct player *const other = &g_play.player[i];

        if (other != player && is_normal(other) && may_run_on(other, cpu)) {
            sum += (distance << FAIR_INVERSE_SHIFT) / inverse_of(other) + turn_cycles(other);
        }
    }
    return sum;
}

static void urgent_mark(struct player *player)
{
    uint64_t now = 0;

    for (uint32_t i = 0; is_normal(player) && i < g_urgent_count; i++) {
        player->mark[i] = play_ran(g_urgent[i]->thread, &now);
    }
}

/* Can it have waited on this CPU only? */
static bool is_bound(const struct player *player)
{
    return hal_caps()->cpus == 1 || player->thread->entity.reach == REACH_ONE;
}

/* What urgent threads, each of one CPU, have run since the mark that `player` may have met, or only
 * real time. */
static uint64_t urgent_since(const struct player *player, uint32_t cpu, bool real_time)
{
    uint64_t sum = 0;
    uint64_t now = 0;

    for (uint32_t i = 0; i < g_urgent_count; i++) {
        if ((!real_time || g_urgent[i]->spec->runtime_us == 0) &&
            (!is_bound(player) || g_urgent[i]->seen_cpu == cpu)) {
            sum += play_ran(g_urgent[i]->thread, &now) - player->mark[i];
        }
    }
    return sum;
}

static void bounds_waited(struct player *player, uint64_t cycles)
{
    const uint32_t cpu = hal_cpu_id();

    if (!is_normal(player)) {
        return;
    }
    const uint64_t urgent = urgent_since(player, cpu, false);
    const uint64_t real_time = urgent_since(player, cpu, true);
    const uint64_t others = cycles - min_u64(urgent, cycles);
    /* Who is moved to another CPU's queue begins its wait anew there: once is allowed for. */
    const uint64_t bound = wait_bound(player, cpu) * (is_bound(player) ? 1 : 2);

    g_closest = max_u64(g_closest, others * 100 / bound);
    ck_assert_msg(others <= bound, "player %u (nice %d) waited for %llu us on CPU %u, bound %llu",
                  (uint32_t)(player - g_play.player), player->spec->nice,
                  (unsigned long long)(clock_cycles_to_ns(others) / NS_PER_US), cpu,
                  (unsigned long long)(clock_cycles_to_ns(bound) / NS_PER_US));
    /* 95 ms and a tick at most, and as much again for every 5 ms that others had. */
    ck_assert_msg(!is_bound(player) ||
                      real_time <= play_us_to_cycles(97000 + OVERHEAD_US) + others * 98 / 5,
                  "real time took %llu us of a wait of %llu",
                  (unsigned long long)(clock_cycles_to_ns(real_time) / NS_PER_US),
                  (unsigned long long)(clock_cycles_to_ns(cycles) / NS_PER_US));
}

/* Are both bound to the same CPU? */
static bool are_neighbours(const struct player *one, const struct player *other)
{
    return hal_caps()->cpus == 1 ||
           (one->spec->affinity != 0 && one->spec->affinity == other->spec->affinity);
}

static int64_t virtual_of(const struct player *player)
{
    return (int64_t)(atomic_load_explicit(&player->thread->run_cycles, memory_order_relaxed) *
                         inverse_of(player) >>
                     FAIR_INVERSE_SHIFT);
}

/* Whoever is ahead of whom stays within what two turns and the buckets explain. */
static void shares_check(const struct player *player, const struct player *other)
{
    const uint32_t i = (uint32_t)(player - g_play.player);
    const uint32_t k = (uint32_t)(other - g_play.player);
    const int64_t lead = virtual_of(player) - virtual_of(other);

    if (!g_have_met[i][k]) {
        g_have_met[i][k] = true;
        g_lead[i][k] = lead;
        return;
    }
    const int64_t grown = lead > g_lead[i][k] ? lead - g_lead[i][k] : g_lead[i][k] - lead;
    const uint64_t bound = turn_virtual(player) + turn_virtual(other) + 6 * bucket_cycles();

    ck_assert_msg((uint64_t)grown <= bound, "players %u and %u drift apart by %lld us, bound %llu",
                  i, k, (long long)(clock_cycles_to_ns((uint64_t)grown) / NS_PER_US),
                  (unsigned long long)(clock_cycles_to_ns(bound) / NS_PER_US));
}

static void bounds_looked(struct player *player)
{
    ck_assert_ptr_eq(entity_home(&player->thread->entity), &sched_cpu(hal_cpu_id())->queue);
    urgent_mark(player);
    for (uint32_t i = 0; play_is_busy(player->spec) && i < g_load.count; i++) {
        const struct player *const other = &g_play.player[i];

        if (other != player && play_is_busy(other->spec) && other->has_arrived &&
            are_neighbours(player, other)) {
            shares_check(player, other);
        }
    }
}

static const struct play_watch g_watch = { .woken = urgent_mark,
                                           .waited = bounds_waited,
                                           .looked = bounds_looked };

static void bounds_hold(uint64_t seed)
{
    workload_seeded(seed, hal_caps()->cpus, &g_load);
    g_play.load = &g_load;
    g_play.watch = &g_watch;
    g_urgent_count = 0;
    for (uint32_t i = 0; i < g_load.count; i++) {
        if (play_is_urgent(&g_load.thread[i])) {
            g_urgent[g_urgent_count++] = &g_play.player[i];
        }
    }
    memset(g_have_met, 0, sizeof(g_have_met));
    g_closest = 0;
    play_run(&g_play);
    for (uint32_t i = 0; i < g_load.count; i++) {
        ck_assert_uint_eq(g_play.player[i].missed, 0);
    }
    klog(KLOG_INFO, "test",
         "bounds hold threads=%u urgent=%u length_us=%llu waits=%u closest=%llu%%", g_load.count,
         g_urgent_count, (unsigned long long)g_load.length_us, atomic_load(&g_play.waits),
         (unsigned long long)g_closest);
}

START_TEST(bounds_hold_for_a_seeded_workload)
{
    uint64_t seed = 0;

    if (sched_heeds_classes()) {
        ck_assert_uint_eq(hal_entropy(&seed, sizeof(seed)), sizeof(seed));
        bounds_hold(seed);
    }
}
END_TEST

EXO_SUITE(sched_bounds, EXO_TEST_TIMED(bounds_hold_for_a_seeded_workload, 600))
