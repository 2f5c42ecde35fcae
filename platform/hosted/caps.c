/*
 * caps.c - what the machine says of itself: the host processor's name, the rate of its counter.
 */
#include <string.h>

#include "host.h"

static char g_cpu_name[49];
static struct hal_caps g_caps;

const struct hal_caps *hal_caps(void)
{
    return &g_caps;
}

/* Ask the processor for its name: three leaves of sixteen bytes, blanks in front. */
static void cpu_name_read(void)
{
    uint32_t regs[12] = { 0 };

    for (uint32_t leaf = 0; leaf < 3; leaf++) {
        uint32_t *const r = regs + (size_t)leaf * 4;

        __asm__ volatile("cpuid"
                         : "=a"(r[0]), "=b"(r[1]), "=c"(r[2]), "=d"(r[3])
                         : "a"(0x80000002u + leaf));
    }
    memcpy(g_cpu_name, regs, sizeof(regs));
}

uint8_t hosted_fill_mask(void)
{
    return 0;
}

void hosted_caps_init(uint32_t cpus)
{
    cpu_name_read();
    g_caps = (struct hal_caps){
        .cpu_name = g_cpu_name + strspn(g_cpu_name, " "),
        .clock_name = "host",
        .cycles_hz = hosted_clock_hz(),
        .cpus = cpus,
        .can_poweroff = true,
    };
}
