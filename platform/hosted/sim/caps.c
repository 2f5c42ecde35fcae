/*
 * caps.c - what the simulated machine says of itself: the same on every host.
 */
#include "sim.h"

static struct hal_caps g_caps;

const struct hal_caps *hal_caps(void)
{
    return &g_caps;
}

void hosted_caps_init(uint32_t cpus)
{
    g_caps = (struct hal_caps){
        .cpu_name = "simulated",
        .clock_name = "virtual",
        .cycles_hz = hosted_clock_hz(),
        .cpus = cpus,
        .can_poweroff = true,
    };
}
