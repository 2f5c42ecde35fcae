/*
 * hal_inline.h (hosted) - the inline part of the HAL on a Linux process.
 *
 * The CPU's private block is thread-local storage of the pthread that plays the CPU. It is reached
 * by single instructions in volatile assembly only, relative to the thread register, so that no
 * compiler can keep its address across a switch, after which a thread may go on in another pthread.
 *
 * Interrupts are a byte in that block. While it is 0, a host signal only leaves its bit in
 * `pending`; who sets it to 1 looks at `pending` afterwards: in this order no interrupt is slept
 * through. Contracts: exo/hal.h, at the end.
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

/* Under AddressSanitizer every allocation is reported to it; other debug builds only ask whether
 * Valgrind is there; builds without debugging ask nothing. */
#define HOSTED_MEM_WATCH (HOSTED_ASAN || EXO_CONFIG_DEBUG)

#define HOSTED_RAM_BASE 0x550000000000ull /* where the memfd that is physical memory is mapped */

/* Kernel stacks lie where the host likes; below each a guard that is wider than the frame of any
 * function, which could jump over a page. */
#define HOSTED_STACKS_BASE       0
#define HOSTED_STACK_GUARD_BYTES (16u * 1024u)

/* The private block of one simulated CPU, thread-local symbol `hosted_percpu`.
 * Own pthread only, but `pending`, which other pthreads set with atomic operations. */
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

/* An operand of assembly: the field at constant operand `n` of this CPU's block. */
#define HOSTED_FIELD(n) "%%fs:hosted_percpu@tpoff+%c" #n

typedef uint8_t hal_irq_t;

/* A suspended context: what the switch needs, then what sanitizers must know of its stack. */
struct hal_context {
    struct switch_words words;
    const void *stack_base; /* lowest byte; set when the context is made or first left */
    size_t stack_bytes;
    void *asan_fake;  /* AddressSanitizer's fake stack while suspended */
    void *tsan_fiber; /* ThreadSanitizer's idea of this context */
};

/* Deliver what is pending; the slow end of enabling interrupts. Returns with interrupts on. */
void hosted_irq_deliver(void);

/* True if AddressSanitizer or Valgrind wants to hear of allocations; constant after start. */
extern bool hosted_mem_watched;
void hosted_mem_allocated(void *start, size_t len_bytes);
void hosted_mem_freed(void *start, size_t len_bytes);

static inline uint32_t hal_cpu_id(void)
{
    uint32_t cpu;

    __asm__ volatile("movl " HOSTED_FIELD(1) ", %0" : "=r"(cpu) : "i"(PERCPU_CPU));
    return cpu;
}

static inline struct thread *hal_current(void)
{
    struct thread *current;

    __asm__ volatile("movq " HOSTED_FIELD(1) ", %0" : "=r"(current) : "i"(PERCPU_CURRENT));
    return current;
}

static inline void hal_current_set(struct thread *current)
{
    __asm__ volatile("movq %0, " HOSTED_FIELD(1) : : "r"(current), "i"(PERCPU_CURRENT) : "memory");
}

static inline bool hal_irq_nested(void)
{
    bool nested;

    __asm__ volatile("cmpl $0, " HOSTED_FIELD(1) : "=@ccne"(nested) : "i"(PERCPU_IRQ_DEPTH));
    return nested;
}

static inline void hal_preempt_inc(void)
{
    __asm__ volatile("incl " HOSTED_FIELD(0) : : "i"(PERCPU_PREEMPT) : "memory", "cc");
}

static inline bool hal_preempt_dec(void)
{
    bool zero;

    __asm__ volatile("decl " HOSTED_FIELD(1) : "=@ccz"(zero) : "i"(PERCPU_PREEMPT) : "memory");
    return zero;
}

static inline uint32_t hal_preempt_word(void)
{
    uint32_t word;

    __asm__ volatile("movl " HOSTED_FIELD(1) ", %0" : "=r"(word) : "i"(PERCPU_PREEMPT) : "memory");
    return word;
}

static inline void hal_resched_set(void)
{
    __asm__ volatile("andl $0x7fffffff, " HOSTED_FIELD(0) : : "i"(PERCPU_PREEMPT) : "memory", "cc");
}

static inline void hal_resched_clear(void)
{
    __asm__ volatile("orl $0x80000000, " HOSTED_FIELD(0) : : "i"(PERCPU_PREEMPT) : "memory", "cc");
}

static inline struct percpu_head *hal_percpu(void)
{
    struct percpu_head *head;

    __asm__ volatile("movq %%fs:0, %0\n\tleaq hosted_percpu@tpoff(%0), %0" : "=r"(head));
    return head;
}

/* Between the load and the store a thread may be moved to another CPU, but only if it loaded 1, and
 * then interrupts are on there too. */
static inline hal_irq_t hal_irq_save(void)
{
    hal_irq_t was;

    __asm__ volatile("movb " HOSTED_FIELD(1) ", %0\n\tmovb $0, " HOSTED_FIELD(1)
                     : "=&q"(was)
                     : "i"(HOSTED_IRQ_ON)
                     : "memory");
    return was;
}

static inline void hal_irq_disable(void)
{
    __asm__ volatile("movb $0, " HOSTED_FIELD(0) : : "i"(HOSTED_IRQ_ON) : "memory");
}

static inline void hal_irq_enable(void)
{
    bool pending;

    __asm__ volatile("movb $1, " HOSTED_FIELD(1) "\n\tcmpl $0, " HOSTED_FIELD(2)
                     : "=@ccne"(pending)
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
    hal_irq_t on;

    __asm__ volatile("movb " HOSTED_FIELD(1) ", %0" : "=q"(on) : "i"(HOSTED_IRQ_ON) : "memory");
    return on != 0;
}

static inline uint64_t hal_cycles(void)
{
    uint32_t low, high;

    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}

static inline uint64_t hal_cycles_ordered(void)
{
    uint32_t low, high;

    __asm__ volatile("lfence\n\trdtsc\n\tlfence" : "=a"(low), "=d"(high) : : "memory");
    return (uint64_t)high << 32 | low;
}

static inline void hal_pause(void)
{
    __asm__ volatile("pause" : : : "memory");
}

/* sched_yield(2) past the C library: nothing of it may be interrupted half-way. */
static inline void hal_spin_yield(void)
{
    long result = 24; /* SYS_sched_yield */

    __asm__ volatile("syscall" : "+a"(result) : : "rcx", "r11", "memory");
}

static inline void *hal_phys_to_virt(paddr_t paddr)
{
    return (void *)(uintptr_t)(HOSTED_RAM_BASE + paddr);
}

static inline paddr_t hal_virt_to_phys(const void *vaddr)
{
    return (paddr_t)((uintptr_t)vaddr - HOSTED_RAM_BASE);
}

/* The switch of builds in which somebody must be told, or of the ucontext reference. */
void hosted_context_switch(struct hal_context *from, struct hal_context *to);

static inline void hal_context_switch(struct hal_context *from, struct hal_context *to)
{
    if (HOSTED_SWITCH_INLINE) {
        switch_windowed(&from->words, &to->words);
    } else {
        hosted_context_switch(from, to);
    }
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
