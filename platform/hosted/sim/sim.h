/*
 * sim.h - what the files of the simulator offer each other.
 *
 * One host thread plays all CPUs. A CPU runs until it stops: at an access that the compiler's
 * instrumentation reports (hooks.c), or where it calls the HAL. Each place where it could stop is a
 * point; points are counted per CPU and are all that a run is described by. At a stop a decision is
 * made: go on, take an interrupt that is pending, or let another CPU go on.
 */
#ifndef SIM_H
#define SIM_H

#include "exo/hal.h"
#include "platform/hosted/host.h"

/* ---- random streams (stream.c) --------------------------------------------------------------- */

/* One per subsystem, so that a draw more in one leaves the others as they were. */
enum sim_stream {
    SIM_STREAM_SCHED,  /* which CPU goes on, and when */
    SIM_STREAM_FAULT,  /* which fault sites are armed, when they fire */
    SIM_STREAM_USER,   /* what the kernel gets from hal_entropy() */
    SIM_STREAM_LAYOUT, /* what new and freed memory holds */
    SIM_STREAM_DISK,   /* device models, once there are any */
    SIM_STREAM_NET,
    SIM_STREAM_PLAN, /* what the run as a whole is like */
    SIM_STREAMS
};

void sim_streams_seed(uint64_t seed);
uint64_t sim_draw(enum sim_stream stream);
uint64_t sim_draw_below(enum sim_stream stream, uint64_t bound); /* 0 .. bound - 1; bound above 0 */
uint64_t sim_stream_last(enum sim_stream stream);                /* its last draw, 0 before any */
const char *sim_stream_name(enum sim_stream stream);

/* ---- the run (run.c) ------------------------------------------------------------------------- */

enum sim_policy_kind { SIM_POLICY_UNIFORM, SIM_POLICY_PCT, SIM_POLICY_ROUND, SIM_POLICY_NONE };

/* What a run came to; two runs of one seed have the same. */
struct sim_result {
    uint64_t points;
    uint64_t events;
    uint64_t hash;
    uint64_t decisions;
    uint64_t time_ns;
    uint64_t faults;            /* bit i: fault site i fired */
    uint64_t cuts;              /* of user loops; above 0: no second run is the same */
    uint64_t last[SIM_STREAMS]; /* draw of each stream */
    int32_t status;
};

bool sim_result_same(const struct sim_result *a, const struct sim_result *b);

/* What the command line asks for. */
struct sim_options {
    uint64_t seed;
    enum sim_policy_kind policy;
    uint32_t pct_depth;        /* change points of priorities in a round */
    uint64_t points_max;       /* a run of more is taken for a livelock */
    uint64_t cuts_max;         /* and one of more cuts of user loops */
    uint64_t fault_ns;         /* faults last for so much virtual time; 0: there are none */
    uint64_t rest_ns;          /* and the system comes to rest within so much more */
    bool weak;                 /* stores in no order are seen late */
    const char *log_path;      /* write decisions here, or NULL */
    const char *replay_path;   /* take decisions from here, or NULL */
    const char *hashes_path;   /* write the rolling hash here, or NULL */
    const char *events_path;   /* write all events here, or NULL */
    const char *command;       /* that runs this again, printed when it fails */
    bool status_tells;         /* a status that is not 0 is a failure of the run */
    struct sim_result *result; /* filled in at the end, or NULL */
    bool silent;               /* nothing is printed of a run that ends with status 0 */
};

extern struct sim_options g_sim;

/* ---- virtual time and events (event.c) ------------------------------------------------------- */

/* Something that happens at a time; embedded in what it happens to. */
struct sim_event {
    uint64_t time_ns;
    uint64_t sequence; /* order among those of one time */
    uint32_t place;    /* index in the heap + 1; 0: not set */
    uint32_t cpu;
    void (*fire)(struct sim_event *event);
};

void sim_event_set(struct sim_event *event, uint64_t time_ns); /* again: moves it */
void sim_event_cancel(struct sim_event *event);
uint64_t sim_event_next_ns(void); /* UINT64_MAX: none */
void sim_events_run(uint64_t now_ns);

/* ---- points and stops (stop.c) --------------------------------------------------------------- */

/* Points left until the next stop; hooks count it down, a stop sets it anew. */
extern int64_t g_sim_countdown;

enum sim_stop_kind {
    SIM_AT_ACCESS, /* an access to memory that others may see */
    SIM_AT_CALL,   /* a call of the HAL */
    SIM_AT_PAUSE,  /* spinning: somebody else should go on */
    SIM_AT_IDLE,   /* nothing to run: somebody else must */
};

/* Where the code of the kernel is that called the function which says this: its place and its
 * frame. An interrupt taken at the stop strikes there, and not in the simulator. */
#define SIM_CALLER                                                                                 \
    ((struct sim_place){ .pc = (uintptr_t)__builtin_return_address(0),                             \
                         .frame = *(const uintptr_t *)__builtin_frame_address(0) })

struct sim_place {
    uintptr_t pc;
    uintptr_t frame;
};

void sim_stop(enum sim_stop_kind kind, struct sim_place at);
void sim_access_stop(struct sim_place at); /* what hooks call when the countdown ends */

/* A read, and a write of so many bytes, by instrumented code: the point before the access. */
void sim_read(const void *address, struct sim_place at);
void sim_write(void *address, uint32_t bytes, struct sim_place at);

