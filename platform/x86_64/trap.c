/*
 * trap.c - the interrupt descriptor table, and what happens when kernel code is interrupted.
 *
 * Invariants:
 *   (1) every gate is an interrupt gate: interrupts are off behind it;
 *   (2) only breakpoint and overflow (INT3, INTO) may be raised by an instruction of user code, so
 *       that any other INT n is a general protection fault with the vector in its error code;
 *   (3) a fault of kernel code goes on at the place that the exception table names, or is the end.
 *
 * Spec: AMD64 APM volume 2 chapter 8.
 */
#include "trap.h"

#include <stdatomic.h>

#include "exo/debug/log.h"
#include "exo/hal.h"

#include "dispatch.h"
#include "layout.h"
#include "percpu.h"

#define DOOR_BYTES      16u
#define GATE_INTERRUPT  0x8eu /* present, ring 0 */
#define GATE_USER       0x60u /* ring 3 may raise it */
#define TRAP_BREAKPOINT 3u
#define TRAP_OVERFLOW   4u

struct gate {
    uint16_t offset_low;
    uint16_t selector;
    uint8_t ist;
    uint8_t type;
    uint16_t offset_middle;
    uint32_t offset_high;
    uint32_t reserved;
};

struct exception_entry {
    uint64_t fault;
    uint64_t resume;
};

extern char trap_doors[];
extern char syscall_door[], syscall_door_end[];
extern const struct exception_entry exception_table_start[], exception_table_end[];

static struct gate g_idt[IRQ_VECTOR_COUNT];

static uint8_t ist_of(uint32_t vector)
{
    switch (vector) {
    case TRAP_NMI:
        return IST_NMI;
    case TRAP_DOUBLE_FAULT:
        return IST_DOUBLE_FAULT;
    case TRAP_MACHINE:
        return IST_MACHINE;
    case TRAP_DEBUG:
        return IST_DEBUG;
    default:
        return 0;
    }
}

void trap_init(void)
{
    for (uint32_t vector = 0; vector < IRQ_VECTOR_COUNT; vector++) {
        const uint64_t door = (uint64_t)trap_doors + (uint64_t)vector * DOOR_BYTES;
        const bool user = vector == TRAP_BREAKPOINT || vector == TRAP_OVERFLOW;

        g_idt[vector] = (struct gate){
            .offset_low = (uint16_t)door,
            .selector = SELECTOR_KERNEL_CODE,
            .ist = ist_of(vector),
            .type = GATE_INTERRUPT | (user ? GATE_USER : 0),
            .offset_middle = (uint16_t)(door >> 16),
            .offset_high = (uint32_t)(door >> 32),
        };
    }
}

void trap_load(void)
{
    const struct {
        uint16_t limit;
        uint64_t base;
    } __attribute__((packed)) pointer = { sizeof(g_idt) - 1, (uint64_t)g_idt };

    __asm__ volatile("lidt %0" : : "m"(pointer));
}

/* Where to go on after a fault at rip, 0 if nobody expected one there. */
static uint64_t resume_find(uint64_t rip)
{
    for (const struct exception_entry *e = exception_table_start; e < exception_table_end; e++) {
        if (e->fault == rip) {
            return e->resume;
        }
    }
    return 0;
}

/* Called by common_door with interrupts off. */
void trap_kernel(struct trap_frame *frame);
void trap_kernel(struct trap_frame *frame)
{
    if (frame->vector >= TRAP_EXCEPTIONS) {
        percpu_this()->irq_pc = frame->rip;
        percpu_this()->irq_frame = frame->rbp;
        percpu_this()->irq_stack = frame->rsp;
        irq_dispatch((uint32_t)frame->vector);
        return;
    }
    const bool may_resume = frame->vector == TRAP_PAGE_FAULT || frame->vector == TRAP_PROTECTION;
    const uint64_t resume = may_resume ? resume_find(frame->rip) : 0;

    if (resume == 0) {
        trap_report(frame);
    }
    frame->rip = resume;
}

static void nmi_handle(void)
{
    if (irq_is_stopping()) {
        atomic_store_explicit(&percpu_this()->stopped, true, memory_order_release);
        hal_cpu_halt();
    }
    if (atomic_fetch_add_explicit(&percpu_this()->nmi_count, 1, memory_order_relaxed) == 0) {
        klog(KLOG_WARN, "trap", "unexplained nmi, further ones are counted only cpu=%u",
             hal_cpu_id());
    }
}

/* Called by ist_door: NMI, double fault, machine check, and debug traps of kernel code. */
void trap_ist(struct trap_frame *frame);
void trap_ist(struct trap_frame *frame)
{
    if (frame->vector == TRAP_NMI) {
        nmi_handle();
        return;
    }
    /* User code can put a debug trap off until the first instruction behind SYSCALL (MOV SS). It is
     * the user's own doing and means nothing to the kernel. */
    if (frame->vector == TRAP_DEBUG && frame->rip >= (uint64_t)syscall_door &&
        frame->rip < (uint64_t)syscall_door_end) {
        return;
    }
    trap_report(frame);
}
