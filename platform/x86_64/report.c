/*
 * report.c - an exception of kernel code told in words, with all registers.
 *
 * Spec: AMD64 APM volume 2 sections 8.2 (vectors), 8.4 (error codes).
 */
#include "trap.h"

#include <stdatomic.h>

#include "exo/debug/panic.h"
#include "exo/hal.h"
#include "exo/lib/fmt.h"
#include "exo/lib/types.h"
#include "exo/mem/kva.h"

#include "layout.h"
#include "stack.h"

#define CANONICAL_HOLE_START 0x0000800000000000ull
#define CANONICAL_HOLE_END   0xffff800000000000ull

static _Atomic uint32_t g_reporter; /* cpu + 1 of the CPU that prints, 0: none */

static const char *const g_names[TRAP_EXCEPTIONS] = {
    [0] = "division error",
    [1] = "debug trap",
    [2] = "non-maskable interrupt",
    [3] = "breakpoint",
    [4] = "overflow",
    [5] = "bound range exceeded",
    [6] = "invalid instruction",
    [7] = "x87 or vector unit not available",
    [8] = "double fault",
    [10] = "invalid task state",
    [11] = "segment not present",
    [12] = "stack segment fault",
    [13] = "general protection fault",
    [14] = "page fault",
    [16] = "x87 error",
    [17] = "misaligned access",
    [18] = "machine check",
    [19] = "vector unit error",
    [20] = "virtualisation exception",
    [21] = "control protection fault",
    [28] = "hypervisor injection",
    [29] = "hypervisor communication",
    [30] = "security exception",
};

static const char *vector_name(uint64_t vector)
{
    if (vector >= TRAP_EXCEPTIONS || g_names[vector] == NULL) {
        return "reserved exception";
    }
    return g_names[vector];
}

/* What lies at `address`, as far as the layout tells; "" if it is no known place. */
static void place_describe(uint64_t address, char *buf, size_t size)
{
    void *base = NULL;
    char words[96];

    if (stack_guard_find(address, &base)) {
        fmt_print(buf, size, " (guard page of the kernel stack at %p: stack overflow)", base);
    } else if (kva_guard_describe(address, words, sizeof(words))[0] != '\0') {
        fmt_print(buf, size, " (%s)", words);
    } else if (address < PAGE_SIZE) {
        fmt_print(buf, size, " (a member of a NULL pointer)");
    } else if (address < CANONICAL_HOLE_START) {
        fmt_print(buf, size, " (a user address)");
    } else if (address >= (uint64_t)kernel_text_start && address < (uint64_t)kernel_text_end) {
        fmt_print(buf, size, " (kernel code)");
    } else if (address >= (uint64_t)kernel_rodata_start && address < (uint64_t)kernel_rodata_end) {
        fmt_print(buf, size, " (constant kernel data)");
    } else {
        buf[0] = '\0';
    }
}

static void page_fault_describe(const struct trap_frame *frame, uint64_t address, char *buf,
                                size_t size)
{
    char place[128];
    const char *access = "read of";
    const char *cause = "nothing is mapped there";

    if ((frame->error & FAULT_EXEC) != 0) {
        access = "execution of";
    } else if ((frame->error & FAULT_WRITE) != 0) {
        access = "write to";
    }
    if ((frame->error & FAULT_RESERVED) != 0) {
        cause = "its table entry is malformed";
    } else if ((frame->error & FAULT_PRESENT) != 0) {
        cause = "the page is mapped but forbids it";
    }
    place_describe(address, place, sizeof(place));
    fmt_print(buf, size, "page fault: %s 0x%016lx%s in %s mode: %s", access, address, place,
              (frame->error & FAULT_USER) != 0 ? "user" : "kernel", cause);
}

/* Error codes of 10-13 name a descriptor: bit 0 external event, 1 IDT, 2 LDT, then the index. */
static void selector_describe(const struct trap_frame *frame, char *buf, size_t size)
{
    const uint64_t error = frame->error;
    const char *table =
        (error & 2) != 0 ? "IDT vector" : ((error & 4) != 0 ? "LDT entry" : "GDT entry");

    if (error == 0) {
        fmt_print(buf, size,
                  "%s: no descriptor is named (a privileged instruction, a non-canonical "
                  "address or a forbidden register value)",
                  vector_name(frame->vector));
        return;
    }
    fmt_print(buf, size, "%s: %s 0x%lx%s", vector_name(frame->vector), table, error >> 3,
              (error & 1) != 0 ? ", during an external event" : "");
}

void trap_describe(const struct trap_frame *frame, uint64_t address, char *buf, size_t size)
{
    if (frame->vector == TRAP_PAGE_FAULT) {
        page_fault_describe(frame, address, buf, size);
    } else if (frame->vector >= 10 && frame->vector <= TRAP_PROTECTION) {
        selector_describe(frame, buf, size);
    } else if (frame->vector == TRAP_DOUBLE_FAULT) {
        char place[128];

        place_describe(address, place, sizeof(place));
        fmt_print(buf, size,
                  "double fault: the CPU could not deliver an exception; last page fault at "
                  "0x%016lx%s",
                  address, place);
    } else {
        fmt_print(buf, size, "%s", vector_name(frame->vector));
    }
}

static void registers_print(const struct trap_frame *f, uint64_t cr2)
{
    uint64_t cr0;
    uint64_t cr3;
    uint64_t cr4;

    __asm__ volatile("movq %%cr0, %0" : "=r"(cr0));
    __asm__ volatile("movq %%cr3, %0" : "=r"(cr3));
    __asm__ volatile("movq %%cr4, %0" : "=r"(cr4));
    kprintf("  rax=%016lx rbx=%016lx rcx=%016lx rdx=%016lx\n", f->rax, f->rbx, f->rcx, f->rdx);
    kprintf("  rsi=%016lx rdi=%016lx rbp=%016lx rsp=%016lx\n", f->rsi, f->rdi, f->rbp, f->rsp);
    kprintf("  r8 =%016lx r9 =%016lx r10=%016lx r11=%016lx\n", f->r8, f->r9, f->r10, f->r11);
    kprintf("  r12=%016lx r13=%016lx r14=%016lx r15=%016lx\n", f->r12, f->r13, f->r14, f->r15);
    kprintf("  rip=%016lx cs=%04lx rflags=%08lx ss=%04lx vector=%lu error=0x%lx\n", f->rip, f->cs,
            f->rflags, f->ss, f->vector, f->error);
    kprintf("  cr0=%016lx cr2=%016lx cr3=%016lx cr4=%08lx\n", cr0, cr2, cr3, cr4);
}

/* Let one CPU at a time print; false if this CPU faulted while it was printing. */
static bool report_begin(void)
{
    const uint32_t self = hal_cpu_id() + 1;
    uint32_t owner = 0;

    while (!atomic_compare_exchange_weak_explicit(&g_reporter, &owner, self, memory_order_acquire,
                                                  memory_order_relaxed)) {
        if (owner == self) {
            return false;
        }
        owner = 0;
        hal_pause(); /* if the other one panics, its NMI ends this wait */
    }
    return true;
}

void trap_report(const struct trap_frame *frame)
{
    const uint64_t cr2 = trap_fault_address();
    char text[320];

    trap_describe(frame, cr2, text, sizeof(text));
    if (report_begin()) {
        kprintf("\nexception on cpu %u: %s\n", hal_cpu_id(), text);
        registers_print(frame, cr2);
        atomic_store_explicit(&g_reporter, 0, memory_order_release);
    }
    panic_at(frame->rip, frame->rbp, "%s", text);
}
