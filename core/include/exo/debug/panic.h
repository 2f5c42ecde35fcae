/*
 * exo/debug/panic.h - the end of the kernel, told as well as it can be: reason, backtrace, other
 * CPUs stopped, the last log records. Also symbolised backtraces for anybody.
 */
#ifndef EXO_DEBUG_PANIC_H
#define EXO_DEBUG_PANIC_H

#include "exo/lib/types.h"

/* Stop other CPUs, print the reason and a backtrace, end the machine with PANIC_STATUS. A second
 * CPU that panics meanwhile halts; a panic inside panic prints one line and ends.
 * Context: any. */
#define PANIC_STATUS 134 /* exit status of a machine that panicked */
_Noreturn void panic(const char *format, ...) EXO_PRINTF(1, 2);

/* The same for a fault: backtrace from the given frame pointer and pc instead of the caller's. */
_Noreturn void panic_at(uintptr_t pc, uintptr_t frame, const char *format, ...) EXO_PRINTF(3, 4);

/* Store the return addresses of the frames from frame pointer `frame` on, innermost first, at most
 * `max`; returns how many. Stops where backtrace_print() does. */
size_t backtrace_walk(uintptr_t frame, uintptr_t *pc, size_t max);

/* Print "  #0 0x... name+0x12" lines from `pc` and frame pointer `frame`; stops at the first frame
 * that leaves the stack it began on or goes down. At most 32 lines. */
void backtrace_print(uintptr_t pc, uintptr_t frame);

/* The stack that holds `address`, as far as it is known to be mapped: backtraces stay inside it.
 * False if nobody knows.  Defined by sched. */
bool debug_stack_bounds(uintptr_t address, uintptr_t *low, uintptr_t *high);

/* The name of the thread that runs on this CPU, "-" before there is one. Defined by sched. */
const char *debug_thread_name(void);

/* Find the function that holds `pc`: its name and the offset into it, or NULL. The table is
 * generated at link time (tools/mksyms). */
const char *symbol_find(uintptr_t pc, uintptr_t *offset);

/* True once any CPU has begun to panic: checks that could panic themselves stand back. */
bool panic_is_under_way(void);

/* Test builds: call hook(reason) on the CPU and the stack that panic, before anything else happens;
 * if it returns, the panic goes on. NULL removes it. tests/include/exo_panic.h is made of this. */
void panic_test_hook_set(void (*hook)(const char *reason));

/* Write formatted text to the console at once, past log and levels: to HAL_STREAM_OUT, once a panic
 * has begun to HAL_STREAM_ERR. Any context. */
void kprintf(const char *format, ...) EXO_PRINTF(1, 2);

#endif /* EXO_DEBUG_PANIC_H */
