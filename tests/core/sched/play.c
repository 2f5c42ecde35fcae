/*
 * tests/core/sched/play.c - workloads played by real threads in virtual time.
 *
 * Invariants:
 *   (1) between two looks of a player it was on one CPU, the one of the first look, for all the
 *       time that it ran: it looks as soon as it has a CPU again;
 *   (2) an alarm is never set beyond the end, so everybody comes to it.
 */
#include "play.h"

#include "exo/lib/assert.h"
#include "exo/lib/string.h"
#include "exo/mem/phys.h"
#include "exo_check.h"

#define SETUP_NS (20 * NS_PER_MS) /* for all threads to be made and to take their ranks */

uint64_t play_us_to_cycles(uint64_t us)
{
    return us * max_u64(hal_caps()->cycles_hz / 1000000, 1);
}

bool play_is_urgent(const struct workload_thread *spec)
{
    return spec->runtime_us != 0 || spec->class == THREAD_CLASS_FIFO ||
           spec->class == THREAD_CLASS_ROUND_ROBIN;
}

bool play_is_busy(const struct workload_thread *spec)
{
    return spec->class == THREAD_CLASS_NORMAL && spec->runtime_us == 0 && spec->sleep_us == 0 &&
           spec->bursts == 0;
}

uint64_t play_ran(const struct thread *thread, uint64_t *now)
{
    const uint32_t cpu = atomic_load_explicit(&thread->cpu, memory_order_relaxed);
    struct run_queue *const queue = &sched_cpu(cpu)->queue;
    const hal_irq_t irq = spin_lock_irq(&queue->lock);
    uint64_t ran = atomic_load_explicit(&thread->run_cycles, memory_order_relaxed);

    *now = hal_cycles();
    if (queue->current == thread && (int64_t)(*now - queue->charged_at) > 0) {
        ran += *now - queue->charged_at;
    }
    spin_unlock_irq(&queue->lock, irq);
    return ran;
}

static void wait_record(struct player *player, uint64_t cycles)
{
    struct play *const play = player->play;
    const uint32_t at = atomic_fetch_add_explicit(&play->waits, 1, memory_order_relaxed);

    if (at < PLAY_WAITS_MAX) {
        play->wait[at] = cycles;
    }
    player->waited += cycles;
    player->waited_max = max_u64(player->waited_max, cycles);
    if (play->watch != NULL && play->watch->waited != NULL) {
        play->watch->waited(player, cycles);
    }
}

/* How many cycles it takes the player on `cpu` to do `work`. */
static uint64_t cost_on(const struct player *player, uint32_t cpu, uint64_t work)
{
    return phys_node_of_cpu(cpu) == player->home
               ? work
               : work * (100 + player->play->remote_percent) / 100;
}

/* The work done in `cycles` there. */
static uint64_t work_of(const struct player *player, uint32_t cpu, uint64_t cycles)
{
    return phys_node_of_cpu(cpu) == player->home
               ? cycles
               : cycles * 100 / (100 + player->play->remote_percent);
}

/* The player has its CPU: what has happened since it looked last? Interrupts off. */
static void look(struct player *player)
{
    struct play *const play = player->play;
    const uint32_t here = hal_cpu_id();
    uint64_t now = 0;
    const uint64_t ran = play_ran(player->thread, &now);
    const uint64_t ran_since = ran - player->seen_ran;
    const uint64_t until = min_u64(now, play->ends_at);
    const uint64_t done = work_of(player, player->seen_cpu, ran_since);

    player->work -= min_u64(done, player->work);
    if (until == now) {
        player->ran += ran_since;
        player->worked += done;
    }
    if ((int64_t)(until - player->seen_at - ran_since) > 0) {
        wait_record(player, until - player->seen_at - ran_since);
    }
    if (here != player->seen_cpu) {
        player->migrations++;
        player->strays += phys_node_of_cpu(here) != phys_node_of_cpu(player->seen_cpu) ? 1 : 0;
    }
    player->seen_at = now;
    player->seen_ran = ran;
    player->seen_cpu = here;
    if (play->watch != NULL && play->watch->looked != NULL && until == now) {
        play->watch->looked(player);
    }
}

