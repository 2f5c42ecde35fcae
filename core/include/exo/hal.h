/*
 * exo/hal.h - what a platform implements for the core, and what the core offers to the platform.
 *
 * Link-time functions: a missing one fails the link. Those on hot paths are inline, in the
 * platform's hal_inline.h, found by include path; their contracts stand here, at the end. User mode
 * and address spaces: exo/hal/user.h. Test hooks: exo/hal/test.h.
 */
#ifndef EXO_HAL_H
#define EXO_HAL_H

#include "exo/abi/status.h"
#include "exo/hal/boot_info.h"
#include "exo/hal/percpu.h"
#include "exo/lib/types.h"

/* ---- CPUs ------------------------------------------------------------------------------------ */

enum hal_ipi {
    HAL_IPI_RESCHED, /* look at the run queue */
    HAL_IPI_CALL,    /* run what was queued for this CPU */
};

struct hal_caps {
    const char *cpu_name;   /* vendor and model, NUL-terminated */
    const char *clock_name; /* "tsc", "hpet", "acpi_pm", "host" */
    uint64_t cycles_hz;     /* rate of hal_cycles() */
    uint32_t cpus;          /* CPUs that can be started, the boot CPU included */
    bool can_poweroff;
};

const struct hal_caps *hal_caps(void);

/* Start CPU `cpu`; it comes up in core_cpu_main(cpu), interrupts off, on its own idle stack.
 * Context: thread, may block until the CPU has answered.  Errors: EXO_ERR_INVALID (no such CPU),
 * EXO_ERR_TIMED_OUT (it did not answer; it stays off). */
EXO_MUST_CHECK exo_status_t hal_cpu_start(uint32_t cpu);

/* Raise an interrupt on an online CPU, the own one included: core_on_ipi(kind) runs there. Several
 * of one kind may merge.  Context: any but NMI. */
void hal_cpu_send_ipi(uint32_t cpu, enum hal_ipi kind);

/* Called with interrupts off and nothing to run: enable interrupts and wait in one step, so that
 * none is slept through; return with interrupts on after at least one was taken. Uses no host
 * CPU. */
void hal_cpu_idle(void);

/* Stop every other CPU for good, whatever it does (panic). Returns when they have stopped or after
 * 100 ms.  Context: any. */
void hal_cpu_stop_others(void);

/* Stop this CPU for good, interrupts off. */
_Noreturn void hal_cpu_halt(void);

/* Where a hard interrupt struck kernel code. */
struct hal_interrupted {
    uintptr_t pc;
    uintptr_t caller; /* return address of a function without a frame of its own; 0: not known */
    uintptr_t frame;  /* frame pointer, from which backtrace_walk() goes on */
};

/* Where the one that this CPU serves struck. False if that was user code.  Context: inside
 * core_irq_enter() and core_irq_exit(). */
bool hal_irq_interrupted(struct hal_interrupted *out);

/* ---- kernel stacks and contexts ------------------------------------------------------------- */

/* A kernel stack with an unmapped guard page below base. */
struct hal_stack {
    void *base;        /* lowest usable byte */
    size_t size_bytes; /* 16 KiB on x86_64; hosted 64 KiB, 128 KiB with sanitizers */
};

/* Context: thread, preemption on (may map).  Errors: EXO_ERR_NO_MEMORY. */
EXO_MUST_CHECK exo_status_t hal_stack_create(struct hal_stack *out);
void hal_stack_destroy(struct hal_stack *stack);

/* Name the thread stack whose guard page holds `addr`, for the fault report: true if it is a guard
 * page of a live stack, whose base is then stored. */
bool hal_stack_guard_hit(vaddr_t addr, void **stack_base);

struct hal_context; /* two words and, hosted, what sanitizers need; layout in hal_inline.h */

/* Prepare `context` so that the first switch to it calls entry(arg) on `stack`, interrupts off.
 * Entry never returns. The CPU's own start-up context needs no init: it is filled by the first
 * switch away. */
void hal_context_init(struct hal_context *context, const struct hal_stack *stack,
                      void (*entry)(void *arg), void *arg);

/* Forget a context that will never be switched to again; its stack may be reused after. Not
 * current. */
void hal_context_fini(struct hal_context *context);

/* hal_context_switch(from, to), inline below: save this context in `from`, go on in `to`.
 * Interrupts are off on entry and on return; callee-saved registers live on the stack; no vector
 * state. May return on another CPU: read per-CPU data again.
 *
 * Leave `from` for `to` in the same way, for good (a thread's last switch): sanitizers let its
 * stack go. */
_Noreturn void hal_context_leave(struct hal_context *from, struct hal_context *to);

/* ---- time ------------------------------------------------------------------------------------ */

/* Nanoseconds since the kernel's first instruction. Monotonic on each CPU and across CPUs.  Any
 * context. */
uint64_t hal_clock_ns(void);