/* A call of the HAL that takes `cost_ns`. */
void sim_call(uint64_t cost_ns);
void sim_ask(uint64_t cost_ns); /* one that puts no stores in order */
uint64_t sim_now_ns(void);
void sim_grant(void);  /* set the countdown for the CPU that runs now */
void sim_freeze(void); /* no more switches: the kernel reports its own end */
uint64_t sim_points(void);
uint64_t sim_decisions(void);

/* ---- policies (policy.c) --------------------------------------------------------------------- */

#define SIM_PCT_DEPTH_MAX 64u

void sim_policy_init(void);
uint64_t sim_policy_gap(void);                       /* points until the next decision */
uint32_t sim_policy_choose(enum sim_stop_kind kind); /* a ready CPU; the own one: go on */
bool sim_policy_deliver(void);                       /* take what is pending now? */
const char *sim_policy_name(enum sim_policy_kind kind);
bool sim_policy_parse(const char *name, enum sim_policy_kind *out);

/* ---- CPUs (cpu.c) ---------------------------------------------------------------------------- */

struct sim_cpu {
    struct hosted_percpu percpu;
    struct switch_words words; /* where it was left, while another runs */
    struct hal_stack stack;    /* its start-up context's */
    uint64_t points;           /* passed so far, as of the last stop */
    struct sim_event timer;
    struct sim_event ipi;
    uint32_t ipi_bits; /* on their way, arrive with the event ipi */
    uint32_t priority; /* PCT: highest runs */
} EXO_ALIGNED(CACHE_LINE);

extern struct sim_cpu g_sim_cpu[CPUS_MAX];
extern uint64_t g_sim_ready; /* CPUs that could run, one bit each */

uint32_t sim_self(void);
void sim_cpu_switch(uint32_t cpu);                /* returns when the caller is switched to again */
void sim_cpu_block(void);                         /* idle: not ready any more */
_Noreturn void sim_leave(int status);             /* end the process, from the host's own stack */
void sim_irq_arrive(uint32_t cpu, uint32_t bits); /* it waits until `cpu` takes it */
void sim_irq_take(struct sim_place at);           /* deliver what is pending; interrupts are on */

/* ---- trace and log (trace.c, log.c) ---------------------------------------------------------- */

enum sim_trace_kind {
    SIM_TRACE_SWITCH,  /* argument: CPU that goes on */
    SIM_TRACE_TAKE,    /* interrupts taken: bits */
    SIM_TRACE_ARRIVE,  /* interrupt arrived: CPU << 32 | bits */
    SIM_TRACE_TIMER,   /* deadline set */
    SIM_TRACE_OUTPUT,  /* console bytes: hash */
    SIM_TRACE_INPUT,   /* console byte */
    SIM_TRACE_FAULT,   /* a fault site fired: index */
    SIM_TRACE_ENTROPY, /* bytes given */
    SIM_TRACE_IDLE,    /* all idle: time jumps to */
};

void sim_trace_open(void);
void sim_trace(enum sim_trace_kind kind, uint64_t argument);
uint64_t sim_trace_events(void);
uint64_t sim_trace_hash(void);
void sim_trace_close(void);

#define SIM_LOG_TAKE UINT32_MAX /* decision: take what is pending; else the CPU that goes on */

void sim_log_open(void);
void sim_log_write(uint64_t points, uint32_t decision);
bool sim_log_find(uint32_t cpu, uint64_t points, uint32_t *decision); /* replay: is there one? */
uint64_t sim_log_gap(uint32_t cpu, uint64_t points); /* replay: points until the next one */
void sim_log_close(void);

/* ---- the store-order model (store.c); used if g_sim.weak ------------------------------------- */

/* What the CPU that runs does to its buffer of stores; the first two are before the access. */
void sim_store_note(volatile void *address, uint32_t bytes, bool release); /* a store is buffered */
void sim_store_settle(const volatile void *address, uint32_t bytes);       /* one is not */
void sim_store_fence(void);                         /* later ones are seen after earlier ones */
void sim_store_order(void);                         /* all are seen */
void sim_stores_switch(uint32_t from, uint32_t to); /* another CPU goes on */
void sim_stores_end(uint32_t cpu);                  /* it will not go on: all are seen */

/* ---- faults (fault_plan.c) ------------------------------------------------------------------- */

void sim_faults_begin(void); /* the plan's faults, from now on; the first call counts */
bool sim_faults_last(void);  /* they have begun and have not stopped */
bool sim_faults_rest(void);  /* all idle: true if it stays so */

/* The sites of this build, and which of the first 64 have fired. */
struct fault_site;
uint32_t sim_fault_sites(void);
const struct fault_site *sim_fault_site(uint32_t index);
uint64_t sim_faults_fired(void);

/* ---- user code (user.c) ---------------------------------------------------------------------- */

#define SIM_STATUS_CUT 4 /* of a run that went well but for user loops that had to be cut */

uint64_t sim_cuts(void); /* user loops cut so far */

/* ---- console, end ---------------------------------------------------------------------------- */

void sim_console_open(bool reading);
bool sim_console_input(void); /* all rest: let one byte in; false if there is none left */

/* Report why the run ends and how to repeat it; then end with `status`. */
_Noreturn void sim_end(int status, const char *why);
_Noreturn void sim_finish(int status); /* on the host's own stack */

#endif /* SIM_H */