static void on_alarm(struct timer *timer)
{
    struct player *const player = container_of(timer, struct player, alarm);
    const struct play_watch *const watch = player->play->watch;

    if (clock_now_ns() < atomic_load_explicit(&player->wakes_ns, memory_order_acquire)) {
        return; /* a burst is over, or was on another CPU */
    }
    player->woken_ran = play_ran(player->thread, &player->woken_at);
    if (watch != NULL && watch->woken != NULL) {
        watch->woken(player);
    }
    atomic_store_explicit(&player->wakes_ns, CLOCK_NEVER, memory_order_relaxed);
    /* Release: with what was written about the wake-up. */
    atomic_store_explicit(&player->is_awake, true, memory_order_release);
    thread_unpark(player->thread);
}

static bool is_over(const struct player *player)
{
    return player->seen_at >= player->play->ends_at;
}

/* Sleep until `until_ns` on the clock, or the end. */
static void nap(struct player *player, uint64_t until_ns)
{
    const uint64_t wakes_ns = min_u64(until_ns, player->play->ends_ns);

    atomic_store_explicit(&player->is_awake, false, memory_order_relaxed);
    atomic_store_explicit(&player->wakes_ns, wakes_ns, memory_order_release);
    timer_arm(&player->alarm, wakes_ns);
    while (!atomic_load_explicit(&player->is_awake, memory_order_acquire)) {
        const exo_status_t status = thread_park(CLOCK_NEVER);

        KASSERT(status == EXO_OK);
    }
    const hal_irq_t irq = hal_irq_save();

    player->seen_at = player->woken_at;
    player->seen_ran = player->woken_ran;
    if (!player->has_arrived) {
        player->has_arrived = true;
        player->seen_cpu = hal_cpu_id();
        player->home = phys_node_of_cpu(player->seen_cpu);
        player->first_ran = player->woken_ran;
    }
    look(player);
    hal_irq_restore(irq);
}

/* Run until `work` cycles of work are done, or to the end. */
static void burn(struct player *player, uint64_t work)
{
    player->work = work;
    for (;;) {
        const hal_irq_t irq = hal_irq_save();

        look(player);
        if (player->work == 0 || is_over(player)) {
            hal_irq_restore(irq);
            return;
        }
        const uint64_t left = cost_on(player, player->seen_cpu, player->work);
        const uint64_t ends_ns = clock_now_ns() + clock_cycles_to_ns(left) + 1;

        timer_arm(&player->alarm, min_u64(ends_ns, player->play->ends_ns));
        hal_cpu_idle(); /* perhaps preempted, and perhaps elsewhere afterwards */
    }
}

/* Take the rank that the workload says; false if the machine cannot promise the deadlines. */
static bool rank_take(const struct workload_thread *spec)
{
    struct thread *const self = thread_current();

    if (spec->runtime_us != 0) {
        const struct thread_deadline wish = { .runtime_ns = spec->runtime_us * NS_PER_US,
                                              .deadline_ns = spec->deadline_us * NS_PER_US,
                                              .period_ns = spec->period_us * NS_PER_US };

        return thread_deadline_set(&wish) == EXO_OK;
    }
    ck_assert_int_eq(thread_class_set(self, spec->class, spec->priority), EXO_OK);
    return true;
}