/* Nanoseconds since 1970-01-01 UTC.  Any context. */
uint64_t hal_wall_clock_ns(void);

/* Ask for one core_on_timer() on this CPU at or after `deadline_ns` (hal_clock_ns scale); replaces
 * the former deadline; one in the past fires at once; HAL_TIMER_NEVER disarms.  Context: interrupts
 * off. */
#define HAL_TIMER_NEVER UINT64_MAX
void hal_timer_set(uint64_t deadline_ns);

/* ---- console, entropy, end
 * --------------------------------------------------------------------- */

enum hal_stream {
    HAL_STREAM_OUT, /* first serial line and screen; the host's standard output */
    HAL_STREAM_ERR, /* second serial line if there is one, else as OUT; the host's stderr */
};

/* Write bytes as they are, no translation. Any context, panic and NMI included; lines of two CPUs
 * may interleave only at calls. Input arrives by core_on_console_input(). */
void hal_console_write(enum hal_stream stream, const char *bytes, size_t len_bytes);

/* Fill buf[len_bytes] with bytes from the machine's random source; returns how many were filled
 * (0: it has none). */
size_t hal_entropy(void *buf, size_t len_bytes);

/* End the machine: hosted exits with `status` (0-255); x86_64 reports it to the emulator's test
 * device if there is one, else powers off.  Context: any, interrupts in any state. */
_Noreturn void hal_shutdown(int status);
_Noreturn void hal_restart(void);

/* ---- up-calls: defined by the core, called by the platform
 * ------------------------------------- */

/* Boot CPU: interrupts off, the whole direct map usable, console output usable, percpu head set. */
_Noreturn void core_main(const struct boot_info *info);
_Noreturn void core_cpu_main(uint32_t cpu); /* every other CPU, as above */

/* Bracket every hard interrupt handler, interrupts off. core_irq_exit() comes after the interrupt
 * controller was told (EOI) and may switch threads: it can return on another CPU. */
void core_irq_enter(void);
void core_irq_exit(void);

void core_on_timer(void);            /* inside enter/exit: this CPU's deadline has passed */
void core_on_ipi(enum hal_ipi kind); /* inside enter/exit */
void core_on_console_input(const char *bytes,
                           size_t len_bytes); /* inside enter/exit, any one CPU */

/* A platform that can answer a system call without ending hal_user_run() may ask for it: number
 * `nr` has bit 30 set; the first two arguments, which are all that such a call may have. False:
 * take the long way, nothing has happened.
 * Context: the thread that is in hal_user_run(), interrupts off, not inside enter/exit. */
bool core_on_fast_call(uint32_t nr, uint64_t arg0, uint64_t arg1, uint64_t *result);

/* ---- inline, from the platform's hal_inline.h --------------------------------------------------
 *
 * uint32_t hal_cpu_id(void)              index of this CPU; stable only with preemption off
 * struct thread *hal_current(void)       percpu_head.current, one instruction
 * void hal_current_set(struct thread *)  interrupts off
 * bool hal_irq_nested(void)              percpu_head.irq_depth is not 0, one instruction
 * void hal_preempt_inc(void)             percpu_head.preempt += 1, one instruction
 * bool hal_preempt_dec(void)             -= 1, one instruction; true if the word is now 0
 * uint32_t hal_preempt_word(void)
 * void hal_resched_set(void), _clear(void)  clear / set PREEMPT_NO_RESCHED, one instruction each
 * struct percpu_head *hal_percpu(void)   the whole head; interrupts or preemption off
 *
 * hal_irq_t hal_irq_save(void)           interrupts off; returns the former state
 * void hal_irq_restore(hal_irq_t)
 * bool hal_irq_enabled(void)
 * void hal_irq_enable(void), hal_irq_disable(void)
 *
 * void hal_context_switch(struct hal_context *from, struct hal_context *to)
 *
 * uint64_t hal_cycles(void)              free-running counter, not ordered with other instructions
 * uint64_t hal_cycles_ordered(void)      the same, after all earlier and before all later ones
 * void hal_pause(void)                   spin-wait hint
 * void hal_spin_yield(void)              for who has spun for long: hosted, the host may run
 *                                        another thread first; interrupts stay as they are
 * void *hal_phys_to_virt(paddr_t)        the direct map
 * paddr_t hal_virt_to_phys(const void *) of an address in the direct map
 *
 * hal_pte_t; hal_pte_make(paddr, flags), hal_pte_table(paddr), hal_pte_paddr(pte),
 * hal_pte_flags(pte), hal_pte_present(pte), hal_pte_is_leaf(pte, level)
 *                                        page-table entries, flags of exo/mem/pt.h
 *
 * void hal_mem_allocated(void *, size_t), hal_mem_freed(void *, size_t)
 *                                        tell ASan and Valgrind what an allocator handed out
 * struct hal_context, struct hal_user_regs  layouts
 */
#include "hal_inline.h"

#endif /* EXO_HAL_H */
