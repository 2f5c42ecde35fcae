/*
 * pmtimer.c - the ACPI timer, read through its port.
 *
 * Invariant: g_port is 0 exactly when there is no usable timer.
 */
#include "pmtimer.h"

#include "exo/debug/log.h"

#include "acpi.h"
#include "io.h"

#define MASK_24        0x00ffffffu
#define COUNTING_TRIES 100000u

static uint16_t g_port;
static uint32_t g_mask;

bool pmtimer_init(void)
{
    const struct acpi_facts *facts = acpi_facts();
    const struct acpi_gas *gas = &facts->fadt.pm_timer;

    if (!facts->has_fadt || facts->fadt.hardware_reduced || gas->address == 0) {
        return false;
    }
    if (gas->space != ACPI_GAS_IO || gas->address > UINT16_MAX) {
        klog(KLOG_WARN, "pmtimer", "not at a port space=%u", gas->space);
        return false;
    }
    const uint16_t port = (uint16_t)gas->address;
    const uint32_t first = inl(port);

    for (uint32_t i = 0; inl(port) == first; i++) {
        if (i == COUNTING_TRIES) {
            klog(KLOG_WARN, "pmtimer", "stands still port=0x%x", port);
            return false;
        }
    }
    g_port = port;
    g_mask = facts->fadt.pm_timer_32bit ? UINT32_MAX : MASK_24;
    return true;
}

bool pmtimer_present(void)
{
    return g_port != 0;
}

uint32_t pmtimer_read(void)
{
    return inl(g_port) & g_mask;
}

uint32_t pmtimer_mask(void)
{
    return g_mask;
}