static void play_bursts(struct player *player)
{
    const struct workload_thread *const spec = player->spec;
    uint64_t release_ns = player->play->begins_ns + spec->arrives_us * NS_PER_US;

    while (!is_over(player) && (spec->bursts == 0 || player->bursts < spec->bursts)) {
        const struct workload_step *const step =
            spec->step != NULL ? &spec->step[player->bursts] : NULL;
        const uint64_t sleep_us = step != NULL ? step->sleep_us : spec->sleep_us;

        burn(player, play_us_to_cycles(step != NULL ? step->burst_us : spec->burst_us));
        if (is_over(player)) {
            return;
        }
        player->bursts++;
        if (spec->runtime_us != 0) {
            player->missed += clock_now_ns() > release_ns + spec->deadline_us * NS_PER_US ? 1 : 0;
            release_ns += spec->period_us * NS_PER_US;
            nap(player, release_ns);
        } else if (sleep_us != 0 && player->bursts != spec->bursts) {
            nap(player, clock_now_ns() + sleep_us * NS_PER_US);
        }
    }
}

static void play_thread(void *arg)
{
    struct player *const player = arg;
    const struct workload_thread *const spec = player->spec;

    player->thread = thread_current();
    if (spec->affinity != 0) {
        ck_assert_int_eq(thread_affinity_set(player->thread, spec->affinity), EXO_OK);
    }
    ck_assert_int_eq(thread_nice_set(player->thread, spec->nice), EXO_OK);
    const bool is_there = rank_take(spec);

    if (is_there) {
        nap(player, player->play->begins_ns + spec->arrives_us * NS_PER_US);
        play_bursts(player);
    }
    (void)timer_cancel_sync(&player->alarm);
    if (spec->runtime_us != 0) {
        thread_deadline_clear();
    }
    atomic_fetch_add(&player->play->gone, 1);
}

static uint64_t switches_count(void)
{
    uint64_t sum = 0;

    for (uint32_t cpu = 0; cpu < CPUS_MAX; cpu++) {
        sum += sched_is_online(cpu)
                   ? atomic_load_explicit(&sched_cpu(cpu)->switches, memory_order_relaxed)
                   : 0;
    }
    return sum;
}

/* In place, by halving gaps: no recursion, no memory. */
static void sort(uint64_t *value, uint32_t count)
{
    for (uint32_t gap = count / 2; gap > 0; gap = gap == 2 ? 1 : gap * 5 / 11) {
        for (uint32_t i = gap; i < count; i++) {
            const uint64_t moving = value[i];
            uint32_t at = i;

            for (; at >= gap && value[at - gap] > moving; at -= gap) {
                value[at] = value[at - gap];
            }
            value[at] = moving;
        }
    }
}

void play_run(struct play *play)
{
    static struct thread *thread[PLAY_THREADS_MAX];
    const struct workload *const load = play->load;
    const uint64_t now_ns = clock_now_ns();

    ck_assert_uint_le(load->count, PLAY_THREADS_MAX);
    play->begins_ns = now_ns + SETUP_NS;
    play->ends_ns = play->begins_ns + load->length_us * NS_PER_US;
    play->ends_at =
        hal_cycles() + play_us_to_cycles((SETUP_NS + load->length_us * NS_PER_US) / NS_PER_US);
    atomic_store(&play->waits, 0);
    atomic_store(&play->gone, 0);
    memset(play->player, 0, sizeof(play->player));
    const uint64_t before = switches_count();

    for (uint32_t i = 0; i < load->count; i++) {
        struct player *const player = &play->player[i];
        const struct thread_spec spec = {
            .name = "player", .entry = play_thread, .arg = player, .cpu = THREAD_ANY_CPU
        };

        player->play = play;
        player->spec = &load->thread[i];
        timer_init(&player->alarm, on_alarm);
        atomic_store(&player->wakes_ns, CLOCK_NEVER);
        ck_assert_int_eq(thread_create(&spec, &thread[i]), EXO_OK);
    }
    while (atomic_load(&play->gone) < load->count) {
        thread_sleep_ns(load->length_us * NS_PER_US);
    }
    for (uint32_t i = 0; i < load->count; i++) {
        thread_join(thread[i], NULL); /* not before: they look at each other */
    }
    play->switches = switches_count() - before;
    play->wait_count = (uint32_t)min_u64(atomic_load(&play->waits), PLAY_WAITS_MAX);
    sort(play->wait, play->wait_count);
}
