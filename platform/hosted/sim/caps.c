/*
 * caps.c - what the simulated machine says of itself: the same on every host.
 */
#include "exo/mem/fill.h"
#include "sim.h"

static struct hal_caps g_caps;

const struct hal_caps *hal_caps(void)
{
    return &g_caps;
}

/* Other bytes in every other run, as the seed has them. */
uint8_t hosted_fill_mask(void)
{
    uint8_t mask;

    do {
        mask = (uint8_t)(sim_draw(SIM_STREAM_LAYOUT) >> 56);
    } while (!fill_mask_fits(mask));
    return mask;
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
