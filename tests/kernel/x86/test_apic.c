/*
 * test_apic.c - interrupt controllers: the mode that was chosen, and that interrupts really travel.
 */
#include "exo_check.h"

#include <stdatomic.h>

#include "exo/hal.h"

#include "platform/x86_64/acpi.h"
#include "platform/x86_64/apic.h"
#include "platform/x86_64/cpuid.h"
#include "platform/x86_64/io.h"
#include "platform/x86_64/ioapic.h"
#include "platform/x86_64/irq.h"

#define MSR_APIC_BASE      0x1bu
#define MSR_X2APIC_TIMER   0x832u
#define APIC_BASE_X2APIC   (1ull << 10)
#define APIC_BASE_ENABLE   (1ull << 11)
#define LVT_TIMER_MODE     (3u << 17)
#define LVT_TIMER_DEADLINE (2u << 17)
#define WAIT_NS            10000000000ull

static _Atomic uint32_t g_taken;

static void count_interrupt(void *arg)
{
    (void)arg;
    atomic_fetch_add_explicit(&g_taken, 1, memory_order_relaxed);
}

/* A vector of this test's own, registered once: vectors are never given back. */
static uint8_t test_vector(void)
{
    static uint32_t vector;

    if (vector == 0) {
        vector = irq_vector_alloc();
        ck_assert_uint_ne(vector, 0);
        irq_register(vector, count_interrupt, NULL);
    }
    return (uint8_t)vector;
}

/* x2APIC where the CPU has it, and the TSC deadline timer where it has that and a steady TSC. An
 * emulator without them runs this too; Bochs has both. */
START_TEST(best_mode_of_the_cpu_is_in_use)
{
    const struct cpuid_info *info = cpuid_info();
    const uint64_t base = msr_read(MSR_APIC_BASE);

    ck_assert((base & APIC_BASE_ENABLE) != 0);
    ck_assert_int_eq((base & APIC_BASE_X2APIC) != 0, info->x2apic);
    ck_assert_int_eq(apic_is_x2apic(), info->x2apic);
    if (info->x2apic && info->tsc_deadline && info->tsc_invariant &&
        hal_caps()->clock_name[0] == 't') {
        ck_assert_uint_eq(msr_read(MSR_X2APIC_TIMER) & LVT_TIMER_MODE, LVT_TIMER_DEADLINE);
    }
}
END_TEST

/* With interrupts off a self-sent one stays pending; it is taken, once, when they come on. */
START_TEST(self_interrupt_waits_for_the_flag)
{
    const uint8_t vector = test_vector();
    const uint32_t before = atomic_load_explicit(&g_taken, memory_order_relaxed);
    const hal_irq_t irq = hal_irq_save();
    const uint64_t end_ns = hal_clock_ns() + WAIT_NS;

    apic_send_self(vector);
    while (!apic_is_pending(vector) && hal_clock_ns() < end_ns) {
        hal_pause();
    }
    const bool pending = apic_is_pending(vector);
    const uint32_t meanwhile = atomic_load_explicit(&g_taken, memory_order_relaxed);

    hal_irq_restore(irq);
    while (atomic_load_explicit(&g_taken, memory_order_relaxed) == before &&
           hal_clock_ns() < end_ns) {
        hal_pause();
    }
    ck_assert(pending);
    ck_assert_uint_eq(meanwhile, before);
    ck_assert_uint_eq(atomic_load_explicit(&g_taken, memory_order_relaxed), before + 1);
    ck_assert(!apic_is_pending(vector));
}
END_TEST

START_TEST(many_interrupts_reach_every_cpu)
{
    const uint8_t vector = test_vector();
    const struct acpi_facts *facts = acpi_facts();

    for (uint32_t round = 0; round < 100; round++) {
        const uint32_t apic_id = facts->cpu[round % facts->cpu_count].apic_id;
        const uint32_t before = atomic_load_explicit(&g_taken, memory_order_relaxed);
        const uint64_t end_ns = hal_clock_ns() + WAIT_NS;

        apic_send_ipi(apic_id, vector);
        while (atomic_load_explicit(&g_taken, memory_order_relaxed) == before &&
               hal_clock_ns() < end_ns) {
            hal_pause();
        }
        ck_assert_uint_eq(atomic_load_explicit(&g_taken, memory_order_relaxed), before + 1);
    }
}
END_TEST

START_TEST(lines_that_nobody_has_are_refused)
{
    const struct acpi_line edge = { 0 };

    ck_assert_int_eq(ioapic_route(100000, edge, 0x50, 0), EXO_ERR_NOT_FOUND);
    if (ioapic_count() != 0) {
        ck_assert_int_eq(ioapic_route_isa(5, 0x50, 255), EXO_ERR_INVALID);
    }
    ioapic_mask(100000, true); /* ignored */
}
END_TEST

START_TEST(isa_lines_follow_the_overrides)
{
    const struct acpi_madt *madt = &acpi_facts()->madt;
    struct acpi_line line;

    for (uint8_t irq = 0; irq < 16; irq++) {
        const uint32_t gsi = acpi_isa_gsi(irq, &line);
        bool overridden = false;

        for (uint32_t i = 0; i < madt->override_count; i++) {
            if (madt->override[i].isa_irq == irq) {
                overridden = true;
                ck_assert_uint_eq(gsi, madt->override[i].gsi);
                ck_assert_int_eq(line.level, madt->override[i].line.level);
            }
        }
        if (!overridden) {
            ck_assert_uint_eq(gsi, irq);
            ck_assert(!line.level && !line.active_low);
        }
    }
}
END_TEST

EXO_SUITE(x86_apic, EXO_TEST(best_mode_of_the_cpu_is_in_use),
          EXO_TEST(self_interrupt_waits_for_the_flag), EXO_TEST(many_interrupts_reach_every_cpu),
          EXO_TEST(lines_that_nobody_has_are_refused), EXO_TEST(isa_lines_follow_the_overrides))
