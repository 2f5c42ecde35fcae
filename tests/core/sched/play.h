/*
 * tests/core/sched/play.h - plays a workload with real threads under the real scheduler, on a
 * machine whose time is virtual (the simulator): nobody spins, a burst is an idle CPU whose thread
 * is charged, so a second costs what its interrupts and switches cost.
 *
 * A player runs for its burst and sleeps for its sleep, as its line of the workload says. It looks
 * at the clock whenever it gets its CPU back, so it knows each of its waits. On a CPU that is not
 * of its home node (where it ran first) its work takes longer, by as much as the play says.
 *
 * Context: one play at a time, from a test's thread.
 */
#ifndef TESTS_CORE_SCHED_PLAY_H
#define TESTS_CORE_SCHED_PLAY_H

#include "workload.h"

#define PLAY_THREADS_MAX 256u
#define PLAY_CPUS_MAX    64u
#define PLAY_URGENT_MAX  16u        /* real-time and deadline threads of a watched play */
#define PLAY_WAITS_MAX   (1u << 16) /* waits that are remembered one by one */

struct play;

/* Keys: [c] constant while players run, [s] the player itself, [w] its alarm while it sleeps, then
 * the player. Times are in cycles of hal_cycles(). */
struct player {
    struct play *play;                  /* [c] */
    const struct workload_thread *spec; /* [c] */
    struct thread *thread;              /* [s] written before the play begins */
    struct timer alarm;                 /* [s] ends bursts and sleeps */
    _Atomic uint64_t wakes_ns;          /* [s] when its sleep is over; CLOCK_NEVER: it is awake */
    _Atomic bool is_awake;              /* [w] */
    uint64_t woken_at;                  /* [w] */
    uint64_t woken_ran;                 /* [w] what it had run then */
    uint64_t seen_at;                   /* [s] when it looked last */
    uint64_t seen_ran;                  /* [s] what it had run then */
    uint32_t seen_cpu;                  /* [s] where that was */
    uint32_t home;                      /* [s] its node */
    bool has_arrived;                   /* [s] */
    uint64_t work;                      /* [s] still to do in this burst */
    uint64_t first_ran;                 /* [s] what it had run when it arrived */
    uint64_t ran;                       /* [s] since then */
    uint64_t worked;                    /* [s] of that, what it would have taken at home */
    uint64_t waited;                    /* [s] in all */
    uint64_t waited_max;                /* [s] at a stretch */
    uint64_t bursts;                    /* [s] finished */
    uint64_t migrations;                /* [s] times it found itself on another CPU */
    uint64_t strays;                    /* [s] of those, on another node */
    uint64_t missed;                    /* [s] deadlines */
    uint64_t mark_at;                   /* the watch's */
    uint64_t mark[PLAY_URGENT_MAX];     /* the watch's */
};

/* Who looks on, with interrupts off; any may be NULL. */
struct play_watch {
    void (*woken)(struct player *player);                   /* it is about to be made ready */
    void (*waited)(struct player *player, uint64_t cycles); /* it has its CPU after a wait */
    void (*looked)(struct player *player);                  /* it has its CPU; seen_* are of now */
};

struct play {
    const struct workload *load;
    const struct play_watch *watch; /* or NULL */
    uint32_t remote_percent;        /* how much longer work takes away from home */
    uint64_t begins_ns;
    uint64_t ends_ns;
    uint64_t ends_at;    /* cycles */
    uint64_t switches;   /* of all CPUs */
    uint32_t wait_count; /* the rest was not remembered; sorted after the play */
    uint64_t wait[PLAY_WAITS_MAX];
    _Atomic uint32_t waits;
    _Atomic uint32_t gone; /* players that are through */
    struct player player[PLAY_THREADS_MAX];
};

/* Play `load`; `play->load`, `watch` and `remote_percent` are set by the caller, all else is
 * written. The workload's `cpus` says nothing here: the machine's are used. */
void play_run(struct play *play);

/* What a thread has run, up to now, and when that is. */
uint64_t play_ran(const struct thread *thread, uint64_t *now);

uint64_t play_us_to_cycles(uint64_t us);

/* Is it a thread that never sleeps, of the normal class? */
bool play_is_busy(const struct workload_thread *spec);

/* Real time or deadlines: it goes before normal threads. */
bool play_is_urgent(const struct workload_thread *spec);

#endif /* TESTS_CORE_SCHED_PLAY_H */
