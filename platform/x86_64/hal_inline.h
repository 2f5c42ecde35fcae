/*
 * hal_inline.h - the inline half of the HAL on x86_64; contracts stand in exo/hal.h.
 *
 * The per-CPU head is the first thing in the block at GS base. The word behind it (+24) is the
 * block's own address, so that hal_percpu() is one load.
 */
#ifndef PLATFORM_X86_64_HAL_INLINE_H
#define PLATFORM_X86_64_HAL_INLINE_H

#include "exo/hal/percpu.h"
#include "exo/lib/types.h"
#include "platform/common/pte.h"
#include "platform/common/switch.h"
#include "platform/common/user_regs.h"

#define HAL_DIRECT_MAP  0xffff800000000000ull /* physical address 0 */
#define HAL_KERNEL_BASE 0xffffffff80000000ull /* physical address 0 as the kernel image sees it */

#define PERCPU_SELF 24

typedef uint64_t hal_irq_t; /* RFLAGS as hal_irq_save() found it */

#define HAL_RFLAGS_IF 0x200u

struct hal_context {
    struct switch_words words;
};

static inline uint32_t hal_cpu_id(void)
{
    uint32_t cpu;

    __asm__ volatile("movl %%gs:%c1, %0" : "=r"(cpu) : "i"(PERCPU_CPU));
    return cpu;
}

static inline struct thread *hal_current(void)
{
    struct thread *thread;

    __asm__ volatile("movq %%gs:%c1, %0" : "=r"(thread) : "i"(PERCPU_CURRENT));
    return thread;
}

static inline void hal_current_set(struct thread *thread)
{
    __asm__ volatile("movq %0, %%gs:%c1" : : "r"(thread), "i"(PERCPU_CURRENT) : "memory");
}

static inline bool hal_irq_nested(void)
{
    bool nested;

    __asm__ volatile("cmpl $0, %%gs:%c1" : "=@ccne"(nested) : "i"(PERCPU_IRQ_DEPTH));
    return nested;
}

static inline void hal_preempt_inc(void)
{
    __asm__ volatile("incl %%gs:%c0" : : "i"(PERCPU_PREEMPT) : "memory", "cc");
}

static inline bool hal_preempt_dec(void)
{
    bool zero;

    __asm__ volatile("decl %%gs:%c1" : "=@ccz"(zero) : "i"(PERCPU_PREEMPT) : "memory");
    return zero;
}

static inline uint32_t hal_preempt_word(void)
{
    uint32_t word;

    __asm__ volatile("movl %%gs:%c1, %0" : "=r"(word) : "i"(PERCPU_PREEMPT) : "memory");
    return word;
}

static inline void hal_resched_set(void)
{
    __asm__ volatile("andl $0x7fffffff, %%gs:%c0" : : "i"(PERCPU_PREEMPT) : "memory", "cc");
}

static inline void hal_resched_clear(void)
{
    __asm__ volatile("orl $0x80000000, %%gs:%c0" : : "i"(PERCPU_PREEMPT) : "memory", "cc");
}

static inline struct percpu_head *hal_percpu(void)
{
    struct percpu_head *head;

    __asm__ volatile("movq %%gs:%c1, %0" : "=r"(head) : "i"(PERCPU_SELF));
    return head;
}

static inline void hal_irq_enable(void)
{
    __asm__ volatile("sti" : : : "memory");
}

static inline void hal_irq_disable(void)
{
    __asm__ volatile("cli" : : : "memory");
}

static inline hal_irq_t hal_irq_save(void)
{
    hal_irq_t flags;

    __asm__ volatile("pushfq\n\tpopq %0\n\tcli" : "=r"(flags) : : "memory");
    return flags;
}

/* Between save and restore interrupts are off, so only the way back to "on" has anything to do. */
static inline void hal_irq_restore(hal_irq_t flags)
{
    if ((flags & HAL_RFLAGS_IF) != 0) {
        hal_irq_enable();
    }
}

static inline bool hal_irq_enabled(void)
{
    uint64_t flags;

    __asm__ volatile("pushfq\n\tpopq %0" : "=r"(flags) : : "memory");
    return (flags & HAL_RFLAGS_IF) != 0;
}

static inline uint64_t hal_cycles(void)
{
    uint32_t low;
    uint32_t high;

    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return ((uint64_t)high << 32) | low;
}

/* LFENCE waits for all earlier instructions and holds back all later ones (dispatch-serialising on
 * every CPU this kernel is for). */
static inline uint64_t hal_cycles_ordered(void)
{
    uint32_t low;
    uint32_t high;

    __asm__ volatile("lfence\n\trdtsc\n\tlfence" : "=a"(low), "=d"(high) : : "memory");
    return ((uint64_t)high << 32) | low;
}

static inline void hal_pause(void)
{
    __asm__ volatile("pause");
}

static inline void hal_spin_yield(void)
{
    hal_pause(); /* who virtualises this CPU sees these */
}

static inline void *hal_phys_to_virt(paddr_t paddr)
{
    return (void *)(paddr + HAL_DIRECT_MAP);
}

static inline paddr_t hal_virt_to_phys(const void *address)
{
    return (paddr_t)address - HAL_DIRECT_MAP;
}

/* No checker watches memory on the bare machine. */
static inline void hal_context_switch(struct hal_context *from, struct hal_context *to)
{
    switch_windowed(&from->words, &to->words);
}

static inline void hal_mem_allocated(void *start, size_t len_bytes)
{
    (void)start;
    (void)len_bytes;
}

static inline void hal_mem_freed(void *start, size_t len_bytes)
{
    (void)start;
    (void)len_bytes;
}

#endif /* PLATFORM_X86_64_HAL_INLINE_H */
