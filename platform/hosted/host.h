/*
 * host.h - what the files of platform/hosted offer each other: the frontier between kernel and
 * host.
 *
 * The rule: kernel code that calls the host (libc, a system call) does so with interrupts off,
 * between host_enter() and host_exit(). So no fiber is ever suspended inside libc, where locks are
 * held and thread-local storage belongs to the pthread and not to the fiber.
 */
#ifndef HOST_H
#define HOST_H

#include <stdarg.h>

#include "exo/hal.h"
#include "exo/hal/file.h"

/* ---- calling the host --------------------------------------------------------------------- */

static inline hal_irq_t host_enter(void)
{
    return hal_irq_save();
}

static inline void host_exit(hal_irq_t irq)
{
    hal_irq_restore(irq);
}

/* Make host system call `nr`, which may block, unless an interrupt is pending for this CPU;
 * whatever comes meanwhile ends it. Returns the kernel's answer (-errno on failure); -EINTR if it
 * was not made or was cut short, without effect, because an interrupt waits: let it in
 * (hal_irq_enable) and call again. No wake-up is lost between the look at the pending mask and the
 * start of the call: a signal handler that finds the pc in between moves it to the way out. May
 * return -EINTR with nothing pending. Context: CPU pthread, interrupts off; they are still off on
 * return. */
long hosted_interruptible_syscall(long nr, long arg0, long arg1, long arg2, long arg3);

/* Wait for what the user thread behind `listener`, of host process `pid`, has to say:
 * SECCOMP_IOCTL_NOTIF_RECV into `notif`. With `interruptible` as hosted_interruptible_syscall(),
 * else as host_syscall(). In the simulator it also ends, with something pending or -ENOENT, when
 * user code loops without a call, and when the process has died. */
long hosted_user_wait(int listener, int pid, void *notif, bool interruptible);

/* A plain system call, for what libc does not wrap or what sanitizers must not see. -errno on
 * failure. */
long host_syscall(long nr, long arg0, long arg1, long arg2, long arg3);

/* Print "exo-hosted: ..." on standard error and end the process with status 2: bad options, missing
 * files, a host that refuses what the machine is made of. Before the CPUs run, or in their
 * place. */
_Noreturn void host_fail(const char *format, ...) EXO_PRINTF(1, 2);

/* ---- physical memory ---------------------------------------------------------------------- */

int hosted_ram_fd(void); /* the memfd; offset = physical address */
uint64_t hosted_ram_bytes(void);
void hosted_ram_init(uint64_t bytes);
bool hosted_under_valgrind(void);

/* ---- CPUs --------------------------------------------------------------------------------- */

/* Bits of hosted_percpu.pending. */
#define HOSTED_IRQ_TIMER                                                                           \
    0x01u /* the host timer fired, or the clock was moved: look at the deadline */
#define HOSTED_IRQ_TIMER_TEST 0x02u /* raise core_on_timer() whatever the deadline */
#define HOSTED_IRQ_RESCHED    0x04u
#define HOSTED_IRQ_CALL       0x08u
#define HOSTED_IRQ_INPUT      0x10u /* console bytes are in the ring */

/* Set bits on a CPU that has been started, and see to it that they are delivered soon. Any thread
 * of the process.  Context: any. */
void hosted_irq_raise(uint32_t cpu, uint32_t bits);

/* One simulated CPU. Keys: [c] constant once started, [o] own pthread only, [a] atomic. */
enum hosted_cpu_state {
    HOSTED_CPU_OFF,
    HOSTED_CPU_STARTING,
    HOSTED_CPU_ONLINE,
    HOSTED_CPU_STOPPED
};

struct hosted_cpu {
    _Atomic uint32_t state;       /* [a] enum hosted_cpu_state */
    int tid;                      /* [c] host thread */
    int timer;                    /* [c] host timer that signals it */
    struct hosted_percpu *percpu; /* [c] its private block */
    uintptr_t irq_pc;             /* [o] where the interrupt under way struck */
    uintptr_t irq_frame;          /* [o] the frame pointer there */
    uintptr_t irq_stack;          /* [o] the stack pointer there; 0: it was turned on by a call */
    uint64_t deadline_ns;         /* [o] what the core asked for, HAL_TIMER_NEVER if nothing */
    uint64_t armed_ns; /* [o] what the host timer is set to, HAL_TIMER_NEVER if to nothing */
    uint64_t
        retry_ns;     /* [o] the host timer signals until an interrupt was served; 0: it does not */
    void *boot_stack; /* [c] the pthread's own stack, where the idle loop runs: lowest byte */
    size_t boot_stack_bytes; /* [c] */
    void *fault_stack;       /* [c] for SIGSEGV and its kind, FAULT_STACK_BYTES long */
} EXO_ALIGNED(CACHE_LINE);

