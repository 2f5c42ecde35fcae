/*
 * percpu.h - the private block of each CPU, at GS base while the kernel runs.
 *
 * Keys: [c] constant after the CPU is up, [o] own CPU only, interrupts off, [a] atomic.
 */
#ifndef PLATFORM_X86_64_PERCPU_H
#define PLATFORM_X86_64_PERCPU_H

#include <stdatomic.h>

#include "exo/hal.h"

#include "asid.h"

/* Offsets for the assembly files. */
#define PERCPU_RUN_SP    32
#define PERCPU_SCRATCH   40
#define PERCPU_FRAME_TOP 48

#define IST_NMI          1u
#define IST_DOUBLE_FAULT 2u
#define IST_MACHINE      3u
#define IST_DEBUG        4u
#define IST_COUNT        4u
#define IST_STACK_BYTES  8192u

#define GDT_ENTRIES 8u

/* Task state segment, Intel SDM volume 3A section 8.7. */
struct tss {
    uint32_t reserved0;
    uint64_t rsp[3];
    uint64_t reserved1;
    uint64_t ist[7];
    uint64_t reserved2;
    uint16_t reserved3;
    uint16_t io_map;
} __attribute__((packed));

struct hal_space;
struct hal_user;

struct percpu {
    struct percpu_head head;     /* +0 */
    struct percpu *self;         /* +24 [c] */
    uint64_t run_sp;             /* +32 [o] kernel stack to go on with when user code is left */
    uint64_t scratch;            /* +40 [o] user stack pointer during SYSCALL */
    uint64_t frame_top;          /* +48 [o] end of the frame that user code is saved in */
    uint32_t apic_id;            /* [c] */
    _Atomic bool online;         /* [a] set by the CPU itself when it is up */
    _Atomic bool stopped;        /* [a] halted for good by hal_cpu_stop_others() */
    _Atomic uint64_t nmi_count;  /* [a] NMIs that nobody explained */
    struct hal_space *space;     /* [o] whose tables CR3 holds; NULL: the kernel's own */
    struct asid_cpu asid;        /* [o] */
    uint64_t irq_pc;             /* [o] where the interrupt under way struck; 0: in user code */
    uint64_t irq_frame;          /* [o] the frame pointer there */
    uint64_t irq_stack;          /* [o] the stack pointer there */
    struct hal_user *owner;      /* [o] whose vector state and segment bases are in the registers */
    struct hal_stack idle_stack; /* [c] what the CPU came up on; empty on the boot CPU */
    struct tss tss;              /* [c] but rsp[0], which follows frame_top */
    uint64_t gdt[GDT_ENTRIES];   /* [c] */
    EXO_ALIGNED(16) uint8_t ist_stack[IST_COUNT][IST_STACK_BYTES];
};

_Static_assert(offsetof(struct percpu, self) == PERCPU_SELF, "inline assembly uses it");
_Static_assert(offsetof(struct percpu, run_sp) == PERCPU_RUN_SP, "assembly uses it");
_Static_assert(offsetof(struct percpu, scratch) == PERCPU_SCRATCH, "assembly uses it");
_Static_assert(offsetof(struct percpu, frame_top) == PERCPU_FRAME_TOP, "assembly uses it");

/* Blocks by CPU index; NULL for one that was never started. */
extern struct percpu *g_percpu[CPUS_MAX];

/* This CPU's block.  Context: preemption or interrupts off. */
static inline struct percpu *percpu_this(void)
{
    return (struct percpu *)hal_percpu();
}

/* Make `block` that of CPU `cpu`: head, GDT, TSS with its interrupt stacks. */
void percpu_prepare(struct percpu *block, uint32_t cpu, uint32_t apic_id);

/* Load it on the CPU that runs this: GDT, segments, TSS, GS base. */
void percpu_load(struct percpu *block);

/* The boot CPU's block, static. */
struct percpu *percpu_boot(void);

#endif /* PLATFORM_X86_64_PERCPU_H */
