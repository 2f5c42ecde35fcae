/*
 * apic.c - the local APIC in either mode.
 *
 * Invariants:
 *   (1) g_x2apic and g_base are constant after apic_init(); g_base is NULL in x2APIC mode;
 *   (2) every register access is to the own CPU's APIC;
 *   (3) an xAPIC's ICR is written high word first, interrupts off, after the former IPI has left.
 */
#include "apic.h"

#include "exo/debug/log.h"
#include "exo/debug/panic.h"
#include "exo/hal.h"

#include "acpi.h"
#include "cpuid.h"
#include "io.h"
#include "irq.h"
#include "mmio.h"

#define MSR_APIC_BASE     0x1bu
#define APIC_BASE_X2APIC  (1ull << 10)
#define APIC_BASE_ENABLE  (1ull << 11)
#define APIC_BASE_ADDRESS 0x000ffffffffff000ull
#define MSR_X2APIC        0x800u /* register at offset N is MSR 0x800 + N / 16 */
#define MSR_TSC_DEADLINE  0x6e0u

enum apic_register {
    REG_ID = 0x20,
    REG_TPR = 0x80,
    REG_EOI = 0xb0,
    REG_SPURIOUS = 0xf0,
    REG_IRR = 0x200,
    REG_ESR = 0x280,
    REG_LVT_CMCI = 0x2f0,
    REG_ICR = 0x300,
    REG_ICR_HIGH = 0x310,
    REG_LVT_TIMER = 0x320,
    REG_LVT_THERMAL = 0x330,
    REG_LVT_PERF = 0x340,
    REG_LVT_LINT0 = 0x350,
    REG_LVT_LINT1 = 0x360,
    REG_LVT_ERROR = 0x370,
    REG_TIMER_INITIAL = 0x380,
    REG_TIMER_CURRENT = 0x390,
    REG_TIMER_DIVIDE = 0x3e0,
    REG_SELF_IPI = 0x3f0, /* x2APIC only */
    REG_VERSION = 0x30,
};

#define SPURIOUS_ENABLE  (1u << 8)
#define LVT_MASKED       (1u << 16)
#define LVT_LEVEL        (1u << 15)
#define LVT_ACTIVE_LOW   (1u << 13)
#define LVT_EXTINT       (7u << 8)
#define LVT_NMI          (4u << 8)
#define LVT_TSC_DEADLINE (2u << 17)
#define DIVIDE_BY_16     3u
#define ICR_NMI          (4u << 8)
#define ICR_INIT         (5u << 8)
#define ICR_STARTUP      (6u << 8)
#define ICR_PENDING      (1u << 12)
#define ICR_ASSERT       (1u << 14)
#define ICR_ALL_BUT_SELF (3u << 18)
#define DELIVERY_TRIES   100000u /* each a register read: far above 1 ms on any machine */

static bool g_x2apic;
static volatile void *g_base;

static uint32_t reg_read(enum apic_register reg)
{
    return g_x2apic ? (uint32_t)msr_read(MSR_X2APIC + ((uint32_t)reg >> 4))
                    : mmio_read32(g_base, reg);
}

static void reg_write(enum apic_register reg, uint32_t value)
{
    if (g_x2apic) {
        msr_write(MSR_X2APIC + ((uint32_t)reg >> 4), value);
    } else {
        mmio_write32(g_base, reg, value);
    }
}

/* Set one LINT pin as the MADT says for this CPU: NMI where it is wired so, masked otherwise. The
 * 8259's line is on LINT0 and stays shut: the I/O APIC delivers. */
static void lint_set(enum apic_register reg, uint8_t lint, uint32_t uid)
{
    const struct acpi_madt *madt = &acpi_facts()->madt;

    for (uint32_t i = 0; i < madt->local_nmi_count; i++) {
        const struct acpi_madt_local_nmi *nmi = &madt->local_nmi[i];

        if (nmi->lint == lint && (nmi->uid == ACPI_UID_ALL || nmi->uid == uid)) {
            /* An NMI pin is edge-triggered by architecture; only its polarity counts. */
            reg_write(reg, LVT_NMI | (nmi->line.active_low ? LVT_ACTIVE_LOW : 0));
            return;
        }
    }
    reg_write(reg, LVT_MASKED);
}

/* The firmware's number of the CPU with this APIC id, which MADT entries use. */
static uint32_t uid_of(uint32_t id)
{
    const struct acpi_facts *facts = acpi_facts();

    for (uint32_t i = 0; i < facts->cpu_count; i++) {
        if (facts->cpu[i].apic_id == id) {
            return facts->cpu[i].uid;
        }
    }
    return ACPI_UID_ALL - 1;
}