#define FAULT_STACK_BYTES (64u * 1024u)

struct hosted_cpu *hosted_cpu(uint32_t cpu);
uint32_t hosted_cpu_count(void);
void hosted_cpu_init(uint32_t count, bool pin);

/* Make the boot CPU's thread and let it run core_main(info). */
struct boot_info;
void hosted_cpu_boot(const struct boot_info *info);

/* Stop all CPUs but `survivor` (HOSTED_NO_CPU: all) for good, whatever they do; those that do not
 * answer in 100 ms are left to themselves. */
#define HOSTED_NO_CPU CPUS_MAX /* the "CPU index" of threads that are no CPUs */
void hosted_cpu_stop_all(uint32_t survivor);
void hosted_cpu_wait_stopped(uint32_t survivor);

/* Signals of the machine itself, on CPU threads only. */
#define HOSTED_SIGNAL_IPI   SIGUSR1
#define HOSTED_SIGNAL_TIMER SIGALRM

void hosted_signals_init(void); /* install the handlers; once, before the first CPU */
void hosted_fault_init(void);   /* the same for SIGSEGV and its kind */
void hosted_restorer(void);     /* how handlers return (irq_entry.c) */

/* What a handler leaves behind, in its frame's uc_link. */
#define HOSTED_LEAVE_OFF  0           /* the interrupt flag stays as it is, off */
#define HOSTED_LEAVE_ON   1           /* interrupts on, whatever is pending */
#define HOSTED_LEAVE_LOOK 2           /* serve what is pending, then interrupts on */
_Noreturn void hosted_cpu_park(void); /* what a stopped CPU does */

/* Install `handler` for `signal` by the system call itself, past sanitizers' interceptors. */
void host_signal_install(int signal, unsigned long flags, void (*handler)(int, void *, void *),
                         void (*restorer)(void));

/* ---- time --------------------------------------------------------------------------------- */

void hosted_caps_init(uint32_t cpus);           /* what hal_caps() tells */
uint8_t hosted_fill_mask(void);                 /* what boot_info.fill_mask is to be */
void hosted_clock_init(void);                   /* the clock starts at 0 here; later calls: no-op */
uint64_t hosted_clock_hz(void);                 /* rate of hal_cycles() */
void hosted_clock_advance(uint64_t delta_ns);   /* test hook's half */
void hosted_timer_init(struct hosted_cpu *cpu); /* own pthread */
bool hosted_timer_due(struct hosted_cpu *cpu);  /* true once per deadline that has passed */
void hosted_timer_retry(uint32_t cpu); /* signal this CPU until it serves interrupts; own pthread */

/* ---- console and end ---------------------------------------------------------------------- */

/* Write to the process's standard output or error; whose reader is gone, the machine ends. */
void hosted_write(enum hal_stream stream, const char *bytes, size_t len_bytes);

/* host_fail()'s part that all programs share: the terminal as it was, the text with a name. */
void hosted_fail_tell(const char *program, const char *format, va_list args);

void hosted_terminal_init(bool raw); /* raw: byte by byte, if it is a terminal */
void hosted_console_deliver(void);   /* hand what was read to the core; in interrupt context */
bool hosted_console_read(void);      /* housekeeper: standard input is readable; false at its end */
bool hosted_console_has_room(void);
void hosted_terminal_restore(void);
void hosted_terminal_raw(void);

/* Where `file` goes (NULL: nowhere); fails as options do.  Context: before the CPUs run. */
void hosted_file_open(enum hal_file file, const char *path);

void hosted_housekeeper_init(bool read_input, char **restart_argv);
_Noreturn void hosted_housekeeper_end_by(int signal); /* end as if killed by it */
void hosted_housekeeper_wake(void);                   /* any thread, signal handlers too */
_Noreturn void hosted_housekeeper_run(void);

/* ---- tests -------------------------------------------------------------------------------- */

/* True if this acquisition is the one that hal_test_fail_after() chose. To be asked once by every
 * function that makes a stack, a space or a user context. */
bool hosted_test_should_fail(void);

#endif /* HOST_H */
