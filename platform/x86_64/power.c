/*
 * power.c - the end of the machine.
 *
 * Invariant: nothing here needs a lock, memory or an interrupt once power_init() is done; every
 * wait ends, and what comes after a step that did not work is the next step.
 */
#include "power.h"

#include "exo/debug/log.h"
#include "exo/hal.h"

#include "acpi.h"
#include "clock.h"
#include "io.h"
#include "mmio.h"
#include "serial.h"

#define PORT_DEBUG_CONSOLE 0xe9u
#define PORT_DEBUG_EXIT    0xf4u
#define PORT_KEYBOARD      0x64u
#define KEYBOARD_RESET     0xfeu
#define KEYBOARD_BUSY      0x02u
#define PORT_PCI_ADDRESS   0xcf8u
#define PORT_PCI_DATA      0xcfcu

#define PM1_SCI_ENABLE   0x0001u
#define PM1_SLEEP_TYPE   0x1c00u
#define PM1_SLEEP_SHIFT  10u
#define PM1_SLEEP_ENABLE 0x2000u

#define ACPI_MODE_WAIT_NS 300000000ull
#define STEP_WAIT_NS      100000000ull

static volatile uint8_t *g_reset_mapping; /* where the reset register is memory */

void power_init(void)
{
    const struct acpi_fadt *fadt = &acpi_facts()->fadt;

    if (fadt->reset_supported && fadt->reset.space == ACPI_GAS_MEMORY) {
        g_reset_mapping = mmio_map(fadt->reset.address, 1);
    }
}

bool power_can_poweroff(void)
{
    const struct acpi_facts *facts = acpi_facts();
    const struct acpi_gas *control = &facts->fadt.pm1a_control;

    return facts->has_fadt && facts->has_s5 && !facts->fadt.hardware_reduced &&
           control->space == ACPI_GAS_IO && control->address != 0 && control->address <= UINT16_MAX;
}

/* Take over power management from the firmware, without which it may ignore PM1. */
static void acpi_mode_enter(void)
{
    const struct acpi_fadt *fadt = &acpi_facts()->fadt;
    const uint16_t control = (uint16_t)fadt->pm1a_control.address;

    if (fadt->smi_command == 0 || fadt->acpi_enable == 0 || fadt->smi_command > UINT16_MAX ||
        (inw(control) & PM1_SCI_ENABLE) != 0) {
        return;
    }
    const uint64_t end_ns = hal_clock_ns() + ACPI_MODE_WAIT_NS;

    outb((uint16_t)fadt->smi_command, fadt->acpi_enable);
    while ((inw(control) & PM1_SCI_ENABLE) == 0 && hal_clock_ns() < end_ns) {
        hal_pause();
    }
}

/* Write one PM1 control register: sleep type first, then with the enable bit, as the specification
 * asks. */
static void sleep_write(const struct acpi_gas *control, uint8_t type)
{
    if (control->space != ACPI_GAS_IO || control->address == 0 || control->address > UINT16_MAX) {
        return;
    }
    const uint16_t port = (uint16_t)control->address;
    const uint16_t value = (uint16_t)((inw(port) & ~(PM1_SLEEP_TYPE | PM1_SLEEP_ENABLE)) |
                                      (uint32_t)type << PM1_SLEEP_SHIFT);

    outw(port, value);
    outw(port, value | PM1_SLEEP_ENABLE);
}

static void poweroff(void)
{
    const struct acpi_facts *facts = acpi_facts();

    if (!power_can_poweroff()) {
        return;
    }
    acpi_mode_enter();
    sleep_write(&facts->fadt.pm1a_control, facts->s5.type_a);
    sleep_write(&facts->fadt.pm1b_control, facts->s5.type_b);
    clock_spin_ns(STEP_WAIT_NS);
}

static void debug_puts(const char *text)
{
    for (; *text != '\0'; text++) {
        outb(PORT_DEBUG_CONSOLE, (uint8_t)*text);
    }
}

/* Tell an emulator's debug console how the system ended: "exo-exit STATUS\n". */
static void debug_report(uint32_t status)
{
    char digits[4] = { 0 }; /* status is 0-255 */
    size_t at = sizeof(digits) - 1;

    do {
        digits[--at] = (char)('0' + status % 10);
        status /= 10;
    } while (status != 0);
    debug_puts("exo-exit ");
    debug_puts(&digits[at]);
    debug_puts("\n");
}

void hal_shutdown(int status)
{
    hal_irq_disable();
    serial_flush();
    debug_report((uint32_t)status & 0xff);
    outl(PORT_DEBUG_EXIT, status == 0 ? 0 : 1);
    poweroff();
    hal_cpu_halt();
}

/* Write the FADT's reset register, if there is one this kernel can reach. */
static void reset_register_write(void)
{
    const struct acpi_fadt *fadt = &acpi_facts()->fadt;
    const uint64_t address = fadt->reset.address;

    if (!fadt->reset_supported) {
        return;
    }
    if (fadt->reset.space == ACPI_GAS_IO && address <= UINT16_MAX) {
        outb((uint16_t)address, fadt->reset_value);
    } else if (g_reset_mapping != NULL) {
        *g_reset_mapping = fadt->reset_value;
    } else if (fadt->reset.space == ACPI_GAS_PCI_CONFIG) {
        /* Bus 0: device in bits 32-47, function in 16-31, register in 0-15. */
        const uint32_t device = (uint32_t)(address >> 32) & 0x1f;
        const uint32_t function = (uint32_t)(address >> 16) & 7;
        const uint32_t offset = (uint32_t)address & 0xff;

        outl(PORT_PCI_ADDRESS, 0x80000000u | device << 11 | function << 8 | (offset & 0xfc));
        outb((uint16_t)(PORT_PCI_DATA + (offset & 3)), fadt->reset_value);
    }
    clock_spin_ns(STEP_WAIT_NS);
}

static void keyboard_reset(void)
{
    const uint64_t end_ns = hal_clock_ns() + STEP_WAIT_NS;

    while ((inb(PORT_KEYBOARD) & KEYBOARD_BUSY) != 0 && hal_clock_ns() < end_ns) {
        hal_pause();
    }
    outb(PORT_KEYBOARD, KEYBOARD_RESET);
    clock_spin_ns(STEP_WAIT_NS);
}

void hal_restart(void)
{
    static const struct {
        uint16_t limit;
        uint64_t base;
    } __attribute__((packed)) no_idt = { 0, 0 };

    hal_irq_disable();
    serial_flush();
    reset_register_write();
    keyboard_reset();
    /* Without an IDT the next exception becomes a double fault, and that a shutdown, which
     * resets. */
    __asm__ volatile("lidt %0\n\tint3" : : "m"(no_idt));
    hal_cpu_halt();
}
