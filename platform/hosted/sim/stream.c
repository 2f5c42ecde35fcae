/*
 * stream.c - random streams: xoshiro256**, one per subsystem, seeded from the run's seed.
 *
 * Invariants:
 *   (1) the state of stream s depends on the seed and s alone: the four words are the outputs
 *       4s+1 .. 4s+4 of splitmix64 started at the seed;
 *   (2) a draw before sim_streams_seed() ends the process: its value would be in no report.
 * Spec: Blackman and Vigna, "Scrambled linear pseudorandom number generators" (xoshiro256**);
 * Steele, Lea and Flood, "Fast splittable pseudorandom number generators" (splitmix64).
 */
#include "sim.h"

struct stream {
    uint64_t word[4];
    uint64_t last;
};

static struct stream g_stream[SIM_STREAMS];
static bool g_seeded;

static const char *const g_name[SIM_STREAMS] = {
    [SIM_STREAM_SCHED] = "sched",   [SIM_STREAM_FAULT] = "fault", [SIM_STREAM_USER] = "user",
    [SIM_STREAM_LAYOUT] = "layout", [SIM_STREAM_DISK] = "disk",   [SIM_STREAM_NET] = "net",
    [SIM_STREAM_PLAN] = "plan",
};

static uint64_t splitmix(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15ull;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ z >> 27) * 0x94d049bb133111ebull;
    return z ^ z >> 31;
}

static uint64_t rotate(uint64_t value, unsigned bits)
{
    return value << bits | value >> (64 - bits);
}

void sim_streams_seed(uint64_t seed)
{
    for (uint32_t i = 0; i < SIM_STREAMS; i++) {
        for (uint32_t word = 0; word < ARRAY_COUNT(g_stream[i].word); word++) {
            g_stream[i].word[word] = splitmix(&seed);
        }
        g_stream[i].last = 0;
    }
    g_seeded = true;
}

uint64_t sim_draw(enum sim_stream stream)
{
    uint64_t *const s = g_stream[stream].word;
    const uint64_t result = rotate(s[1] * 5, 7) * 9;
    const uint64_t shifted = s[1] << 17;

    if (!g_seeded) {
        host_fail("the stream \"%s\" was drawn from before there was a seed", g_name[stream]);
    }
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = rotate(s[3], 45);
    g_stream[stream].last = result;
    return result;
}

/* The high half of a product: every value but for one part in 2^64 / bound equally likely. */
uint64_t sim_draw_below(enum sim_stream stream, uint64_t bound)
{
    return (uint64_t)((unsigned __int128)sim_draw(stream) * bound >> 64);
}

uint64_t sim_stream_last(enum sim_stream stream)
{
    return g_stream[stream].last;
}

const char *sim_stream_name(enum sim_stream stream)
{
    return g_name[stream];
}
