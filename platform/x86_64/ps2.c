/*
 * ps2.c - the 8042 controller and the keyboard behind it.
 *
 * Invariant: g_decoder is touched only before the interrupt is routed and by its handler, which
 * runs on one CPU.
 */
#include "ps2.h"

#include "exo/debug/log.h"
#include "exo/hal.h"

#include "acpi.h"
#include "clock.h"
#include "io.h"
#include "pic_isa.h"

#define PORT_DATA    0x60u
#define PORT_STATUS  0x64u
#define PORT_COMMAND 0x64u

#define STATUS_OUTPUT_FULL 0x01u
#define STATUS_INPUT_FULL  0x02u
#define STATUS_FROM_AUX    0x20u

#define COMMAND_CONFIG_READ  0x20u
#define COMMAND_CONFIG_WRITE 0x60u
#define COMMAND_AUX_OFF      0xa7u
#define COMMAND_KEYBOARD_OFF 0xadu
#define COMMAND_KEYBOARD_ON  0xaeu

#define CONFIG_IRQ_KEYBOARD 0x01u
#define CONFIG_IRQ_AUX      0x02u
#define CONFIG_KEYBOARD_OFF 0x10u
#define CONFIG_TRANSLATE    0x40u

#define KEYBOARD_SCAN_ON 0xf4u
#define ISA_IRQ          1u
#define WAIT_NS          2000000ull
#define DRAIN_MAX        32u

static struct ps2_decoder g_decoder;

/* Wait until the status register has `bits` as `set` says; false after WAIT_NS. */
static bool status_wait(uint8_t bits, bool set)
{
    const uint64_t end_ns = hal_clock_ns() + WAIT_NS;

    while (((inb(PORT_STATUS) & bits) != 0) != set) {
        if (hal_clock_ns() > end_ns) {
            return false;
        }
        hal_pause();
    }
    return true;
}

static bool command_write(uint8_t command)
{
    if (!status_wait(STATUS_INPUT_FULL, false)) {
        return false;
    }
    outb(PORT_COMMAND, command);
    return true;
}

static bool data_write(uint8_t data)
{
    if (!status_wait(STATUS_INPUT_FULL, false)) {
        return false;
    }
    outb(PORT_DATA, data);
    return true;
}

static void drain(void)
{
    for (unsigned i = 0; i < DRAIN_MAX && (inb(PORT_STATUS) & STATUS_OUTPUT_FULL) != 0; i++) {
        (void)inb(PORT_DATA);
    }
}

/* Bring controller and keyboard into a known state; gives the scan code set that will arrive. */
static bool controller_init(uint8_t *set)
{
    if (inb(PORT_STATUS) == 0xff || !command_write(COMMAND_KEYBOARD_OFF) ||
        !command_write(COMMAND_AUX_OFF)) {
        return false;
    }
    drain();
    if (!command_write(COMMAND_CONFIG_READ) || !status_wait(STATUS_OUTPUT_FULL, true)) {
        return false;
    }
    const uint8_t found = inb(PORT_DATA);
    const uint8_t config =
        (uint8_t)((found | CONFIG_IRQ_KEYBOARD) & ~(CONFIG_IRQ_AUX | CONFIG_KEYBOARD_OFF));

    if (!command_write(COMMAND_CONFIG_WRITE) || !data_write(config) ||
        !command_write(COMMAND_KEYBOARD_ON) || !data_write(KEYBOARD_SCAN_ON)) {
        return false;
    }
    /* The acknowledgement may take longer than anybody wants to wait: the decoder knows no such
     * code. */
    (void)status_wait(STATUS_OUTPUT_FULL, true);
    drain();
    *set = (found & CONFIG_TRANSLATE) != 0 ? 1 : 2;
    return true;
}

static void keyboard_interrupt(void *arg)
{
    (void)arg;
    for (unsigned i = 0; i < DRAIN_MAX; i++) {
        const uint8_t status = inb(PORT_STATUS);
        char bytes[PS2_BYTES_MAX];

        if ((status & STATUS_OUTPUT_FULL) == 0) {
            return;
        }
        const uint8_t code = inb(PORT_DATA);
        const size_t count =
            (status & STATUS_FROM_AUX) == 0 ? ps2_decode(&g_decoder, code, bytes) : 0;

        if (count != 0) {
            core_on_console_input(bytes, count);
        }
    }
}

void ps2_init(uint32_t apic_id)
{
    const struct acpi_facts *facts = acpi_facts();
    uint8_t set = 1;

    if ((facts->has_fadt && !facts->fadt.has_8042) || !controller_init(&set)) {
        klog(KLOG_INFO, "ps2", "no keyboard controller");
        return;
    }
    ps2_decoder_init(&g_decoder, set);
    if (isa_connect(ISA_IRQ, apic_id, keyboard_interrupt, NULL) != EXO_OK) {
        klog(KLOG_WARN, "ps2", "no interrupt, keyboard stays off");
        return;
    }
    klog(KLOG_INFO, "ps2", "keyboard on set=%u", set);
}
