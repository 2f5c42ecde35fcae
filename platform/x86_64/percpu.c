/*
 * percpu.c - each CPU's private block: head, descriptor table, task state with the interrupt
 * stacks.
 *
 * Invariant (1): the two words above each interrupt stack hold the block's own address, where
 * ist_door (trap.asm) looks for it: its frame is 22 words below.
 *
 * Spec: AMD64 APM volume 2 sections 4.8 (descriptors), 12.2.5 (64-bit TSS).
 */
#include "percpu.h"

#include "io.h"
#include "layout.h"

#define MSR_GS_BASE        0xc0000101u
#define MSR_KERNEL_GS_BASE 0xc0000102u
#define MSR_FS_BASE        0xc0000100u

/* Present, accessed; executed or written by the CPU only as the selectors in layout.h say. */
#define DESCRIPTOR_KERNEL_CODE 0x00af9b000000ffffull
#define DESCRIPTOR_KERNEL_DATA 0x00cf93000000ffffull
#define DESCRIPTOR_USER_DATA   0x00cff3000000ffffull
#define DESCRIPTOR_USER_CODE   0x00affb000000ffffull
#define DESCRIPTOR_TSS         0x0000890000000000ull

struct percpu *g_percpu[CPUS_MAX];

static struct percpu g_boot_block;

struct percpu *percpu_boot(void)
{
    return &g_boot_block;
}

static void gdt_fill(struct percpu *block)
{
    const uint64_t base = (uint64_t)&block->tss;
    const uint64_t limit = sizeof(struct tss) - 1;

    block->gdt[SELECTOR_KERNEL_CODE / 8] = DESCRIPTOR_KERNEL_CODE;
    block->gdt[SELECTOR_KERNEL_DATA / 8] = DESCRIPTOR_KERNEL_DATA;
    block->gdt[SELECTOR_USER_DATA / 8] = DESCRIPTOR_USER_DATA;
    block->gdt[SELECTOR_USER_CODE / 8] = DESCRIPTOR_USER_CODE;
    block->gdt[SELECTOR_TSS / 8] =
        DESCRIPTOR_TSS | limit | (base & 0xffffffu) << 16 | ((base >> 24) & 0xffu) << 56;
    block->gdt[SELECTOR_TSS / 8 + 1] = base >> 32;
}

void percpu_prepare(struct percpu *block, uint32_t cpu, uint32_t apic_id)
{
    block->head.preempt = PREEMPT_NO_RESCHED | 1;
    block->head.cpu = cpu;
    block->self = block;
    block->apic_id = apic_id;
    block->tss.io_map = sizeof(struct tss); /* no port is the user's */
    for (uint32_t i = 0; i < IST_COUNT; i++) {
        uint64_t *top = (uint64_t *)(block->ist_stack[i] + IST_STACK_BYTES) - 2;

        top[0] = (uint64_t)block;
        block->tss.ist[i] = (uint64_t)top;
    }
    gdt_fill(block);
}

void percpu_load(struct percpu *block)
{
    const struct {
        uint16_t limit;
        uint64_t base;
    } __attribute__((packed)) pointer = { sizeof(block->gdt) - 1, (uint64_t)block->gdt };

    block->gdt[SELECTOR_TSS / 8] = (block->gdt[SELECTOR_TSS / 8] & ~(2ull << 40)); /* not busy */
    __asm__ volatile("lgdt %0\n\t"
                     "pushq %1\n\t"
                     "leaq 1f(%%rip), %%rax\n\t"
                     "pushq %%rax\n\t"
                     "lretq\n"
                     "1:\n\t"
                     "xorl %%eax, %%eax\n\t"
                     "movw %%ax, %%ds\n\t"
                     "movw %%ax, %%es\n\t"
                     "movw %%ax, %%ss\n\t"
                     "movw %%ax, %%fs\n\t"
                     "movw %%ax, %%gs\n\t"
                     "ltr %w2"
                     :
                     : "m"(pointer), "i"(SELECTOR_KERNEL_CODE), "r"(SELECTOR_TSS)
                     : "rax", "memory");
    msr_write(MSR_FS_BASE, 0);
    msr_write(MSR_GS_BASE, (uint64_t)block);
    msr_write(MSR_KERNEL_GS_BASE, 0);
    g_percpu[block->head.cpu] = block;
}
