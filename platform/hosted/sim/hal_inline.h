/*
 * hal_inline.h (simulator) - the inline part of the HAL on simulated CPUs that share one host
 * thread.
 *
 * The private block of the CPU that runs is found through one global pointer, which changes when
 * another CPU goes on. All of it is assembly: the compiler's instrumentation does not see these
 * accesses, which no other CPU makes, and no CPU is left in the middle of them. What asks the
 * machine something (clock, counter, spin-wait) is a call, a place where another CPU may go on.
 * Contracts: exo/hal.h, at the end.
 */
#ifndef HAL_INLINE_H
#define HAL_INLINE_H

#include <stdatomic.h>

#include "exo/config.h"
#include "exo/hal/percpu.h"
#include "exo/lib/types.h"
#include "platform/common/pte.h"
#include "platform/common/switch.h"
#include "platform/common/user_regs.h"
#include "platform/hosted/build_kind.h"

#define HOSTED_MEM_WATCH EXO_CONFIG_DEBUG

#define HOSTED_RAM_BASE 0x550000000000ull /* where the memfd that is physical memory is mapped */

/* Kernel stacks lie at fixed addresses, each in an aligned slot of a power of two: so that "on my
 * own stack" is one comparison (hooks.c), and pointers are the same in every run. */
#define HOSTED_STACKS_BASE       0x570000000000ull
#define HOSTED_STACK_GUARD_BYTES (64u * 1024u)

/* The private block of one simulated CPU. */
struct hosted_percpu {
    struct percpu_head head; /* +0 */
    uint8_t irq_on;          /* +24  1: interrupts are delivered at once */
    uint8_t reserved[3];
    _Atomic uint32_t pending; /* +28  HOSTED_IRQ_* bits that wait to be delivered */
};

#define HOSTED_IRQ_ON  24
#define HOSTED_PENDING 28
_Static_assert(offsetof(struct hosted_percpu, irq_on) == HOSTED_IRQ_ON, "assembly uses it");
_Static_assert(offsetof(struct hosted_percpu, pending) == HOSTED_PENDING, "assembly uses it");

/* The block of the CPU that runs (cpu.c). */
extern struct hosted_percpu *sim_percpu;

#define SIM_SELF(reg) "movq sim_percpu(%%rip), " reg "\n\t"

typedef uint8_t hal_irq_t;

/* A suspended context: what the switch needs; the rest is for sanitizers, which are not here. */
struct hal_context {
    struct switch_words words;
    const void *stack_base;
    size_t stack_bytes;
    void *asan_fake;
    void *tsan_fiber;
};

/* Deliver what is pending; the slow end of enabling interrupts. Returns with interrupts on. */
void hosted_irq_deliver(void);

/* True if Valgrind wants to hear of allocations; constant after start. */
extern bool hosted_mem_watched;
void hosted_mem_allocated(void *start, size_t len_bytes);
void hosted_mem_freed(void *start, size_t len_bytes);

/* What a CPU asks the machine, places to stop at (stop.c, clock.c). */
uint64_t sim_cycles(void);
void sim_pause(void);
void sim_spin_yield(void);

static inline uint32_t hal_cpu_id(void)
{
    uint64_t self;

    __asm__ volatile(SIM_SELF("%0") "movl %c1(%0), %k0" : "=&r"(self) : "i"(PERCPU_CPU));
    return (uint32_t)self;
}

static inline struct thread *hal_current(void)
{
    struct thread *current;

    __asm__ volatile(SIM_SELF("%0") "movq %c1(%0), %0" : "=&r"(current) : "i"(PERCPU_CURRENT));
    return current;
}

static inline void hal_current_set(struct thread *current)
{
    uint64_t self;

    __asm__ volatile(SIM_SELF("%0") "movq %1, %c2(%0)"
                     : "=&r"(self)
                     : "r"(current), "i"(PERCPU_CURRENT)
                     : "memory");
}

static inline bool hal_irq_nested(void)
{
    uint64_t self;
    bool nested;

    __asm__ volatile(SIM_SELF("%0") "cmpl $0, %c2(%0)"
                     : "=&r"(self), "=@ccne"(nested)
                     : "i"(PERCPU_IRQ_DEPTH));
    return nested;
}

static inline void hal_preempt_inc(void)
{
    uint64_t self;

    __asm__ volatile(SIM_SELF("%0") "incl %c1(%0)"
                     : "=&r"(self)
                     : "i"(PERCPU_PREEMPT)
                     : "memory", "cc");
}

