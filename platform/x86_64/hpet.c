/*
 * hpet.c - the HPET's main counter. Its comparators and legacy routing stay off.
 *
 * Invariant: g_base is NULL exactly when there is no usable HPET.
 *
 * Only the low word is read: one access that no hypervisor or bus splits, and 32 bits are enough
 * for users that look at it more often than once in 40 seconds (clock.c).
 */
#include "hpet.h"

#include "exo/debug/log.h"

#include "acpi.h"
#include "io.h"
#include "mmio.h"

#define HPET_MMIO_BYTES 0x400u
#define REG_PERIOD      0x04u /* high word of the capabilities: femtoseconds per tick */
#define REG_CONFIG      0x10u
#define REG_COUNTER     0xf0u
#define CONFIG_ENABLE   1u
#define CONFIG_LEGACY   2u
#define PERIOD_FS_MAX   100000000u /* 10 MHz at least, says the specification */
#define PERIOD_FS_MIN   100000u    /* 10 GHz: nothing real is faster */
#define FS_PER_SECOND   1000000000000000ull
#define COUNTING_TRIES  100000u

static volatile void *g_base;
static uint64_t g_hz;

bool hpet_init(void)
{
    const struct acpi_facts *facts = acpi_facts();

    if (!facts->has_hpet) {
        return false;
    }
    volatile void *base = mmio_map(facts->hpet.address, HPET_MMIO_BYTES);

    if (base == NULL) {
        klog(KLOG_WARN, "hpet", "no room to map");
        return false;
    }
    const uint32_t period_fs = mmio_read32(base, REG_PERIOD);

    if (period_fs < PERIOD_FS_MIN || period_fs > PERIOD_FS_MAX) {
        klog(KLOG_WARN, "hpet", "period senseless fs=%u", period_fs);
        return false;
    }
    const uint32_t config = mmio_read32(base, REG_CONFIG);

    mmio_write32(base, REG_CONFIG, (config & ~CONFIG_LEGACY) | CONFIG_ENABLE);
    const uint32_t first = mmio_read32(base, REG_COUNTER);

    for (uint32_t i = 0; mmio_read32(base, REG_COUNTER) == first; i++) {
        if (i == COUNTING_TRIES) {
            klog(KLOG_WARN, "hpet", "counter stands still");
            return false;
        }
    }
    g_base = base;
    g_hz = (FS_PER_SECOND + period_fs / 2) / period_fs;
    return true;
}

bool hpet_present(void)
{
    return g_base != NULL;
}

uint32_t hpet_read(void)
{
    return mmio_read32(g_base, REG_COUNTER);
}

uint64_t hpet_hz(void)
{
    return g_hz;
}
