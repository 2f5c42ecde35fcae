/*
 * exo/hal/percpu.h - the head of every CPU's private block, shared by core and platforms.
 *
 * The platform owns one per CPU (x86_64: first thing in the block at GS base; hosted: first thing
 * in the CPU pthread's thread-local block) and accesses it by single instructions (hal_inline.h),
 * so that neither preemption nor migration can come between computing the address and using it.
 *
 * Preemption word: bits 0-30 count the reasons not to preempt (spinlocks, epoch sections, interrupt
 * handlers, explicit preempt_disable()); bit 31 is set while NO reschedule is asked for. So the
 * word is zero exactly when the CPU may and should switch, and preempt_enable() is one decrement
 * and a branch.
 */
#ifndef EXO_HAL_PERCPU_H
#define EXO_HAL_PERCPU_H

#include "exo/lib/types.h"

struct thread;

#define PREEMPT_NO_RESCHED 0x80000000u /* bit 31 of percpu_head.preempt */
#define PREEMPT_COUNT_MASK 0x7fffffffu

/* Offsets are part of the contract: platform assembly and inline assembly use them. */
struct percpu_head {
    struct thread *current; /* +0   the running thread; core sets it at each switch */
    uint32_t preempt;       /* +8   preemption word, see above; starts as PREEMPT_NO_RESCHED | 1 */
    uint32_t cpu;           /* +12  this CPU's index, 0 is the boot CPU; constant */
    uint32_t irq_depth;     /* +16  nesting of core_irq_enter(); own CPU only */
    uint32_t reserved;      /* +20 */
};

#define PERCPU_CURRENT   0
#define PERCPU_PREEMPT   8
#define PERCPU_CPU       12
#define PERCPU_IRQ_DEPTH 16

_Static_assert(offsetof(struct percpu_head, current) == PERCPU_CURRENT, "assembly uses it");
_Static_assert(offsetof(struct percpu_head, preempt) == PERCPU_PREEMPT, "assembly uses it");
_Static_assert(offsetof(struct percpu_head, cpu) == PERCPU_CPU, "assembly uses it");
_Static_assert(offsetof(struct percpu_head, irq_depth) == PERCPU_IRQ_DEPTH, "assembly uses it");

#endif /* EXO_HAL_PERCPU_H */