static inline bool hal_preempt_dec(void)
{
    uint64_t self;
    bool zero;

    __asm__ volatile(SIM_SELF("%0") "decl %c2(%0)"
                     : "=&r"(self), "=@ccz"(zero)
                     : "i"(PERCPU_PREEMPT)
                     : "memory");
    return zero;
}

static inline uint32_t hal_preempt_word(void)
{
    uint64_t self;

    __asm__ volatile(SIM_SELF("%0") "movl %c1(%0), %k0"
                     : "=&r"(self)
                     : "i"(PERCPU_PREEMPT)
                     : "memory");
    return (uint32_t)self;
}

static inline void hal_resched_set(void)
{
    uint64_t self;

    __asm__ volatile(SIM_SELF("%0") "andl $0x7fffffff, %c1(%0)"
                     : "=&r"(self)
                     : "i"(PERCPU_PREEMPT)
                     : "memory", "cc");
}

static inline void hal_resched_clear(void)
{
    uint64_t self;

    __asm__ volatile(SIM_SELF("%0") "orl $0x80000000, %c1(%0)"
                     : "=&r"(self)
                     : "i"(PERCPU_PREEMPT)
                     : "memory", "cc");
}

static inline struct percpu_head *hal_percpu(void)
{
    struct percpu_head *head;

    __asm__ volatile("movq sim_percpu(%%rip), %0" : "=r"(head));
    return head;
}

static inline hal_irq_t hal_irq_save(void)
{
    uint64_t self;
    hal_irq_t was;

    __asm__ volatile(SIM_SELF("%0") "movb %c2(%0), %1\n\tmovb $0, %c2(%0)"
                     : "=&r"(self), "=&q"(was)
                     : "i"(HOSTED_IRQ_ON)
                     : "memory");
    return was;
}

static inline void hal_irq_disable(void)
{
    uint64_t self;

    __asm__ volatile(SIM_SELF("%0") "movb $0, %c1(%0)"
                     : "=&r"(self)
                     : "i"(HOSTED_IRQ_ON)
                     : "memory");
}

static inline void hal_irq_enable(void)
{
    uint64_t self;
    bool pending;

    __asm__ volatile(SIM_SELF("%0") "movb $1, %c2(%0)\n\tcmpl $0, %c3(%0)"
                     : "=&r"(self), "=@ccne"(pending)
                     : "i"(HOSTED_IRQ_ON), "i"(HOSTED_PENDING)
                     : "memory");
    if (EXO_UNLIKELY(pending)) {
        hosted_irq_deliver();
    }
}

static inline void hal_irq_restore(hal_irq_t was)
{
    if (was != 0) {
        hal_irq_enable();
    }
}

static inline bool hal_irq_enabled(void)
{
    uint64_t self;

    __asm__ volatile(SIM_SELF("%0") "movzbl %c1(%0), %k0"
                     : "=&r"(self)
                     : "i"(HOSTED_IRQ_ON)
                     : "memory");
    return (uint8_t)self != 0;
}

static inline uint64_t hal_cycles(void)
{
    return sim_cycles();
}

static inline uint64_t hal_cycles_ordered(void)
{
    return sim_cycles();
}

static inline void hal_pause(void)
{
    sim_pause();
}

static inline void hal_spin_yield(void)
{
    sim_spin_yield();
}

static inline void *hal_phys_to_virt(paddr_t paddr)
{
    return (void *)(uintptr_t)(HOSTED_RAM_BASE + paddr);
}

static inline paddr_t hal_virt_to_phys(const void *vaddr)
{
    return (paddr_t)((uintptr_t)vaddr - HOSTED_RAM_BASE);
}

/* The same switch as elsewhere; nobody has to be told. */
static inline void hal_context_switch(struct hal_context *from, struct hal_context *to)
{
    switch_windowed(&from->words, &to->words);
}

static inline void hal_mem_allocated(void *start, size_t len_bytes)
{
    if (HOSTED_MEM_WATCH && EXO_UNLIKELY(hosted_mem_watched)) {
        hosted_mem_allocated(start, len_bytes);
    }
}

static inline void hal_mem_freed(void *start, size_t len_bytes)
{
    if (HOSTED_MEM_WATCH && EXO_UNLIKELY(hosted_mem_watched)) {
        hosted_mem_freed(start, len_bytes);
    }
}

#endif /* HAL_INLINE_H */
