/*
 * smp.c - starting the other CPUs, one at a time.
 *
 * A CPU goes OFF -(start-up interrupt)-> ARRIVED -(time stamps compared)-> ONLINE. Its block and
 * idle stack are made before; if it does not arrive in time it is put back by INIT and keeps them,
 * since nobody can prove that it will not come after all.
 *
 * Spec: Intel SDM volume 3A section 8.4.
 */
#include "smp.h"

#include <stdatomic.h>

#include "exo/debug/log.h"
#include "exo/hal.h"
#include "exo/lib/assert.h"
#include "exo/mem/phys.h"
#include "exo/sync/spinlock.h"

#include "acpi.h"
#include "apic.h"
#include "clock.h"
#include "cpuid.h"
#include "features.h"
#include "memmap.h"
#include "paging.h"
#include "percpu.h"
#include "trap.h"
#include "tsc.h"

#define TRAMPOLINE_LIMIT 0xa0000ull
#define INIT_WAIT_NS     10000000ull /* what old processors need behind INIT */
#define FIRST_WAIT_NS    1000000ull  /* before the second start-up interrupt */
#define ARRIVE_WAIT_NS   500000000ull

/* Laid out by trampoline.asm. */
struct trampoline_words {
    uint16_t gdt_limit;
    uint32_t gdt_base;
    uint16_t pad;
    uint32_t far_offset;
    uint16_t far_selector;
    uint16_t pad2;
    uint64_t cr3;
    uint64_t stack;
    uint64_t block;
    uint64_t entry;
} __attribute__((packed));

extern const uint8_t trampoline_start[], trampoline_words[], trampoline_end[];

static paddr_t g_page;          /* 0: there is none */
static _Atomic bool g_arrived;  /* the CPU being started runs */
static _Atomic bool g_starting; /* somebody is in hal_cpu_start() */

void smp_init(struct boot_info *info)
{
    if (memmap_carve(info, PAGE_SIZE, TRAMPOLINE_LIMIT, BOOT_REGION_KERNEL, &g_page) != EXO_OK) {
        g_page = 0;
        klog(KLOG_ERROR, "smp", "no free page below 640 KiB: other CPUs stay off");
    }
}

/* The first C function of a CPU, on its idle stack, still on the trampoline's tables. */
static _Noreturn void smp_entry(struct percpu *block)
{
    percpu_load(block);
    trap_load();
    paging_load_kernel();
    features_enable();
    apic_enable();
    atomic_store_explicit(&g_arrived, true, memory_order_release);
    tsc_sync_target(block->head.cpu);
    clock_cpu_init();
    atomic_store_explicit(&block->online, true, memory_order_release);
    paging_flush_all(); /* what remote flushes passed over while this CPU was not online */
    core_cpu_main(block->head.cpu);
}

/* The block of CPU `cpu`, made at its first start. */
static exo_status_t block_make(uint32_t cpu)
{
    const size_t pages = align_up(sizeof(struct percpu), PAGE_SIZE) / PAGE_SIZE;
    paddr_t frames = 0;

    if (g_percpu[cpu] != NULL) {
        return EXO_OK;
    }
    exo_status_t status = phys_alloc(pages, 1, &frames);

    if (status != EXO_OK) {
        return status;
    }
    struct percpu *block = hal_phys_to_virt(frames);

    for (size_t i = 0; i < pages * PAGE_SIZE; i++) {
        ((uint8_t *)block)[i] = 0;
    }
    status = hal_stack_create(&block->idle_stack);
    if (status != EXO_OK) {
        phys_free(frames, pages);
        return status;
    }
    percpu_prepare(block, cpu, acpi_facts()->cpu[cpu].apic_id);
    g_percpu[cpu] = block;
    return EXO_OK;
}

static void trampoline_fill(struct percpu *block)
{
    uint8_t *page = hal_phys_to_virt(g_page);
    const size_t size = (size_t)(trampoline_end - trampoline_start);
    struct trampoline_words *words =
        (struct trampoline_words *)(page + (trampoline_words - trampoline_start));

    KASSERT(size <= PAGE_SIZE);
    for (size_t i = 0; i < size; i++) {
        page[i] = trampoline_start[i];
    }
    words->gdt_base += (uint32_t)g_page;
    words->far_offset += (uint32_t)g_page;
    words->cr3 = paging_trampoline_root(g_page);
    words->stack = (uint64_t)block->idle_stack.base + block->idle_stack.size_bytes;
    words->block = (uint64_t)block;
    words->entry = (uint64_t)smp_entry;
}

/* Wait until `flag` is set; false after limit_ns. */
static bool flag_wait(_Atomic bool *flag, uint64_t limit_ns)
{
    const uint64_t start_ns = hal_clock_ns();

    while (!atomic_load_explicit(flag, memory_order_acquire)) {
        if (hal_clock_ns() - start_ns > limit_ns) {
            return false;
        }
        hal_pause();
    }
    return true;
}

/* Processors of the last twenty years take the start-up interrupt at once. */
static bool needs_init_wait(void)
{
    const struct cpuid_info *cpu = cpuid_info();

    return cpu->vendor[0] == 'G' && cpu->family == 15; /* GenuineIntel: Pentium 4 */
}

static bool interrupts_send(uint32_t apic_id)
{
    apic_send_init(apic_id);
    if (needs_init_wait()) {
        clock_spin_ns(INIT_WAIT_NS);
    }
    apic_send_startup(apic_id, g_page);
    if (flag_wait(&g_arrived, FIRST_WAIT_NS)) {
        return true;
    }
    apic_send_startup(apic_id, g_page);
    if (flag_wait(&g_arrived, ARRIVE_WAIT_NS)) {
        return true;
    }
    apic_send_init(apic_id);
    return false;
}

static exo_status_t cpu_start(uint32_t cpu)
{
    exo_status_t status = block_make(cpu);

    if (status != EXO_OK) {
        return status;
    }
    struct percpu *block = g_percpu[cpu];

    atomic_store_explicit(&g_arrived, false, memory_order_relaxed);
    trampoline_fill(block);
    if (!interrupts_send(block->apic_id)) {
        klog(KLOG_ERROR, "smp", "cpu does not start cpu=%u apic_id=%u", cpu, block->apic_id);
        return EXO_ERR_TIMED_OUT;
    }
    tsc_sync_source(cpu);
    return flag_wait(&block->online, ARRIVE_WAIT_NS) ? EXO_OK : EXO_ERR_TIMED_OUT;
}

exo_status_t hal_cpu_start(uint32_t cpu)
{
    if (cpu == 0 || cpu >= acpi_facts()->cpu_count || g_page == 0) {
        return EXO_ERR_INVALID;
    }
    if (g_percpu[cpu] != NULL &&
        atomic_load_explicit(&g_percpu[cpu]->online, memory_order_acquire)) {
        return EXO_ERR_INVALID;
    }
    if (atomic_exchange_explicit(&g_starting, true, memory_order_acquire)) {
        return EXO_ERR_INVALID; /* one at a time */
    }
    const exo_status_t status = cpu_start(cpu);

    atomic_store_explicit(&g_starting, false, memory_order_release);
    return status;
}