void apic_enable(void)
{
    const uint64_t base = msr_read(MSR_APIC_BASE) | APIC_BASE_ENABLE;

    msr_write(MSR_APIC_BASE, base); /* x2APIC mode is entered through xAPIC mode */
    if (g_x2apic) {
        msr_write(MSR_APIC_BASE, base | APIC_BASE_X2APIC);
    }
    const uint32_t uid = uid_of(apic_id());
    const uint32_t lvt_max = (reg_read(REG_VERSION) >> 16) & 0xff;

    reg_write(REG_TPR, 0);
    /* Software-enable first: while it is off, LVT writes cannot clear the mask bits. */
    reg_write(REG_SPURIOUS, SPURIOUS_ENABLE | IRQ_VECTOR_SPURIOUS);
    reg_write(REG_LVT_TIMER, LVT_MASKED);
    if (lvt_max >= 4) {
        reg_write(REG_LVT_PERF, LVT_MASKED);
    }
    if (lvt_max >= 5) {
        reg_write(REG_LVT_THERMAL, LVT_MASKED);
    }
    if (lvt_max >= 6) {
        reg_write(REG_LVT_CMCI, LVT_MASKED);
    }
    lint_set(REG_LVT_LINT0, 0, uid);
    lint_set(REG_LVT_LINT1, 1, uid);
    reg_write(REG_ESR, 0);
    reg_write(REG_LVT_ERROR, IRQ_VECTOR_ERROR);
    reg_write(REG_TIMER_DIVIDE, DIVIDE_BY_16);
    reg_write(REG_TIMER_INITIAL, 0);
    apic_eoi(); /* whatever the firmware left in service */
}

void apic_init(void)
{
    if (!cpuid_info()->apic) {
        panic("no local APIC: this kernel cannot run on such a machine");
    }
    const uint64_t base = msr_read(MSR_APIC_BASE);

    /* Firmware that switched to x2APIC may not be switched back without losing state: stay
     * there. */
    g_x2apic = cpuid_info()->x2apic || (base & APIC_BASE_X2APIC) != 0;
    if (!g_x2apic) {
        g_base = mmio_map(base & APIC_BASE_ADDRESS, PAGE_SIZE);
        if (g_base == NULL) {
            panic("no room to map the local APIC");
        }
    }
    apic_enable();
    klog(KLOG_INFO, "apic", "enabled mode=%s id=%u version=0x%x", g_x2apic ? "x2apic" : "xapic",
         apic_id(), reg_read(REG_VERSION));
}

void apic_accept_8259(void)
{
    reg_write(REG_LVT_LINT0, LVT_EXTINT);
}

bool apic_is_x2apic(void)
{
    return g_x2apic;
}

uint32_t apic_id(void)
{
    return g_x2apic ? reg_read(REG_ID) : reg_read(REG_ID) >> 24;
}

void apic_eoi(void)
{
    reg_write(REG_EOI, 0);
}

/* ---- interrupts to other CPUs
 * -------------------------------------------------------------------- */

static void icr_send(uint32_t target, uint32_t command)
{
    if (g_x2apic) {
        /* The MSR write is not a fence: what the receiver is to see must be out before it. */
        __asm__ volatile("mfence; lfence" : : : "memory");
        msr_write(MSR_X2APIC + (REG_ICR >> 4), ((uint64_t)target << 32) | command);
        return;
    }
    const hal_irq_t irq = hal_irq_save();

    for (uint32_t i = 0; i < DELIVERY_TRIES && (reg_read(REG_ICR) & ICR_PENDING) != 0; i++) {
        hal_pause();
    }
    reg_write(REG_ICR_HIGH, target << 24);
    reg_write(REG_ICR, command);
    hal_irq_restore(irq);
}

void apic_send_ipi(uint32_t apic_id, uint8_t vector)
{
    icr_send(apic_id, ICR_ASSERT | vector);
}

void apic_send_self(uint8_t vector)
{
    if (g_x2apic) {
        reg_write(REG_SELF_IPI, vector);
    } else {
        icr_send(apic_id(), ICR_ASSERT | vector);
    }
}

void apic_send_nmi(uint32_t apic_id)
{
    icr_send(apic_id, ICR_ASSERT | ICR_NMI);
}

void apic_send_nmi_others(void)
{
    icr_send(0, ICR_ASSERT | ICR_NMI | ICR_ALL_BUT_SELF);
}

void apic_send_init(uint32_t apic_id)
{
    reg_write(REG_ESR, 0);
    icr_send(apic_id, ICR_ASSERT | ICR_INIT);
}

void apic_send_startup(uint32_t apic_id, paddr_t start_paddr)
{
    reg_write(REG_ESR, 0);
    icr_send(apic_id, ICR_ASSERT | ICR_STARTUP | (uint32_t)((start_paddr >> PAGE_SHIFT) & 0xff));
}

bool apic_is_pending(uint8_t vector)
{
    const uint32_t word = reg_read((enum apic_register)(REG_IRR + (vector / 32u) * 16u));

    return ((word >> (vector % 32u)) & 1u) != 0;
}

/* ---- timer
 * --------------------------------------------------------------------------------------- */

void apic_timer_oneshot_select(uint8_t vector)
{
    reg_write(REG_LVT_TIMER, vector);
}

void apic_timer_oneshot_set(uint32_t counts)
{
    reg_write(REG_TIMER_INITIAL, counts);
}

void apic_timer_deadline_select(uint8_t vector)
{
    reg_write(REG_LVT_TIMER, LVT_TSC_DEADLINE | vector);
    /* In xAPIC mode the LVT is memory: its write must be done before the MSR counts. */
    __asm__ volatile("mfence" : : : "memory");
}

void apic_timer_deadline_set(uint64_t tsc)
{
    msr_write(MSR_TSC_DEADLINE, tsc);
}

void apic_timer_measure_start(void)
{
    reg_write(REG_LVT_TIMER, LVT_MASKED);
    reg_write(REG_TIMER_INITIAL, UINT32_MAX);
}

uint32_t apic_timer_count(void)
{
    return reg_read(REG_TIMER_CURRENT);
}
