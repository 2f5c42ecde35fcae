/*
 * init.c - the boot order of the PC back end, from the first C function to core_main().
 *
 * Everything here runs once, on the boot CPU, interrupts off, on the boot stack.
 */
#include <stdatomic.h>

#include "exo/debug/log.h"
#include "exo/hal.h"

#include "acpi.h"
#include "apic.h"
#include "clock.h"
#include "cpuid.h"
#include "dispatch.h"
#include "entropy.h"
#include "features.h"
#include "ioapic.h"
#include "loader.h"
#include "paging.h"
#include "percpu.h"
#include "pic.h"
#include "power.h"
#include "ps2.h"
#include "remote.h"
#include "serial.h"
#include "smp.h"
#include "testhooks.h"
#include "trap.h"
#include "vga.h"

_Noreturn void x86_boot(uint32_t kind, uint32_t info_paddr);

static void cpu_init(void)
{
    struct percpu *block = percpu_boot();

    percpu_prepare(block, 0, 0);
    percpu_load(block);
    serial_early_init(); /* from here on something can be told */
    trap_init();
    trap_load();
    cpuid_init();
    block->apic_id = cpuid_info()->apic_id;
    atomic_store_explicit(&block->online, true, memory_order_release);
}

static uint64_t memory_init(struct boot_info *info)
{
    smp_init(info); /* takes its low page while there are some */
    features_init();
    const uint64_t direct_limit = paging_init(info);

    features_enable();
    return direct_limit;
}

static void tables_init(uint64_t direct_limit)
{
    const struct bootproto *proto = loader_proto();

    if (proto->rsdp_len_bytes > 0) {
        acpi_init_copy(proto->rsdp_copy, proto->rsdp_len_bytes, direct_limit,
                       cpuid_info()->apic_id);
    } else {
        acpi_init(proto->rsdp, direct_limit, cpuid_info()->apic_id);
    }
}

static void interrupts_init(void)
{
    pic_init();
    apic_init();
    ioapic_init();
    ipi_init();
    remote_init();
    testhooks_init();
}

static void devices_init(void)
{
    const uint32_t apic = cpuid_info()->apic_id;

    vga_init();
    power_init();
    clock_init();
    entropy_init();
    serial_irq_init(apic);
    ps2_init(apic);
}

static void weaknesses_report(void)
{
    if (!cpuid_info()->meltdown_safe) {
        klog(KLOG_WARN, "cpu", "user code may read kernel memory on this processor (Meltdown)");
    }
}

void x86_boot(uint32_t kind, uint32_t info_paddr)
{
    cpu_init();
    struct boot_info *info = loader_read((enum bootproto_kind)kind, info_paddr);
    const uint64_t direct_limit = memory_init(info);

    tables_init(direct_limit);
    interrupts_init();
    devices_init();
    weaknesses_report();
    info->cpu_count = acpi_facts()->cpu_count;
    acpi_numa_tell(&info->numa);
    paging_core_takes_over();
    core_main(info);
}
