/*
 * cap_bench.h - what the rows of capabilities and their rival have in common.
 */
#ifndef CAP_BENCH_H
#define CAP_BENCH_H

#include "exo/lib/types.h"

#define CAP_BENCH_FEW  1000u
#define CAP_BENCH_MANY 1000000u

/* Put number[count] into an order that no prefetcher guesses, the same one each time. */
static inline void cap_bench_shuffle(uint64_t *number, uint32_t count)
{
    uint64_t random = 1;

    for (uint32_t i = count - 1; i > 0; i--) {
        random = random * 6364136223846793005ull + 1442695040888963407ull;
        const uint32_t other = (uint32_t)((random >> 32) % ((uint64_t)i + 1));
        const uint64_t keep = number[i];

        number[i] = number[other];
        number[other] = keep;
    }
}

#endif /* CAP_BENCH_H */
